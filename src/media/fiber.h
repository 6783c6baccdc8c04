/*
 * A function that can stop in its middle and be gone on with later: it has a stack of its own. So a
 * demuxer that waits for bytes from the network keeps its place while the worker does other things,
 * although libavformat knows only calls that return when they are done.
 *
 * No thread: it runs in fiber_run only. A worker may make no threads, and needs no locks this way.
 */
#ifndef TUTTI_MEDIA_FIBER_H
#define TUTTI_MEDIA_FIBER_H

#include <stdbool.h>
#include <stddef.h>

struct fiber;

typedef void (*fiber_fn)(void *arg);

/* The stack costs memory only as far as it is used. Returns 0 or -ENOMEM. */
int fiber_new(size_t stack_bytes, struct fiber **ret);

/* It must not be in the middle of its function. NULL is fine. */
void fiber_free(struct fiber *f);

/* Names the function that the next fiber_run enters. The one before must have ended. */
void fiber_begin(struct fiber *f, fiber_fn fn, void *arg);

/* Enters the function, or goes on where it yielded. Returns true when the function has ended (or
 * there is none), false when it has yielded. */
bool fiber_run(struct fiber *f);

/* In the function: stops until the next fiber_run. */
void fiber_yield(struct fiber *f);

/* True between fiber_begin and the function's end. */
bool fiber_is_busy(const struct fiber *f);

#endif
