/* A worker in the hands of an enemy, for tests: writes nearly right and utterly wrong things into
 * its ring and its socket. */
#ifndef TUTTI_TESTS_HOSTILE_H
#define TUTTI_TESTS_HOSTILE_H

#include "proto/wmsg.h"
#include "ring/producer.h"

#include <stdbool.h>

struct hostile {
    struct ring_producer *ring;
    int sock;
    struct wmsg open;  /* what the daemon asked for last */
    unsigned wildness; /* per cent of what is done that is not as it should be */
    int64_t pos;
    uint64_t dice;
    unsigned greed; /* how it fills its ring while the daemon reads it; 0: it does not */
    bool cut_off;   /* the daemon has closed the socket */
};

/* Begins a life. The caller has set ring, sock and open; `seed` must not be 0. */
void hostile_begin(struct hostile *h, uint64_t seed);

/* Does one thing. */
void hostile_mutate(struct hostile *h);

/* What a greedy one does meanwhile, as fast as the daemon reads: a full lane of what stood there,
 * of frames that nobody wants any more, or of frames that lie behind. */
void hostile_refill(struct hostile *h, unsigned lane);

/* Takes what the daemon says, so that renders are answered under their generation, and sources are
 * closed. */
void hostile_hear(struct hostile *h);

uint32_t hostile_below(struct hostile *h, uint32_t n);

#endif
