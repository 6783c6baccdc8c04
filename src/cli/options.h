/*
 * What the subcommands share: exit codes, common options, values on the command line, and finding
 * the daemon. These functions print to standard error what a person must know.
 */
#ifndef TUTTI_CLI_OPTIONS_H
#define TUTTI_CLI_OPTIONS_H

#include "base/paths.h"
#include "cli/client.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    CLI_OK = 0,
    CLI_FAILED = 1,   /* the daemon answered with an error */
    CLI_USAGE = 100,  /* bad usage */
    CLI_SYSTEM = 111, /* the system refused something, or there is no daemon */
};

/* What getopt_long returns for options without a letter; a subcommand's own start at OPT_OWN. */
enum { OPT_RUNTIME_DIR = 256, OPT_CONTROL, OPT_AUDIO, OPT_OWN };

#define OPTIONS_COMMON \
    { "runtime-dir", required_argument, NULL, OPT_RUNTIME_DIR }, \
        { "control", required_argument, NULL, OPT_CONTROL }, \
        { "audio", required_argument, NULL, OPT_AUDIO }, { "help", no_argument, NULL, 'h' }, \
    { \
        NULL, 0, NULL, 0 \
    }

#define OPTIONS_COMMON_HELP \
    "  --runtime-dir DIR   where the daemon's sockets are\n" \
    "  --control PATH      its control socket\n" \
    "  --audio PATH        its audio socket\n" \
    "  -h, --help          show this help\n"

struct options {
    const char *command;      /* for messages, such as "tutti play" */
    struct paths_given given; /* from options, else from the environment */
    uint64_t channel;         /* 0: none was given */
};

/* Starts with what the environment says: TUTTI_RUNTIME_DIR, TUTTI_CONTROL, TUTTI_AUDIO. */
void options_init(struct options *o, const char *command);

/* Takes in an option that all subcommands have, `-c` (--channel) included where it is declared.
 * Returns -1 to go on, or an exit code: also for the '?' of getopt_long, and for 'h', after
 * printing `help`. */
int options_take(struct options *o, int opt, const char *help);

/* Prints "COMMAND: text" and where to find help. Returns CLI_USAGE. */
int options_usage(const struct options *o, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Fails unless all arguments were options. Returns -1 to go on, or CLI_USAGE. */
int options_no_more(const struct options *o, int argc, char **argv);

/* Values. All return 0 or -EINVAL. Volume: 0…2 or 0%…200%. Time: seconds, or [H:]MM:SS, with a
 * fraction. */
int options_parse_volume(const char *text, double *ret_level);
int options_parse_time(const char *text, double *ret_seconds);

/* A value that may hang on what is so now. */
struct amount {
    enum { AMOUNT_PLAIN, AMOUNT_CHANGE, AMOUNT_SHARE } kind;
    double value; /* a share: 0…1 of the whole */
};

/* A place: as a time, "+5" and "-1:30" from where it is, or "50%" of the length. A level: as a
 * volume, or "+10%" and "-0.1" from what it is. Both return 0 or -EINVAL. */
int options_parse_place(const char *text, struct amount *ret);
int options_parse_level(const char *text, struct amount *ret);

/* "-5" is an argument, not options: takes the first one of its kind out of argv, which getopt_long
 * has not seen yet. Returns it, or NULL. What stands behind "--" stays. */
const char *options_take_negative(int *argc, char **argv);

/* Decides where the daemon should be. Returns -1 to go on, or an exit code. */
int options_paths(const struct options *o, struct paths *ret);

/* Whether somebody said which daemon it should be: no other will do. */
bool options_names_daemon(const struct options *o);

/* Connects to the daemon at *paths, which options_paths made; where there is none and none was
 * named, to the system's, whose paths are then put there. Returns as client_open. */
int options_reach(const struct options *o, struct paths *paths, struct control_client **ret);

/* Connects to the running daemon, or explains why that failed. Returns -1 and a client to be freed
 * with client_free, or an exit code. */
int options_open(const struct options *o, struct control_client **ret);

/* Explains why client_open failed with `err`. Returns CLI_SYSTEM. */
int options_explain(const struct paths *paths, int err);

/* Says what is wrong when the exchange with the daemon failed. Returns CLI_SYSTEM. */
int options_lost(int err);

/* Prints the text of an `error` event. Returns CLI_FAILED. */
int options_refused(const json_t *event);

/* Makes sure that all output was written: a full disk is no success. Returns `code`, or CLI_SYSTEM
 * after a message. */
int options_flush(int code);

#endif
