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

enum {
    CHANNEL_COLUMNS = 20,
    STATE_COLUMNS = 10,
    POSITION_COLUMNS = 30,
    BAR_COLUMNS = 16,
    FIGURE_COLUMNS = 6,
    VOLUME_COLUMNS = 4,
    TITLE_COLUMNS = 24, /* at least, where figures can give way */
    WIDEST = 1000,
};

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

/* What fits. A bar and figures that are rarely looked at give way to the title. */
struct layout {
    int channel, state, position; /* [columns] of the widest */
    bool has_bar, has_buffer, has_underruns;
};

/* One line of the table. */
struct table_row {
    const char *channel, *state, *title;
    char position[64], buffer[16], underruns[16], volume[16];
    double fraction; /* of the track that is over; negative: unknown */
    bool is_heading;
};

static const struct table_row heading = {
    .channel = "CHANNEL",
    .state = "STATE",
    .title = "TITLE",
    .position = "POSITION",
    .buffer = "BUFFER",
    .underruns = "UNDERR",
    .volume = "VOL",
    .is_heading = true,
};

static void make_row(const json_t *session, struct table_row *ret)
{
    char at[FORMAT_TIME_BYTES], of[FORMAT_TIME_BYTES];
    double position = event_number(session, "position", 0);
    double duration = event_number(session, "duration", -1);
    *ret = (struct table_row){
        .channel = event_text(session, "channel_id", "?"),
        .state = event_text(session, "state", "?"),
        .title = event_text(session, "title", event_text(session, "url", "")),
        .fraction = duration > 0 ? position / duration : -1,
    };
    (void)snprintf(ret->position, sizeof ret->position, "%s / %s", format_time(position, at),
                   format_time(duration, of));
    (void)snprintf(ret->buffer, sizeof ret->buffer, "%.1fs", event_number(session, "buffered", 0));
    (void)snprintf(ret->underruns, sizeof ret->underruns, "%.0f",
                   event_number(session, "underruns", 0));
    (void)snprintf(ret->volume, sizeof ret->volume, "%.0f%%",
                   100 * event_number(session, "volume", 1));
}

static void widen(int *columns, const char *text, int most)
{
    int len = (int)strlen(text);
    if (len > *columns)
        *columns = len < most ? len : most;
}

static int used_by(const struct layout *l)
{
    return l->channel + 1 + l->state + 1 + l->position + 1 + VOLUME_COLUMNS + 2 +
           (l->has_bar ? BAR_COLUMNS + 1 : 0) + (l->has_buffer ? FIGURE_COLUMNS + 1 : 0) +
           (l->has_underruns ? FIGURE_COLUMNS + 1 : 0);
}

static struct layout lay_out(const json_t *const *sessions, size_t n, int columns)
{
    struct layout l = { .has_bar = true, .has_buffer = true, .has_underruns = true };
    struct table_row row = heading;
    for (size_t i = 0; i <= n; i++) {
        widen(&l.channel, row.channel, CHANNEL_COLUMNS);
        widen(&l.state, row.state, STATE_COLUMNS);
        widen(&l.position, row.position, POSITION_COLUMNS);
        if (i < n)
            make_row(sessions[i], &row);
    }
    bool *const optional[] = { &l.has_bar, &l.has_underruns, &l.has_buffer };
    for (size_t i = 0; i < 3 && columns - used_by(&l) < TITLE_COLUMNS; i++)
        *optional[i] = false;
    return l;
}

/* Prints a cell and the blanks behind it, as far as the line reaches. */
static void put(FILE *out, int *left, const char *text, int columns, int gap)
{
    int n = columns < *left ? columns : *left;
    format_fit(out, text, n, true);
    *left -= n;
    n = gap < *left ? gap : *left;
    (void)fprintf(out, "%*s", n, "");
    *left -= n;
}

static void put_right(FILE *out, int *left, const char *text, int columns, int gap)
{
    char cell[64];
    (void)snprintf(cell, sizeof cell, "%*s", columns, text);
    put(out, left, cell, columns, gap);
}

static void show_row(FILE *out, const struct layout *l, const struct table_row *r, int columns,
                     const char *eol)
{
    int left = columns;
    put(out, &left, r->channel, l->channel, 1);
    put(out, &left, r->state, l->state, 1);
    if (l->has_bar && r->is_heading) {
        put(out, &left, "", BAR_COLUMNS, 1);
    } else if (l->has_bar) {
        format_bar(out, r->fraction, BAR_COLUMNS);
        left -= BAR_COLUMNS;
        put(out, &left, "", 0, 1);
    }
    put_right(out, &left, r->position, l->position, 1);
    if (l->has_buffer)
        put_right(out, &left, r->buffer, FIGURE_COLUMNS, 1);
    if (l->has_underruns)
        put_right(out, &left, r->underruns, FIGURE_COLUMNS, 1);
    put_right(out, &left, r->volume, VOLUME_COLUMNS, 2);
    format_fit(out, r->title, left, false);
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
    struct layout layout = lay_out(sorted, n_shown, columns);
    struct table_row row;
    show_row(out, &layout, &heading, columns, eol);
    for (size_t i = 0; i < n_shown; i++) {
        make_row(sorted[i], &row);
        show_row(out, &layout, &row, columns, eol);
    }
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
    struct control_client *client;
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
