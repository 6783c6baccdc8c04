/* Running a libuv loop in tests: until something is so, and never longer than a deadline that only
 * a hanging test meets. */
#ifndef TUTTI_TESTS_LOOP_H
#define TUTTI_TESTS_LOOP_H

#include "unit.h"

#include <uv.h>

enum { LOOP_DEADLINE_MS = 20000 };

static inline void loop_on_deadline(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

/* Returns true as soon as `is_so`, false at the deadline. */
static inline bool loop_until(uv_loop_t *loop, bool (*is_so)(void *arg), void *arg)
{
    bool late = false;
    uv_timer_t timer;
    (void)uv_timer_init(loop, &timer);
    timer.data = &late;
    (void)uv_timer_start(&timer, loop_on_deadline, LOOP_DEADLINE_MS, 0);
    while (!is_so(arg) && !late)
        (void)uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    /* The timer lies on this stack: it must be gone from the loop before we return. */
    (void)uv_run(loop, UV_RUN_NOWAIT);
    return !late;
}

static inline bool loop_is_true(void *arg)
{
    return *(const bool *)arg;
}

/* Runs what is left, until there is nothing to wait for. */
static inline void loop_run_out(uv_loop_t *loop)
{
    bool late = false;
    uv_timer_t timer;
    (void)uv_timer_init(loop, &timer);
    timer.data = &late;
    (void)uv_timer_start(&timer, loop_on_deadline, LOOP_DEADLINE_MS, 0);
    uv_unref((uv_handle_t *)&timer);
    while (uv_run(loop, UV_RUN_NOWAIT) != 0 && !late)
        (void)usleep(1000);
    uv_close((uv_handle_t *)&timer, NULL);
    (void)uv_run(loop, UV_RUN_NOWAIT);
    assert_false(late);
}

/* Runs what is left (closing handles) and closes the loop: a handle that somebody forgot fails the
 * test. */
static inline void loop_end(uv_loop_t *loop)
{
    loop_run_out(loop);
    assert_int_equal(uv_loop_close(loop), 0);
}

#endif
