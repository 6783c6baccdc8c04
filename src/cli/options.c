#include "cli/options.h"

#include "base/text.h"
#include "proto/command.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 1024 };

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] != '\0' ? value : NULL;
}

void options_init(struct options *o, const char *command)
{
    *o = (struct options){
        .command = command,
        .given = {
            .runtime_dir = environment("TUTTI_RUNTIME_DIR"),
            .control = environment("TUTTI_CONTROL"),
            .audio = environment("TUTTI_AUDIO"),
        },
    };
}

int options_take(struct options *o, int opt, const char *help)
{
    switch (opt) {
    case OPT_RUNTIME_DIR:
        o->given.runtime_dir = optarg;
        return -1;
    case OPT_CONTROL:
        o->given.control = optarg;
        return -1;
    case OPT_AUDIO:
        o->given.audio = optarg;
        return -1;
    case 'c':
        if (channel_parse(optarg, &o->channel) < 0)
            return options_usage(o, "a channel is a number from 1 to 18446744073709551615: %s",
                                 optarg);
        return -1;
    case 'h':
        (void)fputs(help, stdout);
        return options_flush(CLI_OK);
    default: /* getopt_long has said what it does not understand. */
        (void)fprintf(stderr, "Try '%s --help'.\n", o->command);
        return CLI_USAGE;
    }
}

int options_usage(const struct options *o, const char *fmt, ...)
{
    char text[MESSAGE_BYTES];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    (void)fprintf(stderr, "%s: %s\nTry '%s --help'.\n", o->command, text, o->command);
    return CLI_USAGE;
}

int options_no_more(const struct options *o, int argc, char **argv)
{
    if (optind < argc)
        return options_usage(o, "one argument too many: %s", argv[optind]);
    return -1;
}

/* A plain decimal number without sign: strtod alone would take "0x1p3", "nan" and " 1". */
static int parse_decimal(const char *text, const char **ret_end, double *ret)
{
    size_t n = strspn(text, "0123456789.");
    if (n == 0 || n > 20 || !(isdigit((unsigned char)text[0]) || isdigit((unsigned char)text[1])))
        return -EINVAL;
    char digits[24];
    char *end;
    memcpy(digits, text, n);
    digits[n] = '\0';
    *ret = strtod(digits, &end);
    *ret_end = text + n;
    return *end == '\0' ? 0 : -EINVAL;
}

int options_parse_volume(const char *text, double *ret_level)
{
    const char *end;
    double level;
    if (parse_decimal(text, &end, &level) < 0)
        return -EINVAL;
    if (strcmp(end, "%") == 0)
        level /= 100;
    else if (*end != '\0')
        return -EINVAL;
    if (level > 2)
        return -EINVAL;
    *ret_level = level;
    return 0;
}

int options_parse_time(const char *text, double *ret_seconds)
{
    double total = 0;
    for (int fields = 1; fields <= 3; fields++) {
        const char *end;
        double value;
        if (parse_decimal(text, &end, &value) < 0)
            return -EINVAL;
        if (fields > 1 && value >= 60)
            return -EINVAL;
        total = total * 60 + value;
        if (*end == '\0') {
            *ret_seconds = total;
            return 0;
        }
        if (*end != ':' || value != floor(value))
            return -EINVAL;
        text = end + 1;
    }
    return -EINVAL;
}

int options_parse_place(const char *text, struct amount *ret)
{
    const char *end;
    struct amount a = { .kind = AMOUNT_PLAIN };
    bool back = text[0] == '-';
    if (back || text[0] == '+') {
        a.kind = AMOUNT_CHANGE;
        text++;
    } else if (parse_decimal(text, &end, &a.value) == 0 && strcmp(end, "%") == 0) {
        a.kind = AMOUNT_SHARE;
        a.value /= 100;
        if (a.value > 1)
            return -EINVAL;
        *ret = a;
        return 0;
    }
    if (options_parse_time(text, &a.value) < 0)
        return -EINVAL;
    if (back)
        a.value = -a.value;
    *ret = a;
    return 0;
}

int options_parse_level(const char *text, struct amount *ret)
{
    bool down = text[0] == '-';
    bool change = down || text[0] == '+';
    struct amount a = { .kind = change ? AMOUNT_CHANGE : AMOUNT_PLAIN };
    if (options_parse_volume(text + change, &a.value) < 0)
        return -EINVAL;
    if (down)
        a.value = -a.value;
    *ret = a;
    return 0;
}

const char *options_take_negative(int *argc, char **argv)
{
    for (int i = 1; i < *argc && strcmp(argv[i], "--") != 0; i++) {
        const char *word = argv[i];
        if (word[0] != '-' || !(isdigit((unsigned char)word[1]) || word[1] == '.'))
            continue;
        memmove(argv + i, argv + i + 1, (size_t)(*argc - i) * sizeof *argv);
        --*argc;
        return word;
    }
    return NULL;
}

bool options_names_daemon(const struct options *o)
{
    return o->given.runtime_dir || o->given.control || o->given.audio;
}

int options_paths(const struct options *o, struct paths *ret)
{
    char error[PATHS_ERROR_BYTES];
    struct paths_env env = paths_env_read();
    if (paths_resolve(&o->given, &env, ret, error) < 0)
        return options_usage(o, "%s", error);
    /* The user who made the directory in /tmp could pose as the daemon. */
    if (ret->in_tmp && !o->given.control && paths_check_owner(ret->dir, env.uid, error) == -EPERM) {
        (void)fprintf(stderr, "tutti: will not look for a daemon there: %s\n", error);
        return CLI_SYSTEM;
    }
    return -1;
}

static bool is_absent(int err)
{
    return err == -ENOENT || err == -ECONNREFUSED;
}

int options_reach(const struct options *o, struct paths *paths, struct control_client **ret)
{
    static const struct paths_given at_system = { .runtime_dir = PATHS_SYSTEM_DIR };
    static const struct paths_env no_env = { 0 };
    char error[PATHS_ERROR_BYTES];
    struct paths system_paths;
    int err = client_open(paths->control, ret);
    if (!is_absent(err) || options_names_daemon(o) ||
        paths_resolve(&at_system, &no_env, &system_paths, error) < 0)
        return err;
    int system_err = client_open(system_paths.control, ret);
    if (is_absent(system_err))
        return err;
    *paths = system_paths;
    return system_err;
}

int options_open(const struct options *o, struct control_client **ret)
{
    struct paths paths;
    int code = options_paths(o, &paths);
    if (code >= 0)
        return code;
    int err = options_reach(o, &paths, ret);
    return err < 0 ? options_explain(&paths, err) : -1;
}

int options_explain(const struct paths *paths, int err)
{
    switch (err) {
    case -ENOENT:
    case -ECONNREFUSED:
        (void)fprintf(stderr,
                      "tutti: no daemon is running at %s\n"
                      "Start one with 'tuttid', or say where it is with --runtime-dir DIR.\n",
                      paths->control);
        break;
    case -EACCES:
    case -EPERM:
    case -EPIPE:
        (void)fprintf(stderr,
                      "tutti: the daemon at %s does not let you in: its own user, root and the "
                      "members of its socket group may connect\n",
                      paths->control);
        break;
    case -EPROTO:
        (void)fprintf(stderr, "tutti: what listens at %s is no daemon that this program knows\n",
                      paths->control);
        break;
    default:
        (void)fprintf(stderr, "tutti: cannot connect to %s: %s\n", paths->control, strerror(-err));
    }
    return CLI_SYSTEM;
}

int options_lost(int err)
{
    if (err == -EPIPE || err == -ECONNRESET)
        (void)fputs("tutti: the daemon has gone away\n", stderr);
    else if (err == -ETIMEDOUT)
        (void)fputs("tutti: the daemon does not answer\n", stderr);
    else if (err == -EPROTO)
        (void)fputs("tutti: the daemon said something that this program does not understand\n",
                    stderr);
    else
        (void)fprintf(stderr, "tutti: talking to the daemon failed: %s\n", strerror(-err));
    return CLI_SYSTEM;
}

int options_refused(const json_t *event)
{
    char text[MESSAGE_BYTES];
    (void)text_sanitise(text, sizeof text, event_text(event, "message", "no reason was given"));
    (void)fprintf(stderr, "tutti: %s: %s\n", event_text(event, "code", "error"), text);
    return CLI_FAILED;
}

int options_flush(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    (void)fprintf(stderr, "tutti: cannot write the output: %s\n", strerror(errno));
    return CLI_SYSTEM;
}
