/*
 * The pace at which a connection brings what its reader wants: of a station, that at which it is
 * heard.
 */
#ifndef TUTTI_FETCH_PACE_H
#define TUTTI_FETCH_PACE_H

#include "fetch/transfer.h"

/* The byte that the reader waited for is there. */
void pace_end_wait(struct transfer *t);

/* The pace may tell that the resource is live: says so then. */
void pace_judge(struct transfer *t);

#endif
