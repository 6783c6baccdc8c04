/*
 * What is to be done when the worker of a feed has died: go on with another one at the first frame
 * that is missing, skip what cannot be decoded, or give up. What a dead worker has written is
 * foreign; what it claims is believed only where it follows from what was delivered. Pure.
 */
#ifndef TUTTI_FEED_RESCUE_H
#define TUTTI_FEED_RESCUE_H

#include "feed/clocks.h"
#include "ring/layout.h"

#include <stdbool.h>
#include <stdint.h>

/* What is remembered of a feed's workers. Zeroed at first; fields belong to rescue.c. */
struct rescue {
    unsigned deaths;      /* in a row at the same place of the media */
    uint32_t made_before; /* frames of this worker that are none of this feed's */
    unsigned n_restarts;  /* since window_ns */
    uint64_t window_ns;
};

struct death {
    enum ring_worker_state doing; /* what the worker said last */
    uint32_t n_made;              /* frames since its ring is there, as it says */
    bool had_begun;               /* the feed's first frame was there */
    bool says_nothing;            /* the worker was ended by us, or had nothing to do any more */
};

enum rescue_verdict {
    RESCUE_GO_ON,
    RESCUE_SKIP, /* what lies RESCUE_SKIP_SAMPLES behind the first missing frame is next */
    RESCUE_GIVE_UP,
};

#define RESCUE_SKIP_SAMPLES 72000 /* [samples at 48 kHz] 1.5 s */

/* Another worker serves the feed; its ring has had so many frames. */
void rescue_take_worker(struct rescue *r, uint32_t n_made);

/* A worker that was to serve the feed is wanted once more. False when it was so too often of late,
 * whatever the workers say of themselves. */
bool rescue_may_restart(struct rescue *r, uint64_t now_ns);

enum rescue_verdict rescue_judge(struct rescue *r, const struct death *d, uint64_t now_ns);

/* The first frame that is missing, where the next one to be delivered begins at `next` and the
 * newest that the dead worker has left is `newest` (NULL: none), in a ring of n_slots. */
struct place rescue_first_missing(struct place next, const struct ring_record *newest,
                                  uint32_t n_slots);

/* A hint that may be handed to another worker. A wrong one makes the feed go on from another place
 * of its own source, and harms no other. */
bool rescue_hint_is_sane(const struct ring_hint *hint);

/* [ms] that a feed can wait for another worker: half of what it has to play. */
uint64_t rescue_patience_ms(const struct rescue *r, bool has_begun, int64_t buffered_samples);

#endif
