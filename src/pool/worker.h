/*
 * One worker process, seen from the daemon: its socket, its ring, its state. The pool makes and
 * ends workers; a play borrows one.
 *
 *              zygote answered, IDLE            OPEN sent             CLOSE sent        IDLE
 *   SPAWNING ────────────────────────▶ IDLE ──────────────▶ BUSY ──────────────▶ CLOSING ─────▶
 * IDLE │                               │                     │                     │
 *       └───────────────────────────────┴──── death ──────────┴─────────────────────┘──▶ DEAD
 */
#ifndef TUTTI_POOL_WORKER_H
#define TUTTI_POOL_WORKER_H

#include "pool/watchdog.h"
#include "proto/wmsg.h"
#include "ring/consumer.h"

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

enum worker_state {
    WORKER_SPAWNING,
    WORKER_IDLE,
    WORKER_BUSY,
    WORKER_CLOSING,
    WORKER_DEAD,
    WORKER_STATE_COUNT
};

struct worker;

/* News for the play that has borrowed the worker. */
struct worker_user_ops {
    /* A message that is about this play or the next one (never IDLE). */
    void (*message)(const struct wmsg *m, void *arg);
    /* The process died or broke its contract, and is no longer the play's. `why` is one line: what
     * it said that it dies of, wherever it came to say so. */
    void (*died)(const char *why, void *arg);
};

/* News for the pool. */
struct worker_pool_ops {
    void (*idle)(struct worker *w, void *arg); /* ready for a play */
    void (*gone)(struct worker *w, void *arg); /* dead and unborrowed: to be freed */
    void *arg;
};

/* Prepares socket and ring, the worker's ends of which go to the zygote and are the caller's to
 * close. Returns 0 or negative errno. */
int worker_new(uv_loop_t *loop, uint32_t id, const struct ring_shape *shape,
               const struct worker_pool_ops *ops, struct worker **ret_worker, int *ret_sock,
               int *ret_ring_fd);

/* Closes everything and ends the process if it runs. The memory goes when the loop is done. */
void worker_free(struct worker *w);

/* The zygote has made it. Until then nothing is heard of it: it may not be there at all. */
void worker_spawned(struct worker *w, pid_t pid);

/* IDLE → BUSY with an OPEN that carries `source_fd`; `open->play` and the generation of its render
 * are set here. Returns 0 or negative errno: the worker is dead then and `died` is not called. */
int worker_open(struct worker *w, const struct worker_user_ops *user, void *arg, struct wmsg *open,
                int source_fd);

/* BUSY → CLOSING: the play is done with it. No news comes any more. */
void worker_close(struct worker *w);

/* Sends RENDER; the generation is set here. Returns 0; -EAGAIN when the worker does not read: try
 * again later; or another errno. */
int worker_render(struct worker *w, struct wmsg_render *render);

/* Sends NEXT with the source of the play that will follow. Returns 0 or negative errno: then the
 * worker knows nothing of it. */
int worker_next(struct worker *w, struct wmsg *next, int source_fd);

/* Sends SOURCE: the source of `play` (its own or the next one's) has a new descriptor. */
void worker_replace_source(struct worker *w, uint32_t play, int source_fd);

/* Sends DROP_NEXT. */
void worker_drop_next(struct worker *w);

/* The join was passed: the worker serves the next play now, and `arg` hears its news. */
void worker_join(struct worker *w, void *arg);

/* Rings the producer's bell if it waits for room in `lane`. Returns true if it rang. */
bool worker_wake(struct worker *w, unsigned lane);

/* Hands on the warnings and titles (and drops the bells) that wait in the socket before anything
 * else: what was said before a record was put is heard before the record is acted on. */
void worker_hear_words(struct worker *w);

/* Ends a worker that broke its contract: `died` follows from the loop. */
void worker_kill(struct worker *w, const char *why);

struct ring_consumer *worker_ring(struct worker *w);

/* In `died`: the ring becomes the caller's, who may go on reading what lies in it. */
struct ring_consumer *worker_take_ring(struct worker *w);
enum worker_state worker_state(const struct worker *w);

/* What the watchdog judges it by. */
struct watch_pulse worker_pulse(const struct worker *w);
uint32_t worker_id(const struct worker *w);
pid_t worker_pid(const struct worker *w);

/* False if it has not come as far as to be idle once. */
bool worker_was_ready(const struct worker *w);

/* When it became idle, in the loop's time [ms]. */
uint64_t worker_idle_since_ms(const struct worker *w);

#endif
