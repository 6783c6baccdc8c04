/*
 * The pool: seats, workers and the plays that wait for one.
 *
 * A channel takes a seat when its play is accepted and gives it back when nothing of it plays any
 * more. A play gets a worker from the pool (an idle one, or one that is made for it) and releases
 * it when it ends; released workers are used again. There may be up to 2 × seats + warm processes,
 * because a channel has two while one play takes over from another.
 */
#ifndef TUTTI_POOL_POOL_H
#define TUTTI_POOL_POOL_H

#include "pool/worker.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct pool;
struct pool_job;

struct pool_config {
    const char *worker_path;
    const char *log_level;
    unsigned max_seats;
    unsigned warm;    /* idle workers kept ready */
    uint64_t idle_ms; /* an idle worker beyond the warm ones leaves after this */
    struct ring_shape ring;
    unsigned slower; /* how many times slower than usual workers are (sanitizers); 0 is 1 */
};

struct pool_counts {
    unsigned idle;
    unsigned busy;
    unsigned max;
    uint64_t restarts; /* workers that died on their own */
};

/* A worker is there (IDLE: worker_open it in this call), or NULL when none can be made. */
typedef void (*pool_got_fn)(struct worker *w, void *arg);

/* Starts the zygote. Returns 0 or negative errno. */
int pool_new(uv_loop_t *loop, const struct pool_config *config, struct pool **ret_pool);

/* Ends every process, waits for them and then calls `done`, after which the pool is gone.
 * Jobs must have been cancelled and workers released before. */
void pool_shutdown(struct pool *p, void (*done)(void *arg), void *arg);

/* Returns 0, or -EBUSY when all seats are taken. */
int pool_take_seat(struct pool *p);
void pool_give_seat(struct pool *p);

/* Asks for a worker. `got` is called later, never from inside this call. While too many workers
 * die, or none can be made, the job is held back, for no longer than patience_ms. Returns NULL
 * without memory. The job ends with that call or with pool_cancel. */
struct pool_job *pool_get_worker(struct pool *p, uint64_t patience_ms, pool_got_fn got, void *arg);
void pool_cancel(struct pool *p, struct pool_job *job);

/* Gives back a worker that was opened. */
void pool_release_worker(struct pool *p, struct worker *w);

/* Seats taken. */
unsigned pool_active_count(const struct pool *p);

struct pool_counts pool_counts(const struct pool *p);

#endif
