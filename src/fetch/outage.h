/* An outage of a transfer, from the loss of its connection to the first byte of another one: when
 * it is tried again, and when no more. */
#ifndef TUTTI_FETCH_OUTAGE_H
#define TUTTI_FETCH_OUTAGE_H

#include "fetch/transfer.h"

#include <stdbool.h>
#include <stdint.h>

enum { OUTAGE_OPEN_MS = 10000 }; /* of a resource of which nothing is known yet */

/* Nothing, if there is one already. */
void outage_begin(struct transfer *t, const char *why, uint64_t now_ns);

/* True if there is no more sense in trying: while a read waits, for too long or too often. */
bool outage_is_given_up(const struct transfer *t, uint64_t now_ns);

/* [ms] that a read which waits goes on waiting; 0: no longer. */
uint64_t outage_patience_ms(const struct transfer *t, uint64_t now_ns);

/* [ms] before another try, which is counted. `after_s`: what the server asks for, or −1; it is not
 * done the favour for longer than the limit at which sources are given up. */
uint64_t outage_pause_ms(struct transfer *t, int64_t after_s, uint64_t now_ns);

/* True if the present connection, or the last one, has brought enough new bytes to be a success. */
bool outage_brought_enough(const struct transfer *t);

/* If it has, the tries before do not count. */
void outage_note_bytes(struct transfer *t);

/* Bytes beyond those of before have come: tells the owner, unless it had had none at all. */
void outage_end(struct transfer *t);

#endif
