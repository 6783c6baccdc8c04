#include "cli/show.h"

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHANNEL_COLUMNS = 20, STATE_COLUMNS = 10, BAR_COLUMNS = 16, WIDEST = 1000 };

static const char status_help[] =
    "Usage: tutti status [OPTION]...\n"
    "\n"
    "Shows what plays: every channel, its state, its place in the track, the frames ready\n"
    "ahead of it, and how often they ran out.\n"
    "\n"
    "Options:\n"
    "  -c, --channel ID    this channel only\n"
    "  -j, --json          the daemon's answer as one line of JSON\n" OPTIONS_COMMON_HELP;

static const char stats_help[] =
    "Usage: tutti stats [OPTION]...\n"
    "\n"
    "Shows how the daemon does: its workers, the frames sent, and how late they left, in\n"
    "microseconds after their time.\n"
    "\n"
    "Options:\n"
    "  -j, --json          the daemon's answer as one line of JSON\n" OPTIONS_COMMON_HELP;

static int by_channel(const void *a, const void *b)
{
    const char *x = event_text(*(json_t *const *)a, "channel_id", "");
    const char *y = event_text(*(json_t *const *)b, "channel_id", "");
    size_t len_x = strlen(x);
    size_t len_y = strlen(y);
    if (len_x != len_y)
        return len_x < len_y ? -1 : 1;
    return strcmp(x, y);
}

static void show_heading(FILE *out, int columns, const char *eol)
{
    char line[128];
    (void)snprintf(line, sizeof line, "%-*s %-*s %-*s %17s %6s %6s %4s  %s", CHANNEL_COLUMNS,
                   "CHANNEL", STATE_COLUMNS, "STATE", BAR_COLUMNS, "POSITION", "", "BUFFER",
                   "UNDERR", "VOL", "TITLE");
    format_fit(out, line, columns, false);
    (void)fputs(eol, out);
}

static void show_session(FILE *out, const json_t *s, int columns, const char *eol)
{
    char at[FORMAT_TIME_BYTES], of[FORMAT_TIME_BYTES], places[64], figures[64];
    double position = event_number(s, "position", 0);
    double duration = event_number(s, "duration", -1);
    (void)snprintf(places, sizeof places, "%s / %s", format_time(position, at),
                   format_time(duration, of));
    int n = snprintf(figures, sizeof figures, " %17.17s %5.1fs %6.0f %3.0f%%  ", places,
                     event_number(s, "buffered", 0), event_number(s, "underruns", 0),
                     100 * event_number(s, "volume", 1));
    int used = CHANNEL_COLUMNS + 1 + STATE_COLUMNS + 1 + BAR_COLUMNS;
    format_fit(out, event_text(s, "channel_id", "?"), CHANNEL_COLUMNS, true);
    (void)fputc(' ', out);
    format_fit(out, event_text(s, "state", "?"), STATE_COLUMNS, true);
    (void)fputc(' ', out);
    format_bar(out, duration > 0 ? position / duration : -1, BAR_COLUMNS);
    format_fit(out, figures, columns - used, false);
    if (columns > used + n)
        format_fit(out, event_text(s, "title", event_text(s, "url", "")), columns - used - n,
                   false);
    (void)fputs(eol, out);
}

int show_sessions(FILE *out, const json_t *status, int columns, int rows, const char *eol)
{
    const json_t *sessions = json_object_get(status, "sessions");
    size_t n = json_array_size(sessions);
    const json_t **sorted = calloc(n + 1, sizeof *sorted);
    size_t n_shown = n;
    if (n == 0 || !sorted) {
        (void)fprintf(out, "nothing plays%s", eol);
        free(sorted);
        return 1;
    }
    for (size_t i = 0; i < n; i++)
        sorted[i] = json_array_get(sessions, i);
    qsort(sorted, n, sizeof *sorted, by_channel);
    /* Of what does not fit, the last line says how much it is. */
    if (rows > 0 && n + 1 > (size_t)rows)
        n_shown = rows > 2 ? (size_t)rows - 2 : 0;
    show_heading(out, columns, eol);
    for (size_t i = 0; i < n_shown; i++)
        show_session(out, sorted[i], columns, eol);
    free(sorted);
    if (n_shown == n)
        return (int)n + 1;
    (void)fprintf(out, "and %zu more%s", n - n_shown, eol);
    return (int)n_shown + 2;
}

static double figure(const json_t *stats, const char *group, const char *key)
{
    return event_number(json_object_get(stats, group), key, 0);
}

int show_stats(FILE *out, const json_t *stats, const char *eol)
{
    char up[FORMAT_TIME_BYTES];
    const char *state;
    json_t *count;
    (void)fprintf(out, "sessions   ");
    json_object_foreach(json_object_get(stats, "sessions"), state, count)(void)
        fprintf(out, "%" JSON_INTEGER_FORMAT " %s  ", json_integer_value(count), state);
    (void)fprintf(out, "up %s%s", format_time(event_number(stats, "uptime", 0), up), eol);
    (void)fprintf(out, "workers    %.0f busy  %.0f idle  %.0f at most  %.0f restarts%s",
                  figure(stats, "workers", "busy"), figure(stats, "workers", "idle"),
                  figure(stats, "workers", "max"), figure(stats, "workers", "restarts"), eol);
    (void)fprintf(out, "frames     %.0f sent  %.0f underruns  %.0f dropped%s",
                  figure(stats, "frames", "sent"), figure(stats, "frames", "underruns"),
                  figure(stats, "frames", "dropped"), eol);
    (void)fprintf(out, "lateness   p50 %.0f us  p99 %.0f us  p99.9 %.0f us  max %.0f us%s",
                  figure(stats, "lateness_us", "p50"), figure(stats, "lateness_us", "p99"),
                  figure(stats, "lateness_us", "p999"), figure(stats, "lateness_us", "max"), eol);
    (void)fprintf(out, "extractor  %.0f running  %.0f queued  %.0f hits  %.0f misses%s",
                  figure(stats, "extractor", "running"), figure(stats, "extractor", "queued"),
                  figure(stats, "extractor", "hits"), figure(stats, "extractor", "misses"), eol);
    return 5;
}

static int print_json(const json_t *answer)
{
    char *line = json_dumps(answer, JSON_COMPACT | JSON_REAL_PRECISION(15));
    if (!line)
        return options_lost(-ENOMEM);
    (void)puts(line);
    free(line);
    return CLI_OK;
}

static int print_answer(const json_t *answer, bool json)
{
    if (event_is(answer, "error"))
        return options_refused(answer);
    if (json)
        return print_json(answer);
    int columns, rows;
    format_terminal_size(STDOUT_FILENO, &columns, &rows);
    if (event_is(answer, "stats"))
        (void)show_stats(stdout, answer, "\n");
    else
        (void)show_sessions(stdout, answer, isatty(STDOUT_FILENO) == 1 ? columns : WIDEST, 0, "\n");
    return CLI_OK;
}

/* The answer without the tag that this program put into its question. */
static int ask_and_print(const struct options *o, json_t *question, bool json)
{
    json_auto_t *owned = question;
    struct client *client;
    int code = options_open(o, &client);
    if (code >= 0)
        return code;
    json_t *answer = NULL;
    int err = client_ask(client, json_incref(owned), &answer);
    client_free(client);
    if (err < 0)
        return options_lost(err);
    (void)json_object_del(answer, "tag");
    code = print_answer(answer, json);
    json_decref(answer);
    return options_flush(code);
}

/* Returns -1 to go on, or an exit code. */
static int parse(struct options *o, bool *json, int argc, char **argv, const char *help)
{
    static const struct option longs[] = {
        { "channel", required_argument, NULL, 'c' },
        { "json", no_argument, NULL, 'j' },
        OPTIONS_COMMON,
    };
    /* `stats` is about the whole daemon: its table starts behind --channel. */
    bool one_channel = help == status_help;
    int opt;
    while ((opt = getopt_long(argc, argv, one_channel ? "c:jh" : "jh", longs + !one_channel,
                              NULL)) != -1) {
        int code = -1;
        if (opt == 'j')
            *json = true;
        else
            code = options_take(o, opt, help);
        if (code >= 0)
            return code;
    }
    return options_no_more(o, argc, argv);
}

int status_main(int argc, char **argv)
{
    struct options o;
    bool json = false;
    options_init(&o, "tutti status");
    int code = parse(&o, &json, argc, argv, status_help);
    if (code >= 0)
        return code;
    json_t *question = json_pack("{s:s}", "type", "status");
    if (question && o.channel != 0) {
        char channel[24];
        (void)snprintf(channel, sizeof channel, "%" PRIu64, o.channel);
        (void)json_object_set_new(question, "channel_id", json_string(channel));
    }
    return ask_and_print(&o, question, json);
}

int stats_main(int argc, char **argv)
{
    struct options o;
    bool json = false;
    options_init(&o, "tutti stats");
    int code = parse(&o, &json, argc, argv, stats_help);
    return code >= 0 ? code : ask_and_print(&o, json_pack("{s:s}", "type", "stats"), json);
}
