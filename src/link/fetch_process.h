/* The process tutti-fetch: its command, its environment, and its messages as bytes. It is kept
 * running by keep/keeper.h; what the messages mean is fetcher.c's. */
#ifndef TUTTI_LINK_FETCH_PROCESS_H
#define TUTTI_LINK_FETCH_PROCESS_H

#include "proto/fmsg.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <uv.h>

struct fetch_process;

/* How the program is started. */
struct fetcher_config {
    const char *path; /* of the program; copied, like the rest */
    const char *log_level;
    const char *log_format;
    double connect_timeout_s;
    double stall_timeout_s;
    double give_up_s;
    const char
        *http_proxy; /* NULL: what the environment says (http_proxy, https_proxy, no_proxy) */
    bool allow_private_hosts;
    const char *const *allow_hosts;
    size_t n_allow_hosts;
};

struct fetch_process_ops {
    void (*message)(const struct fmsg *m, void *arg);
    void (*writable)(void *arg); /* after fetch_process_send said -EAGAIN */
    /* Another one runs in the place of one that died. */
    void (*replaced)(void *arg);
    /* It dies as fast as it is started, or cannot be started: do not wait for it. */
    void (*hopeless)(const char *why, void *arg);
    void *arg;
};

/* Starts nothing yet. Returns 0 or -ENOMEM. */
int fetch_process_new(uv_loop_t *loop, const struct fetcher_config *config,
                      const struct fetch_process_ops *ops, struct fetch_process **ret_process);

/* Kills it. NULL is fine. */
void fetch_process_free(struct fetch_process *p);

/* Starts it, if it neither runs nor is about to be started again. Returns 0 or negative errno. */
int fetch_process_start(struct fetch_process *p);

/* Sends a message, with a descriptor unless `fd` is −1. Returns 0; -EAGAIN if there is no room,
 * -ENOTCONN while none runs (`replaced` tells of the next one); or another negative errno. */
int fetch_process_send(struct fetch_process *p, const struct fmsg *m, int fd);

pid_t fetch_process_pid(const struct fetch_process *p); /* −1: none */

#endif
