#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/options.h"
#include "cli/show.h"
#include "cli/signals.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>

static const char help[] =
    "Usage: tutti top [OPTION]...\n"
    "\n"
    "Shows what plays and how the daemon does, again and again, until q or Ctrl-C is\n"
    "pressed. When the output is no terminal, prints it once.\n"
    "\n"
    "Options:\n"
    "  -d, --delay SECONDS between two looks (0.1 to 3600, default: 0.5)\n" OPTIONS_COMMON_HELP;

enum { STATS_ROWS = 5, WIDEST = 1000 };

/* The other screen and no cursor while it runs; what was there comes back in the end. */
#define SCREEN_OPEN "\033[?1049h\033[?25l"
#define SCREEN_CLOSE "\033[?25h\033[?1049l"

struct top {
    struct control_client *client;
    double delay; /* [s] */
    int signal_fd;
    int signal; /* that ended it, or 0 */
    bool quit;
    bool has_keys;        /* standard input is a terminal of ours to read */
    struct termios saved; /* how it was */
};

static int parse(struct options *o, struct top *t, int argc, char **argv)
{
    static const struct option longs[] = {
        { "delay", required_argument, NULL, 'd' },
        OPTIONS_COMMON,
    };
    int opt;
    while ((opt = getopt_long(argc, argv, "d:h", longs, NULL)) != -1) {
        int code = -1;
        if (opt != 'd')
            code = options_take(o, opt, help);
        else if (options_parse_time(optarg, &t->delay) < 0 || t->delay < 0.1 || t->delay > 3600)
            code = options_usage(o, "a delay is 0.1 to 3600 seconds: %s", optarg);
        if (code >= 0)
            return code;
    }
    return options_no_more(o, argc, argv);
}

static int print_tables(struct top *t, FILE *out, int columns, int rows, const char *eol)
{
    json_auto_t *status = NULL;
    json_auto_t *stats = NULL;
    int err = client_ask(t->client, json_pack("{s:s}", "type", "status"), &status);
    if (err == 0)
        err = client_ask(t->client, json_pack("{s:s}", "type", "stats"), &stats);
    if (err < 0)
        return err;
    int for_sessions = rows > STATS_ROWS + 2 ? rows - STATS_ROWS - 1 : rows > 0 ? 2 : 0;
    (void)show_sessions(out, status, columns, for_sessions, eol);
    (void)fputs(eol, out);
    (void)show_stats(out, stats, eol);
    return 0;
}

/* A whole picture is made first and written at once: a terminal that shows it never flickers. */
static int draw(struct top *t)
{
    AUTO_FREE char *picture = NULL;
    size_t len = 0;
    int columns, rows;
    format_terminal_size(STDOUT_FILENO, &columns, &rows);
    FILE *out = open_memstream(&picture, &len);
    if (!out)
        return -errno;
    (void)fputs("\033[H", out);
    int err = print_tables(t, out, columns, rows - 1, "\033[K\n");
    (void)fputs("\033[J", out);
    if (fclose(out) != 0)
        return -ENOMEM;
    if (err < 0)
        return err;
    (void)fwrite(picture, 1, len, stdout);
    return fflush(stdout) == 0 ? 0 : -errno;
}

static void take_keys(struct top *t)
{
    char keys[16];
    ssize_t n = read(STDIN_FILENO, keys, sizeof keys);
    if (n <= 0)
        t->has_keys = false; /* the terminal has gone; SIGHUP will follow */
    for (ssize_t i = 0; i < n; i++) {
        if (keys[i] == 'q' || keys[i] == 'Q')
            t->quit = true;
    }
}

/* Waits until it is time to look again, or to end. */
static void wait_turn(struct top *t)
{
    uint64_t until_ns = clock_now_ns() + (uint64_t)(t->delay * (double)NS_PER_S);
    while (!t->quit && t->signal == 0) {
        uint64_t now_ns = clock_now_ns();
        if (now_ns >= until_ns)
            return;
        struct pollfd fds[] = {
            { .fd = t->signal_fd, .events = POLLIN },
            { .fd = t->has_keys ? STDIN_FILENO : -1, .events = POLLIN },
        };
        (void)poll(fds, 2, (int)((until_ns - now_ns) / NS_PER_MS) + 1);
        if (fds[0].revents)
            t->signal = signals_take(t->signal_fd);
        if (fds[1].revents)
            take_keys(t);
    }
}

/* Keys come one by one and unseen; Ctrl-C still makes a signal. */
static void open_screen(struct top *t)
{
    t->has_keys = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &t->saved) == 0;
    if (t->has_keys) {
        struct termios raw = t->saved;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        t->has_keys = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    }
    (void)fputs(SCREEN_OPEN, stdout);
}

static void close_screen(struct top *t, bool raw)
{
    (void)fputs(SCREEN_CLOSE, stdout);
    (void)fflush(stdout);
    if (raw)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &t->saved);
}

static int run(struct top *t)
{
    t->signal_fd = signals_open();
    if (t->signal_fd < 0)
        return options_lost(t->signal_fd);
    open_screen(t);
    bool raw = t->has_keys;
    int err = 0;
    while (err == 0 && !t->quit && t->signal == 0) {
        err = draw(t);
        if (err == 0)
            wait_turn(t);
    }
    close_screen(t, raw);
    cleanup_fd(&t->signal_fd);
    return err < 0 ? options_lost(err) : CLI_OK;
}

int top_main(int argc, char **argv)
{
    struct options o;
    struct top t = { .delay = 0.5, .signal_fd = -1 };
    options_init(&o, "tutti top");
    int code = parse(&o, &t, argc, argv);
    if (code < 0)
        code = options_open(&o, &t.client);
    if (code >= 0)
        return code;
    if (isatty(STDOUT_FILENO) == 1) {
        code = run(&t);
    } else {
        int err = print_tables(&t, stdout, WIDEST, 0, "\n");
        code = err < 0 ? options_lost(err) : CLI_OK;
    }
    client_free(t.client);
    if (t.signal != 0 && t.signal != SIGINT)
        signals_die(t.signal);
    return options_flush(code);
}
