/*
 * tutti-confine: runs a program behind walls. It puts them up around itself and becomes the program
 * by exec, so that pid, process group and descriptors are the program's; a parent that starts it by
 * posix_spawn or libuv, which have no place for code between fork and exec, needs nothing else.
 *
 *   tutti-confine [--read PATH]... [--write PATH]... -- PROGRAM [ARGUMENT...]
 *
 * The program may run and read what is installed (below /usr, /opt and the like, beside the
 * directories of PATH, and around itself) and what --read names, and change what --write names. It
 * may connect to the network. PROGRAM is looked up in PATH.
 */
#include "base/log.h"
#include "sandbox/programs.h"
#include "sandbox/sandbox.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_USAGE = 100, EXIT_SYSTEM = 111, EXIT_NOT_RUN = 126, EXIT_NOT_FOUND = 127 };

static const struct option options[] = {
    { "read", required_argument, NULL, 'r' },
    { "write", required_argument, NULL, 'w' },
    { "version", no_argument, NULL, 'V' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static int usage(int status)
{
    (void)fprintf(status == 0 ? stdout : stderr,
                  "usage: tutti-confine [--read PATH]... [--write PATH]... -- PROGRAM [ARG...]\n"
                  "Started by tuttid, to run yt-dlp behind walls.\n");
    return status;
}

/* Only says what is wrong when something is: standard error is the program's. */
static int confine(const struct programs *p)
{
    struct sandbox *s;
    int r = sandbox_new(SANDBOX_EXTRACT, p->paths, p->n_paths, &s);
    if (r == 0) {
        r = sandbox_enter(s);
        sandbox_free(s);
    }
    if (r < 0)
        log_error("confine", "cannot enter the sandbox: %s", strerror(-r));
    return r;
}

static int run(char **argv)
{
    (void)execvp(argv[0], argv);
    int e = errno;
    log_error("confine", "cannot run %s: %s", argv[0], strerror(e));
    return e == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUN;
}

int main(int argc, char **argv)
{
    static struct programs p;
    int c;
    log_setup("tutti-confine", LOG_INFO, LOG_TEXT);
    while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        if ((c == 'r' || c == 'w') && programs_add(&p, optarg, c == 'w') == 0)
            continue;
        if (c == 'V') {
            (void)printf("tutti-confine %s\n", TUTTI_VERSION);
            return 0;
        }
        return usage(c == 'h' ? 0 : EXIT_USAGE);
    }
    if (optind == argc)
        return usage(EXIT_USAGE);
    programs_add_path(&p, getenv("PATH"), getenv("HOME"));
    programs_add_program(&p, argv[optind], getenv("HOME"));
    programs_add_scratch(&p, argv[optind]);
    int status = confine(&p) < 0 ? EXIT_SYSTEM : run(argv + optind);
    programs_done(&p);
    return status;
}
