/*
 * tutti-worker: started once by tuttid as the zygote, with its control socket on descriptor 3. The
 * workers it forks are the same program and are named tutti-worker, the zygote tutti-worker-z.
 */
#include "base/log.h"
#include "media/zygote.h"

#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONTROL_FD = 3, EXIT_USAGE = 100 };

static const struct option options[] = {
    { "log-level", required_argument, NULL, 'l' },
    { "version", no_argument, NULL, 'V' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static int usage(int status)
{
    (void)fprintf(status == 0 ? stdout : stderr,
                  "usage: tutti-worker [--log-level LEVEL]\n"
                  "Started by tuttid, with its control socket on descriptor 3.\n");
    return status;
}

int main(int argc, char **argv)
{
    enum log_level level = LOG_INFO;
    int c;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'l' && log_level_parse(optarg, &level) == 0)
            continue;
        if (c == 'V') {
            (void)printf("tutti-worker %s\n", TUTTI_VERSION);
            return 0;
        }
        return usage(c == 'h' ? 0 : EXIT_USAGE);
    }
    log_setup("tutti-worker", level, LOG_TEXT); /* tuttid makes its own lines of these */
    int type = 0;
    socklen_t len = sizeof type;
    if (optind < argc || getsockopt(CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
        type != SOCK_SEQPACKET)
        return usage(EXIT_USAGE);
    (void)prctl(PR_SET_NAME, "tutti-worker-z");
    /* One pipe for all workers (pool/worker_log.h): when somebody fills it, nobody waits. */
    (void)fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
    /* Hundreds of packets wait in a row and go in the same order, and every aligned allocation
     * leaves splinters: collecting these in fast bins costs more than joining them at once. */
    (void)mallopt(M_MXFAST, 0);
    zygote_warm_up();
    return zygote_run(CONTROL_FD);
}
