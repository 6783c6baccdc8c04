/*
 * The gate of restarts: deaths open a debt that is paid off with time. While it is too high, no
 * worker is made for somebody who can wait. A crash loop across many channels thus cannot burn the
 * machine, but a whole house whose workers die at once gets them back at once.
 *
 * Pure; times are in milliseconds of any clock that does not go back.
 */
#ifndef TUTTI_POOL_GATE_H
#define TUTTI_POOL_GATE_H

#include <stdint.h>

struct gate {
    uint64_t per_s; /* deaths a second that may go on for ever; 1 … 1000 */
    uint64_t burst; /* deaths that may come at once */
    uint64_t debt_ms;
    uint64_t at_ms; /* when the debt was that */
    uint64_t shut_until_ms;
};

/* A worker has died. */
void gate_note_death(struct gate *g, uint64_t now_ms);

/* Nothing can be made at present: closed until then, whatever is owed. */
void gate_shut(struct gate *g, uint64_t until_ms);

/* 0 when it is open, else how long until it is. */
uint64_t gate_closed_ms(struct gate *g, uint64_t now_ms);

#endif
