/*
 * tutti-worker: started once by tuttid as the zygote, with its control socket on descriptor 3. The
 * workers it forks are the same program and are named tutti-worker, the zygote tutti-worker-z.
 */
#include "base/log.h"
#include "media/zygote.h"

#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

enum { CONTROL_FD = 3, EXIT_USAGE = 100 };

static const struct option options[] = {
    { "log-level", required_argument, NULL, 'l' },
    { "log-format", required_argument, NULL, 'f' },
    { "version", no_argument, NULL, 'V' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static int usage(int status)
{
    (void)fprintf(status == 0 ? stdout : stderr,
                  "usage: tutti-worker [--log-level LEVEL] [--log-format text|json]\n"
                  "Started by tuttid, with its control socket on descriptor 3.\n");
    return status;
}

int main(int argc, char **argv)
{
    enum log_level level = LOG_INFO;
    enum log_format format = LOG_TEXT;
    int c;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'l' && log_level_parse(optarg, &level) == 0)
            continue;
        if (c == 'f' && (strcmp(optarg, "text") == 0 || strcmp(optarg, "json") == 0)) {
            format = strcmp(optarg, "json") == 0 ? LOG_JSON : LOG_TEXT;
            continue;
        }
        if (c == 'V') {
            (void)printf("tutti-worker %s\n", TUTTI_VERSION);
            return 0;
        }
        return usage(c == 'h' ? 0 : EXIT_USAGE);
    }
    log_setup("tutti-worker", level, format);
    int type = 0;
    socklen_t len = sizeof type;
    if (optind < argc || getsockopt(CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
        type != SOCK_SEQPACKET)
        return usage(EXIT_USAGE);
    (void)prctl(PR_SET_NAME, "tutti-worker-z");
    /* Hundreds of packets wait in a row and go in the same order, and every aligned allocation
     * leaves splinters: collecting these in fast bins costs more than joining them at once. */
    (void)mallopt(M_MXFAST, 0);
    zygote_warm_up();
    return zygote_run(CONTROL_FD);
}
