/* The connection that fills a transfer's window: asks from the window's end on, takes the answer,
 * and when it is lost, stalls or ends early decides whether, when and how to ask again. Moves the
 * transfer through its states and tells its owner. */
#ifndef TUTTI_FETCH_CONNECTION_H
#define TUTTI_FETCH_CONNECTION_H

#include "fetch/transfer.h"

/* Asks. None is open: the transfer is DORMANT. */
void connection_open(struct transfer *t);

/* Ends it, or the wait for the next, and forgets its losses: the transfer is DORMANT. */
void connection_close(struct transfer *t);

/* Goes on with one that is PAUSED. */
void connection_resume(struct transfer *t);

/* A read waits now, for one that is WAITING: no longer than it has patience. */
void connection_hurry(struct transfer *t);

#endif
