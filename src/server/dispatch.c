#include "server/dispatch.h"

#include "base/clock.h"
#include "base/container.h"
#include "proto/command.h"
#include "proto/event_json.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- events out ---- */

static struct dispatch *from_front(struct front *f)
{
    return CONTAINER_OF(f, struct dispatch, front);
}

static struct control_conn *from_ear(struct ear *ear)
{
    return ear ? CONTAINER_OF(ear, struct control_conn, ear) : NULL;
}

/* Sends a line, behind the events that came before, and frees it. */
static void send_line(struct dispatch *d, struct control_conn *c, char *line)
{
    news_catch_up(owners_news(d->owners), &c->ear);
    control_send(c, line, line ? strlen(line) : 0);
    free(line);
}

static char *format(const struct event *e, size_t *ret_len)
{
    char *line = event_json_line(e, NULL);
    *ret_len = line ? strlen(line) : 0;
    return line;
}

/* The answer goes over the connection that asked or, where its client has come back over another
 * one meanwhile, over that. */
static struct ear *answer(struct front *f, const struct ticket *ticket, const struct event *e)
{
    struct dispatch *d = from_front(f);
    struct asker asker;
    if (!tickets_take(&d->tickets, ticket->number, &asker))
        return NULL;
    struct control_conn *c = control_find(d->controls, asker.connection);
    const struct owner *owner = c ? NULL : owners_find_number(d->owners, ticket->owner);
    if (owner)
        c = from_ear(owner_ear(owner));
    if (!c)
        return NULL;
    send_line(d, c, event_json_line(e, asker.has_tag ? asker.tag : NULL));
    return &c->ear;
}

static void event(struct ear *ear, const char *bytes, size_t len)
{
    control_send(from_ear(ear), bytes, len);
}

static void gone(struct owner *o)
{
    struct control_conn *c = from_ear(owner_ear(o));
    struct outlet_set *set = owner_data(o);
    if (c)
        c->owner = NULL;
    calls_owner_gone(set->taps->calls, owner_number(o));
    audio_close_attached(set);
    outlet_set_done(set);
    free(set);
}

const struct front_ops dispatch_front_ops = {
    .format = format,
    .answer = answer,
    .event = event,
    .gone = gone,
};

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

void dispatch_call_said(const struct event *e, uint64_t owner, void *arg)
{
    struct dispatch *d = arg;
    owners_say(e, NULL, owner, d->owners);
}

void dispatch_call_rerouted(uint64_t channel, void *arg)
{
    struct dispatch *d = arg;
    taps_reroute(audio_taps(d->audio), channel);
}

void dispatch_slow(uint64_t owner, uint64_t channel, uint64_t n_dropped, void *arg)
{
    struct dispatch *d = arg;
    struct id_copy play_id = { 0 };
    char message[96];
    sessions_list(d->sessions, channel, owner, copy_play_id, &play_id);
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
    owners_say(&e, NULL, owner, d->owners);
}

static void answer_error(struct dispatch *d, struct control_conn *c, const struct command *cmd,
                         enum tutti_error code, const char *why)
{
    struct event e = {
        .type = EVENT_ERROR,
        .channel = cmd->channel,
        .play_id = cmd->has_play_id ? cmd->play_id : NULL,
        .error = code,
        .message = why,
    };
    send_line(d, c, event_json_line(&e, cmd->has_tag ? cmd->tag : NULL));
}

/* ---- answers that are not about one session ---- */

static void add_session(const struct session_info *info, void *arg)
{
    (void)json_array_append_new(arg, event_json_session(info));
}

static json_t *sessions_json(struct dispatch *d, uint64_t channel, uint64_t owner)
{
    json_t *list = json_array();
    if (list)
        sessions_list(d->sessions, channel, owner, add_session, list);
    return list;
}

static void add_call(const struct call_info *info, void *arg)
{
    (void)json_array_append_new(arg, event_json_call(info));
}

static json_t *calls_json(const struct dispatch *d, uint64_t channel, uint64_t owner)
{
    json_t *list = json_array();
    if (list)
        calls_list(d->calls, channel, owner, add_call, list);
    return list;
}

static void answer_hello(struct dispatch *d, struct control_conn *c, const char *tag)
{
    uint64_t owner = owner_number(c->owner);
    json_t *o = json_pack("{s:s, s:i, s:s, s:s, s:o, s:o}", "type", "hello", "protocol", 1,
                          "server", "tutti/" TUTTI_VERSION, "client", owner_id(c->owner),
                          "sessions", sessions_json(d, 0, owner), "calls", calls_json(d, 0, owner));
    send_line(d, c, event_json_object_line(o, tag));
}

static void answer_status(struct dispatch *d, struct control_conn *c, const struct command *cmd,
                          const char *tag)
{
    json_t *o =
        json_pack("{s:s, s:o, s:o}", "type", "status", "sessions",
                  sessions_json(d, cmd->channel, 0), "calls", calls_json(d, cmd->channel, 0));
    send_line(d, c, event_json_object_line(o, tag));
}

static json_t *lateness_json(const struct lateness *l)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "p50",
                     (json_int_t)(lateness_quantile(l, 0.5) / NS_PER_US), "p99",
                     (json_int_t)(lateness_quantile(l, 0.99) / NS_PER_US), "p999",
                     (json_int_t)(lateness_quantile(l, 0.999) / NS_PER_US), "max",
                     (json_int_t)(l->max_ns / NS_PER_US));
}

static json_t *voice_json(const struct voice *v)
{
    struct voice_counts n = voice_counts(v);
    return json_pack("{s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I}", "calls", (int)n.calls, "ready",
                     (int)n.ready, "frames", (json_int_t)n.frames, "packets",
                     (json_int_t)n.wire.packets, "skipped", (json_int_t)(n.skipped + n.wire.late),
                     "dropped", (json_int_t)n.dropped, "failed", (json_int_t)n.wire.failed,
                     "restarts", (json_int_t)n.restarts);
}

static void answer_stats(struct dispatch *d, struct control_conn *c, const char *tag)
{
    struct sessions_counts s = sessions_counts(d->sessions);
    struct pool_counts w = pool_counts(d->pool);
    struct extractor_stats x = extractor_get_stats(d->extractor);
    double uptime = (double)((clock_now_ns() - d->started_ns) / NS_PER_MS) / 1000;
    json_t *o =
        json_pack("{s:s, s:f, s:{s:i,s:i,s:i}, s:{s:i,s:i,s:i,s:I}, s:{s:I,s:I,s:I}, s:o, "
                  "s:{s:i,s:i,s:I,s:I}, s:o}",
                  "type", "stats", "uptime", uptime, "sessions", "extracting", (int)s.extracting,
                  "streaming", (int)s.streaming, "paused", (int)s.paused, "workers", "idle",
                  (int)w.idle, "busy", (int)w.busy, "max", (int)w.max, "restarts",
                  (json_int_t)w.restarts, "frames", "sent", (json_int_t)s.frames_sent, "underruns",
                  (json_int_t)s.underruns, "dropped", (json_int_t)audio_dropped(d->audio),
                  "lateness_us", lateness_json(sessions_lateness(d->sessions)), "extractor",
                  "running", (int)x.running, "queued", (int)x.queued, "hits", (json_int_t)x.hits,
                  "misses", (json_int_t)x.misses, "voice", voice_json(d->voice));
    send_line(d, c, event_json_object_line(o, tag));
}

/* ---- commands in ---- */

static struct outlet_set *set_of(const struct owner *o)
{
    return owner_data(o);
}

static void leave(struct owner *o)
{
    struct outlet_set *set = set_of(o);
    owner_leave(o, set->tap != NULL || calls_have_of(set->taps->calls, owner_number(o)));
    outlet_set_away(set, true);
}

/* The connection becomes the client whose id it knows, with its sessions and audio connection. */
static void become(struct dispatch *d, struct control_conn *c, struct owner *o)
{
    struct owner *before = c->owner;
    struct control_conn *older = from_ear(owner_ear(o));
    if (older) {
        struct event e = { .type = EVENT_ERROR, .error = TUTTI_E_CLIENT_REPLACED };
        older->owner = NULL;
        send_line(d, older, event_json_line(&e, NULL));
        control_finish(older);
    }
    c->owner = o;
    owner_return(o, &c->ear);
    outlet_set_away(set_of(o), false);
    leave(before);
}

static void do_hello(struct dispatch *d, struct control_conn *c, const struct command *cmd,
                     const char *tag)
{
    struct owner *known = owners_find(d->owners, cmd->client);
    if (known && known != c->owner)
        become(d, c, known);
    answer_hello(d, c, tag);
}

static void do_watch(struct dispatch *d, struct control_conn *c, const struct command *cmd,
                     const char *tag)
{
    struct news *news = owners_news(d->owners);
    if (cmd->on) {
        news_subscribe(news, &c->ear);
    } else {
        news_catch_up(news, &c->ear);
        news_unsubscribe(news, &c->ear);
    }
    json_t *o = json_pack("{s:s, s:b}", "type", "watching", "on", (int)cmd->on);
    send_line(d, c, event_json_object_line(o, tag));
}

static void do_play(struct dispatch *d, const struct command *cmd, const struct ticket *ticket,
                    struct outlet *outlet)
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
        .ticket = *ticket,
        .owner = ticket->owner,
        .outlet = outlet,
    };
    sessions_play(d->sessions, cmd->channel, &request);
}

/* What a session answers, now or later. `outlet`: for a play. */
static void do_session_command(struct dispatch *d, const struct command *cmd,
                               const struct ticket *ticket, struct outlet *outlet)
{
    const char *play_id = cmd->has_play_id ? cmd->play_id : NULL;
    switch (cmd->type) {
    case COMMAND_PLAY:
        do_play(d, cmd, ticket, outlet);
        break;
    case COMMAND_PAUSE:
        sessions_pause(d->sessions, cmd->channel, ticket);
        break;
    case COMMAND_RESUME:
        sessions_resume(d->sessions, cmd->channel, ticket);
        break;
    case COMMAND_STOP:
        sessions_stop(d->sessions, cmd->channel, play_id, ticket);
        break;
    case COMMAND_VOLUME:
        sessions_volume(d->sessions, cmd->channel, cmd->volume, cmd->keep, ticket);
        break;
    default:
        assert(cmd->type == COMMAND_SEEK);
        sessions_seek(d->sessions, cmd->channel, cmd->position, ticket);
        break;
    }
}

static void ask_session(struct dispatch *d, struct control_conn *c, const struct command *cmd)
{
    struct asker asker = { .connection = c->number, .has_tag = cmd->has_tag };
    struct ticket ticket = { .front = &d->front, .owner = owner_number(c->owner) };
    bool is_play = cmd->type == COMMAND_PLAY;
    struct outlet *outlet = is_play ? outlet_set_get(set_of(c->owner), cmd->channel) : NULL;
    memcpy(asker.tag, cmd->tag, sizeof asker.tag);
    if ((is_play && !outlet) || tickets_give(&d->tickets, &asker, &ticket.number) < 0)
        answer_error(d, c, cmd, TUTTI_E_INTERNAL, "out of memory");
    else
        do_session_command(d, cmd, &ticket, outlet);
    if (outlet)
        outlet_release(outlet);
}

/* ---- voice connections ---- */

/* Tells what became of a command about a call: the commander, the call's owner, and watchers. */
static void answer_call(struct dispatch *d, struct control_conn *c, const struct command *cmd,
                        const struct call_info *info, uint64_t owner)
{
    struct asker asker = { .connection = c->number, .has_tag = cmd->has_tag };
    struct ticket ticket = { .front = &d->front, .owner = owner_number(c->owner) };
    const struct event e = { .type = EVENT_VOICE, .channel = cmd->channel, .call = info };
    memcpy(asker.tag, cmd->tag, sizeof asker.tag);
    if (tickets_give(&d->tickets, &asker, &ticket.number) < 0)
        answer_error(d, c, cmd, TUTTI_E_INTERNAL, "out of memory");
    else
        owners_say(&e, &ticket, owner, d->owners);
}

static void do_connect(struct dispatch *d, struct control_conn *c, const struct command *cmd)
{
    const struct command_voice *v = &cmd->voice;
    const struct voice_credentials credentials = {
        .guild = v->guild,
        .user = v->user,
        .channel = v->channel,
        .session_id = v->session_id,
        .token = v->token,
        .endpoint = v->endpoint,
    };
    int r = calls_connect(d->calls, owner_number(c->owner), cmd->channel, &credentials);
    if (r == -EINVAL) {
        answer_error(d, c, cmd, TUTTI_E_INVALID_COMMAND,
                     "\"endpoint\" is no voice server's: a host below discord.media or discord.gg, "
                     "or one that --voice-host permits");
    } else if (r < 0) {
        answer_error(d, c, cmd, TUTTI_E_INTERNAL, strerror(-r));
    } else {
        struct call_info info = call_info(calls_find(d->calls, cmd->channel));
        answer_call(d, c, cmd, &info, owner_number(c->owner));
    }
}

static void do_disconnect(struct dispatch *d, struct control_conn *c, const struct command *cmd)
{
    const struct bot_call *call = calls_find(d->calls, cmd->channel);
    if (!call) {
        answer_error(d, c, cmd, TUTTI_E_NO_SESSION, "this channel has no voice connection");
        return;
    }
    struct call_info info = call_info(call);
    uint64_t owner = call_owner(call);
    info.state = CALL_DISCONNECTED;
    (void)calls_disconnect(d->calls, cmd->channel);
    answer_call(d, c, cmd, &info, owner);
}

static void do_command(struct dispatch *d, struct control_conn *c, const struct command *cmd)
{
    const char *tag = cmd->has_tag ? cmd->tag : NULL;
    switch (cmd->type) {
    case COMMAND_HELLO:
        do_hello(d, c, cmd, tag);
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
    case COMMAND_CONNECT:
        do_connect(d, c, cmd);
        break;
    case COMMAND_DISCONNECT:
        do_disconnect(d, c, cmd);
        break;
    default:
        ask_session(d, c, cmd);
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
        answer_error(d, c, &cmd, TUTTI_E_INVALID_COMMAND, why);
        return;
    }
    do_command(d, c, &cmd);
    command_done(&cmd);
}

void dispatch_line_too_long(struct control_conn *c, void *arg)
{
    struct dispatch *d = arg;
    complaints_log(&d->complaints, LOG_WARN, "server", "a control line is too long and is skipped");
    answer_error(d, c, &(struct command){ 0 }, TUTTI_E_LINE_TOO_LONG, NULL);
}

/* A new owner, for which the connection speaks, with outlets of its own. */
static struct owner *new_owner(struct dispatch *d, struct control_conn *c)
{
    struct outlet_set *set = malloc(sizeof *set);
    c->ear = (struct ear){ .front = &d->front };
    struct owner *o = set ? owner_new(d->owners, &c->ear, set) : NULL;
    if (o)
        outlet_set_init(set, audio_taps(d->audio), owner_number(o));
    else
        free(set);
    return o;
}

void dispatch_opened(struct control_conn *c, void *arg)
{
    struct dispatch *d = arg;
    c->owner = new_owner(d, c);
    if (!c->owner)
        control_close(c);
    else
        answer_hello(d, c, NULL);
}

void dispatch_closed(struct control_conn *c, void *arg)
{
    struct dispatch *d = arg;
    struct owner *o = c->owner;
    news_unsubscribe(owners_news(d->owners), &c->ear);
    c->owner = NULL;
    if (o)
        leave(o);
}

struct outlet_set *dispatch_find(const char *client, void *arg)
{
    struct dispatch *d = arg;
    const struct owner *o = owners_find(d->owners, client);
    return o ? set_of(o) : NULL;
}
