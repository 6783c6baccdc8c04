/*
 * The time line of one call on the wire, in ticks of 20 ms: RTP sequence, time stamp and nonce
 * follow from it (proto/vmsg.h). Time that was lost between two frames of one talk is stepped over,
 * so that a listener's clock and ours agree; frames that come late all at once are skipped but for
 * the last ones, so that none of them is a burst. Between talks the time line stands still. Pure.
 */
#ifndef TUTTI_LINK_WIRE_CLOCK_H
#define TUTTI_LINK_WIRE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum {
    WIRE_CLOCK_LATE_MS = 40,  /* frames later than this are skipped … */
    WIRE_CLOCK_LOST_MS = 100, /* … unless it is so late that the pacer has moved its schedule */
};

struct wire_clock {
    uint64_t tick;   /* of the next packet; only grows */
    uint64_t due_ns; /* of the next frame, while it talks */
    bool talks;
};

/* `tick` is where it begins: any number, best by chance. */
void wire_clock_init(struct wire_clock *c, uint64_t tick);

/* rt: a frame is there. Returns whether it is to be sent, and with which tick. */
bool wire_clock_frame(struct wire_clock *c, uint64_t now_ns, uint64_t *ret_tick);

/* rt: nothing follows; `n_ticks` are used for silence. Returns the first of them. */
uint64_t wire_clock_rest(struct wire_clock *c, unsigned n_ticks);

#endif
