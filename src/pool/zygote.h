/*
 * The zygote: one `tutti-worker` process that has loaded the codecs and makes workers on request.
 * It is the daemon's child; so are the workers it makes (CLONE_PARENT), all in one process group.
 * When it dies it is started again, at once if it had lived a while, else after a pause; workers
 * that run do not notice.
 */
#ifndef TUTTI_POOL_ZYGOTE_H
#define TUTTI_POOL_ZYGOTE_H

#include "ring/layout.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

struct zygote;

struct zygote_ops {
    /* A worker was made, or could not be: `result` is its pid or negative errno. */
    void (*spawned)(uint32_t id, int32_t result, void *arg);
    /* The zygote died and was collected; requests that were under way are lost, workers that it
     * made belong to its process group `pgid`. pgid 0: it could not be started in the first place.
     */
    void (*died)(pid_t pgid, void *arg);
    /* A new one is ready for requests. Not called for the first one. */
    void (*up)(void *arg);
    void *arg;
};

/* Starts the program at `path`, with `stderr_fd` (borrowed for good) as its and its workers'
 * standard error. Returns 0 or negative errno: nothing runs then. */
int zygote_new(uv_loop_t *loop, const char *path, const char *log_level, int stderr_fd,
               const struct zygote_ops *ops, struct zygote **ret_zygote);

/* Ends the process for good. If one runs, `died` tells when it is collected: what it was making at
 * that moment is in its process group. */
void zygote_stop(struct zygote *z);

/* Ends the process; no op is called any more. NULL is fine. */
void zygote_free(struct zygote *z);

/* Asks for a worker with these descriptors (which stay the caller's). `id` comes back in `spawned`.
 * Returns 0, -ENOTCONN while no zygote is up, or the errno of the socket. */
int zygote_spawn(struct zygote *z, uint32_t id, const struct ring_shape *shape, int sock,
                 int ring_fd);

/* Ends a process that does not answer; another one is started, as after any death. */
void zygote_kick(struct zygote *z);

bool zygote_is_up(const struct zygote *z);

/* True while none is up, if it dies so fast, again and again, that waiting for it makes no sense.
 */
bool zygote_is_hopeless(const struct zygote *z);

pid_t zygote_pid(const struct zygote *z);

#endif
