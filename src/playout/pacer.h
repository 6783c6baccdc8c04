/*
 * When frames are due. Pure: it is told the time and says which sessions owe how many frames.
 *
 * All deadlines lie on one absolute schedule: base + phase × 5 ms + k × 20 ms. A session joins a
 * phase that is at work, or the one that comes next when those are full, and keeps it. Lateness
 * below PACER_STALL_NS is caught up at once; a longer one (a suspended machine, a stopped process)
 * moves the schedule and is counted as a stall, so that it is never answered with a burst.
 */
#ifndef TUTTI_PLAYOUT_PACER_H
#define TUTTI_PLAYOUT_PACER_H

#include "base/audio.h"

#include <stdbool.h>
#include <stdint.h>

#define PACER_STALL_NS (UINT64_C(100) * 1000 * 1000)
#define PACER_NEVER UINT64_MAX

enum {
    PACER_PHASES = 4,
    PACER_PHASE_SLOTS = 32, /* a further phase is opened when those at work have as many */
    PACER_CATCH_UP_MAX = 5,
};

/* One session's place. Embedded in the session; the fields belong to pacer.c. */
struct pacer_slot {
    struct pacer_slot *next, *prev;
    bool joined;
    bool has_phase; /* set at the first join, then kept */
    uint8_t phase;
};

struct pacer {
    struct {
        struct pacer_slot *slots; /* utlist */
        unsigned n_slots;
        uint64_t next_ns; /* its deadline; meaningful while it has slots */
    } phase[PACER_PHASES];
    uint64_t base_ns; /* phase 0 is due at base + k × 20 ms */
    uint64_t n_stalls;
    struct pacer_slot *cursor; /* the slot that pacer_next_slot shows next */
};

/* What is due now. */
struct pacer_due {
    unsigned phase;
    unsigned n_frames; /* frames that every session of the phase owes, 1 … PACER_CATCH_UP_MAX */
    uint64_t deadline_ns; /* of the first of them; the others follow every 20 ms */
    bool stalled;         /* the schedule was moved */
};

void pacer_init(struct pacer *p, uint64_t now_ns);

/* Puts a slot (zeroed before its first join) on the schedule. */
void pacer_join(struct pacer *p, struct pacer_slot *slot, uint64_t now_ns);
void pacer_leave(struct pacer *p, struct pacer_slot *slot);

/* The next deadline, or PACER_NEVER when no session is joined. */
uint64_t pacer_next_ns(const struct pacer *p);

/* Takes the phase that is due at `now_ns`, the latest first, and moves its deadline on. Returns
 * false when none is. Walk its sessions with pacer_next_slot before the next call. */
bool pacer_take_due(struct pacer *p, uint64_t now_ns, struct pacer_due *ret_due);

/* The slots of the phase last taken, one a call, then NULL. Any slot may leave during the walk. */
struct pacer_slot *pacer_next_slot(struct pacer *p);

/* Begins the walk over a phase once more. */
void pacer_walk_again(struct pacer *p, unsigned phase);

#endif
