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

int options_paths(const struct options *o, struct paths *ret)
{
    char error[PATHS_ERROR_BYTES];
    struct paths_env env = paths_env_read();
    if (paths_resolve(&o->given, &env, ret, error) < 0)
        return options_usage(o, "%s", error);
    /* Whoever made the directory in /tmp could pose as the daemon. */
    if (ret->in_tmp && !o->given.control && paths_check_owner(ret->dir, env.uid, error) == -EPERM) {
        (void)fprintf(stderr, "tutti: will not look for a daemon there: %s\n", error);
        return CLI_SYSTEM;
    }
    return -1;
}

int options_open(const struct options *o, struct client **ret)
{
    struct paths paths;
    int code = options_paths(o, &paths);
    if (code >= 0)
        return code;
    int err = client_open(paths.control, ret);
    return err < 0 ? options_explain(&paths, err) : -1;
}

static void suggest_system_daemon(const struct paths *paths)
{
    static const char system_control[] = "/run/tutti/control.sock";
    if (strcmp(paths->control, system_control) != 0 && access(system_control, F_OK) == 0)
        (void)fputs("The system's daemon seems to run: try --runtime-dir /run/tutti.\n", stderr);
    else
        (void)fputs("Start one with 'tuttid', or say where it is with --runtime-dir DIR.\n",
                    stderr);
}

int options_explain(const struct paths *paths, int err)
{
    switch (err) {
    case -ENOENT:
    case -ECONNREFUSED:
        (void)fprintf(stderr, "tutti: no daemon is running at %s\n", paths->control);
        suggest_system_daemon(paths);
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
