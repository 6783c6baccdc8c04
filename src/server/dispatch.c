#include "server/dispatch.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "proto/command.h"
#include "proto/event_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- events out ---- */

static struct control_conn *connection_of(struct dispatch *d, uint64_t number)
{
    const struct client *client = client_find_number(d->clients, number);
    return client ? client->control : NULL;
}

/* A client that has come back over another connection meanwhile is the commander still. */
static struct control_conn *commander_of(struct dispatch *d, const struct origin *answer)
{
    struct control_conn *c = control_find(d->controls, answer->connection);
    return c ? c : connection_of(d, answer->client);
}

/* Sends a line and frees it. */
static void send_line(struct control_conn *c, char *line)
{
    control_send(c, line, line ? strlen(line) : 0);
    free(line);
}

/* Those who hear an event besides its commander all read the same line. */
static void send_copies(struct dispatch *d, const struct event *e, struct control_conn *commander,
                        struct control_conn *owners)
{
    AUTO_FREE char *line = event_json_line(e, NULL);
    size_t len = line ? strlen(line) : 0;
    if (owners && owners != commander)
        control_send(owners, line, len);
    if (d->n_watching == 0)
        return;
    struct control_conn *c, *tmp;
    HASH_ITER(hh, d->controls->by_number, c, tmp)
    {
        if (c->watching && c != commander && c != owners)
            control_send(c, line, len);
    }
}

void dispatch_event(const struct event *e, const struct origin *answer, uint64_t owner, void *arg)
{
    struct dispatch *d = arg;
    struct control_conn *commander = answer ? commander_of(d, answer) : NULL;
    if (commander)
        send_line(commander, event_json_line(e, answer->has_tag ? answer->tag : NULL));
    struct control_conn *owners = owner != 0 ? connection_of(d, owner) : NULL;
    if ((owners && owners != commander) || (owner != 0 && d->n_watching > 0))
        send_copies(d, e, commander, owners);
}

struct id_copy {
    bool is_set;
    char text[COMMAND_PLAY_ID_MAX + 1];
};

static void copy_play_id(const struct session_info *info, void *arg)
{
    struct id_copy *id = arg;
    id->is_set = true;
    (void)snprintf(id->text, sizeof id->text, "%s", info->play_id);
}

void dispatch_slow(uint64_t client, uint64_t channel, uint64_t n_dropped, void *arg)
{
    struct dispatch *d = arg;
    struct id_copy play_id = { 0 };
    char message[96];
    sessions_list(d->sessions, channel, client, copy_play_id, &play_id);
    (void)snprintf(message, sizeof message,
                   "the audio connection does not read: %" PRIu64 " frames were dropped",
                   n_dropped);
    struct event e = {
        .type = EVENT_WARNING,
        .channel = channel,
        .play_id = play_id.is_set ? play_id.text : NULL,
        .warning = TUTTI_W_SLOW_CONSUMER,
        .message = message,
    };
    dispatch_event(&e, NULL, client, d);
}

static void answer_error(struct control_conn *c, const struct command *cmd, enum tutti_error code,
                         const char *why)
{
    struct event e = {
        .type = EVENT_ERROR,
        .channel = cmd->channel,
        .play_id = cmd->has_play_id ? cmd->play_id : NULL,
        .error = code,
        .message = why,
    };
    send_line(c, event_json_line(&e, cmd->has_tag ? cmd->tag : NULL));
}

/* ---- answers that are not about one session ---- */

static void add_session(const struct session_info *info, void *arg)
{
    (void)json_array_append_new(arg, event_json_session(info));
}

static json_t *sessions_json(struct dispatch *d, uint64_t channel, uint64_t client)
{
    json_t *list = json_array();
    if (list)
        sessions_list(d->sessions, channel, client, add_session, list);
    return list;
}

static void answer_hello(struct dispatch *d, struct control_conn *c, const char *tag)
{
    json_t *o = json_pack("{s:s, s:i, s:s, s:s, s:o}", "type", "hello", "protocol", 1, "server",
                          "tutti/" TUTTI_VERSION, "client", c->client->id, "sessions",
                          sessions_json(d, 0, c->client->number));
    send_line(c, event_json_object_line(o, tag));
}

static void answer_status(struct dispatch *d, struct control_conn *c, const struct command *cmd,
                          const char *tag)
{
    json_t *o =
        json_pack("{s:s, s:o}", "type", "status", "sessions", sessions_json(d, cmd->channel, 0));
    send_line(c, event_json_object_line(o, tag));
}

static json_t *lateness_json(const struct lateness *l)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "p50",
                     (json_int_t)(lateness_quantile(l, 0.5) / NS_PER_US), "p99",
                     (json_int_t)(lateness_quantile(l, 0.99) / NS_PER_US), "p999",
                     (json_int_t)(lateness_quantile(l, 0.999) / NS_PER_US), "max",
                     (json_int_t)(l->max_ns / NS_PER_US));
}

static void answer_stats(struct dispatch *d, struct control_conn *c, const char *tag)
{
    struct sessions_counts s = sessions_counts(d->sessions);
    struct pool_counts w = pool_counts(d->pool);
    struct extractor_stats x = extractor_get_stats(d->extractor);
    double uptime = (double)((clock_now_ns() - d->started_ns) / NS_PER_MS) / 1000;
    json_t *o = json_pack(
        "{s:s, s:f, s:{s:i,s:i,s:i}, s:{s:i,s:i,s:i,s:I}, s:{s:I,s:I,s:I}, s:o, "
        "s:{s:i,s:i,s:I,s:I}}",
        "type", "stats", "uptime", uptime, "sessions", "extracting", (int)s.extracting, "streaming",
        (int)s.streaming, "paused", (int)s.paused, "workers", "idle", (int)w.idle, "busy",
        (int)w.busy, "max", (int)w.max, "restarts", (json_int_t)w.restarts, "frames", "sent",
        (json_int_t)s.frames_sent, "underruns", (json_int_t)s.underruns, "dropped",
        (json_int_t)audio_dropped(d->audio), "lateness_us",
        lateness_json(sessions_lateness(d->sessions)), "extractor", "running", (int)x.running,
        "queued", (int)x.queued, "hits", (json_int_t)x.hits, "misses", (json_int_t)x.misses);
    send_line(c, event_json_object_line(o, tag));
}

/* ---- commands in ---- */

/* The connection becomes the client whose id it knows, with its sessions and audio connection. */
static void become(struct control_conn *c, struct client *client)
{
    struct client *before = c->client;
    struct control_conn *older = client->control;
    if (older) {
        struct event e = { .type = EVENT_ERROR, .error = TUTTI_E_CLIENT_REPLACED };
        older->client = NULL;
        send_line(older, event_json_line(&e, NULL));
        control_finish(older);
    }
    c->client = client;
    client_return(client, c);
    client_leave(before);
}

static void do_hello(struct dispatch *d, struct control_conn *c, const struct command *cmd,
                     const char *tag)
{
    struct client *known = client_find(d->clients, cmd->client);
    if (known && known != c->client)
        become(c, known);
    answer_hello(d, c, tag);
}

static void set_watching(struct dispatch *d, struct control_conn *c, bool on)
{
    if (c->watching != on)
        d->n_watching += on ? 1u : -1u;
    c->watching = on;
}

static void do_watch(struct dispatch *d, struct control_conn *c, const struct command *cmd,
                     const char *tag)
{
    set_watching(d, c, cmd->on);
    json_t *o = json_pack("{s:s, s:b}", "type", "watching", "on", (int)cmd->on);
    send_line(c, event_json_object_line(o, tag));
}

static void do_play(struct dispatch *d, struct control_conn *c, const struct command *cmd,
                    const struct origin *origin)
{
    struct play_request request = {
        .play_id = cmd->has_play_id ? cmd->play_id : NULL,
        .url = cmd->url,
        .volume = cmd->has_volume ? cmd->volume : -1,
        .position = cmd->position,
        .paused = cmd->paused,
        .cut = cmd->cut,
        .next = cmd->next,
        .keep_owner = cmd->keep_owner,
        .origin = *origin,
        .client = { .number = c->client->number, .outlet = &c->client->outlet },
    };
    sessions_play(d->sessions, cmd->channel, &request);
}

static void do_command(struct dispatch *d, struct control_conn *c, const struct command *cmd)
{
    struct origin origin = { .connection = c->number,
                             .client = c->client->number,
                             .has_tag = cmd->has_tag };
    memcpy(origin.tag, cmd->tag, sizeof origin.tag);
    const char *tag = cmd->has_tag ? cmd->tag : NULL;
    switch (cmd->type) {
    case COMMAND_HELLO:
        do_hello(d, c, cmd, tag);
        break;
    case COMMAND_PLAY:
        do_play(d, c, cmd, &origin);
        break;
    case COMMAND_PAUSE:
        sessions_pause(d->sessions, cmd->channel, &origin);
        break;
    case COMMAND_RESUME:
        sessions_resume(d->sessions, cmd->channel, &origin);
        break;
    case COMMAND_STOP:
        sessions_stop(d->sessions, cmd->channel, cmd->has_play_id ? cmd->play_id : NULL, &origin);
        break;
    case COMMAND_VOLUME:
        sessions_volume(d->sessions, cmd->channel, cmd->volume, cmd->keep, &origin);
        break;
    case COMMAND_SEEK:
        sessions_seek(d->sessions, cmd->channel, cmd->position, &origin);
        break;
    case COMMAND_STATUS:
        answer_status(d, c, cmd, tag);
        break;
    case COMMAND_STATS:
        answer_stats(d, c, tag);
        break;
    case COMMAND_WATCH:
        do_watch(d, c, cmd, tag);
        break;
    case COMMAND_TYPE_COUNT:
        break;
    }
}

void dispatch_line(struct control_conn *c, const char *line, size_t len, void *arg)
{
    struct dispatch *d = arg;
    struct command cmd;
    char why[COMMAND_REASON_MAX];
    if (command_parse(line, len, &cmd, why) < 0) {
        complaints_log(&d->complaints, LOG_WARN, "server", "an invalid command is ignored: %s",
                       why);
        answer_error(c, &cmd, TUTTI_E_INVALID_COMMAND, why);
        return;
    }
    do_command(d, c, &cmd);
    command_done(&cmd);
}

void dispatch_line_too_long(struct control_conn *c, void *arg)
{
    struct dispatch *d = arg;
    complaints_log(&d->complaints, LOG_WARN, "server", "a control line is too long and is skipped");
    answer_error(c, &(struct command){ 0 }, TUTTI_E_LINE_TOO_LONG, NULL);
}

void dispatch_opened(struct control_conn *c, void *arg)
{
    struct dispatch *d = arg;
    c->client = client_new(d->clients, c);
    if (!c->client)
        control_close(c);
    else
        answer_hello(d, c, NULL);
}

void dispatch_closed(struct control_conn *c, void *arg)
{
    struct client *client = c->client;
    set_watching(arg, c, false);
    c->client = NULL;
    if (client)
        client_leave(client);
}
