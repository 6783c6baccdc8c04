/* The hostile half of doomed_worker: what a worker does that somebody else has taken over. */
#ifndef TUTTI_TESTS_DOOMED_H
#define TUTTI_TESTS_DOOMED_H

#include "proto/wmsg.h"
#include "ring/producer.h"

struct doomed_peer {
    struct ring_producer *ring;
    int sock;
    struct wmsg open; /* what the daemon asked for last */
};

/* Writes anything at all into ring and socket until the daemon cuts it off; never returns. Adds the
 * number of mutations to *n_mutations, which may be NULL and is shared with other workers. */
_Noreturn void doomed_run_hostile(struct doomed_peer *peer, uint64_t *n_mutations);

#endif
