/* The subcommands that say something to the daemon, and `watch`, which only listens. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/options.h"
#include "cli/sock.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANNEL_HELP "  -c, --channel ID    the channel; may be left out when only one plays\n"

#define OPTIONS_HELP "\nOptions:\n" CHANNEL_HELP OPTIONS_COMMON_HELP

enum { TITLE_COLUMNS = 200 };

/* One of these subcommands. */
struct control {
    const char *type;   /* of the command on the wire */
    const char *name;   /* for messages */
    const char *field;  /* that takes the argument, or NULL */
    const char *now;    /* the field of `status` that a change starts from */
    double most;        /* that the field can be */
    const char *wanted; /* what the argument is */
    int (*parse)(const char *text, struct amount *ret);
    const char *help;
};

static const struct option control_options[] = {
    { "channel", required_argument, NULL, 'c' },
    OPTIONS_COMMON,
};

/* Returns -1 to go on, or an exit code. */
static int parse(const struct control *c, struct options *o, struct amount *ret_amount, int argc,
                 char **argv)
{
    const char *word = c->parse ? options_take_negative(&argc, argv) : NULL;
    int opt;
    while ((opt = getopt_long(argc, argv, "c:h", control_options, NULL)) != -1) {
        int code = options_take(o, opt, c->help);
        if (code >= 0)
            return code;
    }
    if (c->parse) {
        if (!word && optind < argc)
            word = argv[optind++];
        if (!word)
            return options_usage(o, "%s is missing", c->wanted);
        if (c->parse(word, ret_amount) < 0)
            return options_usage(o, "this is not %s: %s", c->wanted, word);
    }
    return options_no_more(o, argc, argv);
}

/* Finds the session that is meant: without --channel the only one there is. Returns -1, or an exit
 * code. */
static int find_session(const struct options *o, struct control_client *client,
                        json_t **ret_session)
{
    char channel[24];
    json_auto_t *status = NULL;
    json_t *question = json_pack("{s:s}", "type", "status");
    (void)snprintf(channel, sizeof channel, "%" PRIu64, o->channel);
    if (question && o->channel != 0)
        (void)json_object_set_new(question, "channel_id", json_string(channel));
    int err = client_ask(client, question, &status);
    if (err < 0)
        return options_lost(err);
    const json_t *sessions = json_object_get(status, "sessions");
    if (json_array_size(sessions) == 0) {
        (void)fputs("tutti: no_session: nothing is playing\n", stderr);
        return CLI_FAILED;
    }
    if (json_array_size(sessions) > 1)
        return options_usage(o, "several channels play: name one with --channel "
                                "('tutti status' lists them)");
    *ret_session = json_incref(json_array_get(sessions, 0));
    return -1;
}

static int report(const char *channel, const json_t *answer)
{
    char at[FORMAT_TIME_BYTES];
    const char *type = event_text(answer, "type", "?");
    double position = event_number(answer, "position", -1);
    if (strcmp(type, "error") == 0)
        return options_refused(answer);
    if (strcmp(type, "volume") == 0)
        (void)printf("channel %s: volume %.4g\n", channel, event_number(answer, "level", 0));
    else if (position >= 0 && event_text(answer, "play_id", NULL))
        (void)printf("channel %s: %s at %s\n", channel, type, format_time(position, at));
    else
        (void)printf("channel %s: %s\n", channel, type);
    return CLI_OK;
}

/* What the amount comes to in this session. Returns -1, or an exit code. */
static int resolve(const struct control *c, const struct amount *amount, const json_t *session,
                   double *ret_value)
{
    double value = amount->value;
    if (amount->kind == AMOUNT_CHANGE) {
        value += event_number(session, c->now, 0);
        value = value < 0 ? 0 : value > c->most ? c->most : value;
    } else if (amount->kind == AMOUNT_SHARE) {
        double whole = event_number(session, "duration", -1);
        if (whole < 0) {
            (void)fputs("tutti: nobody knows how long this is: name a time\n", stderr);
            return CLI_FAILED;
        }
        value *= whole;
    }
    *ret_value = value;
    return -1;
}

static int tell(const struct control *c, const struct options *o, struct control_client *client,
                const struct amount *amount)
{
    char channel[24];
    json_auto_t *session = NULL;
    double value = amount->value;
    int code = -1;
    (void)snprintf(channel, sizeof channel, "%" PRIu64, o->channel);
    if (o->channel == 0 || amount->kind != AMOUNT_PLAIN) {
        code = find_session(o, client, &session);
        if (code < 0)
            code = resolve(c, amount, session, &value);
        (void)snprintf(channel, sizeof channel, "%s", event_text(session, "channel_id", "0"));
    }
    if (code >= 0)
        return code;
    json_t *command = json_pack("{s:s, s:s}", "type", c->type, "channel_id", channel);
    if (command && c->field)
        (void)json_object_set_new(command, c->field, json_real(value));
    json_auto_t *answer = NULL;
    int err = client_ask(client, command, &answer);
    return err < 0 ? options_lost(err) : report(channel, answer);
}

static int control_main(const struct control *c, int argc, char **argv)
{
    struct options o;
    struct control_client *client;
    struct amount amount = { .kind = AMOUNT_PLAIN };
    options_init(&o, c->name);
    int code = parse(c, &o, &amount, argc, argv);
    if (code < 0)
        code = options_open(&o, &client);
    if (code >= 0)
        return code;
    code = tell(c, &o, client, &amount);
    client_free(client);
    return options_flush(code);
}

int pause_main(int argc, char **argv)
{
    static const struct control c = {
        .type = "pause",
        .name = "tutti pause",
        .help = "Usage: tutti pause [OPTION]...\n\nSilences a channel, and keeps its "
                "place.\n" OPTIONS_HELP,
    };
    return control_main(&c, argc, argv);
}

int resume_main(int argc, char **argv)
{
    static const struct control c = {
        .type = "resume",
        .name = "tutti resume",
        .help = "Usage: tutti resume [OPTION]...\n\nLets a paused channel go on where it "
                "was.\n" OPTIONS_HELP,
    };
    return control_main(&c, argc, argv);
}

int stop_main(int argc, char **argv)
{
    static const struct control c = {
        .type = "stop",
        .name = "tutti stop",
        .help = "Usage: tutti stop [OPTION]...\n\nEnds what a channel plays, and what is placed "
                "behind it.\n" OPTIONS_HELP,
    };
    return control_main(&c, argc, argv);
}

int volume_main(int argc, char **argv)
{
    static const struct control c = {
        .type = "volume",
        .name = "tutti volume",
        .field = "level",
        .now = "volume",
        .most = 2,
        .wanted = "a volume from 0 to 2, or 0% to 200%",
        .parse = options_parse_level,
        .help = "Usage: tutti volume [OPTION]... LEVEL\n\nSets how loud a channel is. LEVEL is 0 "
                "to 2, or 0% to 200%; with + or -\nbefore it, so much louder or softer than "
                "now.\n" OPTIONS_HELP,
    };
    return control_main(&c, argc, argv);
}

int seek_main(int argc, char **argv)
{
    static const struct control c = {
        .type = "seek",
        .name = "tutti seek",
        .field = "position",
        .now = "position",
        .most = HUGE_VAL,
        .wanted = "a place (seconds, [H:]MM:SS, +SECONDS, -SECONDS or PERCENT%)",
        .parse = options_parse_place,
        .help = "Usage: tutti seek [OPTION]... PLACE\n\nGoes to another place in what a channel "
                "plays: a time in seconds or [H:]MM:SS,\nsuch a time from where it is (+5, -1:30), "
                "or a part of the whole (50%).\n" OPTIONS_HELP,
    };
    return control_main(&c, argc, argv);
}

/* A title may come from the network: no cursor is moved by it. */
static void report_track(const char *channel, const char *what, const json_t *session)
{
    (void)printf("channel %s: %s ", channel, what);
    format_fit(stdout, event_text(session, "title", event_text(session, "url", "?")), TITLE_COLUMNS,
               false);
    (void)putchar('\n');
}

static int skip(const struct options *o, struct control_client *client)
{
    json_auto_t *before = NULL;
    int code = find_session(o, client, &before);
    if (code >= 0)
        return code;
    const char *channel = event_text(before, "channel_id", "0");
    json_auto_t *answer = NULL;
    json_auto_t *status = NULL;
    int err = client_ask(client,
                         json_pack("{s:s, s:s, s:s}", "type", "stop", "channel_id", channel,
                                   "play_id", event_text(before, "play_id", "")),
                         &answer);
    if (err == 0)
        err = client_ask(client, json_pack("{s:s, s:s}", "type", "status", "channel_id", channel),
                         &status);
    if (err < 0)
        return options_lost(err);
    if (event_is(answer, "error"))
        return options_refused(answer);
    report_track(channel, "skipped", before);
    const json_t *now = json_array_get(json_object_get(status, "sessions"), 0);
    if (now)
        report_track(channel, "next is", now);
    else
        (void)printf("channel %s: nothing was placed behind it\n", channel);
    return CLI_OK;
}

int next_main(int argc, char **argv)
{
    static const struct control c = {
        .help = "Usage: tutti next [OPTION]...\n\nEnds what a channel plays, and goes on with what "
                "is placed behind it\n(see 'tutti play --next').\n" OPTIONS_HELP,
    };
    struct options o;
    struct control_client *client;
    struct amount unused;
    options_init(&o, "tutti next");
    int code = parse(&c, &o, &unused, argc, argv);
    if (code < 0)
        code = options_open(&o, &client);
    if (code >= 0)
        return code;
    code = skip(&o, client);
    client_free(client);
    return options_flush(code);
}

static const char watch_help[] =
    "Usage: tutti watch [OPTION]...\n"
    "\n"
    "Prints the events of every session, one JSON object a line, until it is interrupted\n"
    "or the daemon ends.\n"
    "\n"
    "Options:\n"
    "  -c, --channel ID    the events of this channel only\n" OPTIONS_COMMON_HELP;

static int print_events(struct control_client *client, const char *channel)
{
    for (;;) {
        json_auto_t *event = NULL;
        int n = client_next(client, &event);
        if (n == 0)
            n = sock_wait(client_fd(client), -1);
        if (n < 0 && n != -EINTR)
            return options_lost(n);
        if (!event || (channel && strcmp(event_text(event, "channel_id", ""), channel) != 0))
            continue;
        char *line = json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(15));
        if (!line)
            return options_lost(-ENOMEM);
        (void)puts(line);
        free(line);
        if (fflush(stdout) != 0)
            return options_flush(CLI_OK);
    }
}

int watch_main(int argc, char **argv)
{
    static const struct control c = { .help = watch_help };
    struct options o;
    struct control_client *client;
    struct amount unused;
    char channel[24];
    options_init(&o, "tutti watch");
    int code = parse(&c, &o, &unused, argc, argv);
    if (code < 0)
        code = options_open(&o, &client);
    if (code >= 0)
        return code;
    (void)snprintf(channel, sizeof channel, "%" PRIu64, o.channel);
    json_auto_t *answer = NULL;
    int err = client_ask(client, json_pack("{s:s, s:b}", "type", "watch", "on", 1), &answer);
    if (err < 0)
        code = options_lost(err);
    else if (event_is(answer, "error"))
        code = options_refused(answer);
    else
        code = print_events(client, o.channel != 0 ? channel : NULL);
    client_free(client);
    return code;
}
