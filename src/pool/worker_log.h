/*
 * What the zygote and the workers write on standard error. It ends in one pipe, of which the daemon
 * makes lines of its own log, topic `worker`: a worker that somebody else has taken over can
 * neither forge a line of the daemon's nor fill a disk. Workers do not wait for it: what finds no
 * room in the pipe is lost.
 */
#ifndef TUTTI_POOL_WORKER_LOG_H
#define TUTTI_POOL_WORKER_LOG_H

#include <uv.h>

struct worker_log;

/* Returns 0 or negative errno. */
int worker_log_new(uv_loop_t *loop, struct worker_log **ret_log);

/* Logs what is left and closes the pipe; the memory goes when the loop has closed the handles. NULL
 * is fine. */
void worker_log_free(struct worker_log *l);

/* The writers' end: what a zygote gets as its standard error. It stays ours. */
int worker_log_fd(const struct worker_log *l);

#endif
