/* How long clients are heard in one turn of the loop, so that the pacer has its own in time. */
#ifndef TUTTI_SERVER_TURN_H
#define TUTTI_SERVER_TURN_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* Embedded in what hears clients; zeroed, it is ready. */
struct turn {
    uint64_t loop_ms; /* what the loop's clock showed when the turn began … */
    uint64_t ends_ns; /* … which ends then */
};

/* Whether the rest must wait for the next turn. The first time that it is asked in a turn it never
 * is over. */
bool turn_is_over(struct turn *t, uv_loop_t *loop);

#endif
