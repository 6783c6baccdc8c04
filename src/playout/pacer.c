#include "playout/pacer.h"

#include "base/clock.h"

#include <assert.h>
#include <utlist.h>

#define PHASE_NS (AUDIO_FRAME_NS / PACER_PHASES)

_Static_assert(AUDIO_FRAME_NS % PACER_PHASES == 0, "the phases lie evenly in a frame");

void pacer_init(struct pacer *p, uint64_t now_ns)
{
    *p = (struct pacer){ .base_ns = now_ns };
}

/* The first deadline of `phase` that is not before `now_ns`. */
static uint64_t first_deadline(const struct pacer *p, unsigned phase, uint64_t now_ns)
{
    uint64_t first = p->base_ns + phase * PHASE_NS;
    if (now_ns <= first)
        return first;
    return first + (now_ns - first + AUDIO_FRAME_NS - 1) / AUDIO_FRAME_NS * AUDIO_FRAME_NS;
}

/* A phase at work has its own deadline, which may be due and not yet taken. */
static uint64_t phase_deadline(const struct pacer *p, unsigned phase, uint64_t now_ns)
{
    return p->phase[phase].slots ? p->phase[phase].next_ns : first_deadline(p, phase, now_ns);
}

/* Each phase at work is fifty wake-ups a second, however few its sessions: one that has room is
 * better than one that sleeps, and that is better than one that is full. */
static unsigned phase_rank(const struct pacer *p, unsigned phase)
{
    unsigned n = p->phase[phase].n_slots;
    return n == 0 ? 1 : n < PACER_PHASE_SLOTS ? 0 : n;
}

/* The best phase; among equals the one that comes next. */
static uint8_t choose_phase(const struct pacer *p, uint64_t now_ns)
{
    uint8_t best = 0;
    for (uint8_t i = 1; i < PACER_PHASES; i++) {
        unsigned rank = phase_rank(p, i);
        unsigned best_rank = phase_rank(p, best);
        if (rank < best_rank ||
            (rank == best_rank && phase_deadline(p, i, now_ns) < phase_deadline(p, best, now_ns)))
            best = i;
    }
    return best;
}

void pacer_join(struct pacer *p, struct pacer_slot *slot, uint64_t now_ns)
{
    assert(!slot->joined);
    if (!slot->has_phase) {
        slot->phase = choose_phase(p, now_ns);
        slot->has_phase = true;
    }
    if (!p->phase[slot->phase].slots)
        p->phase[slot->phase].next_ns = first_deadline(p, slot->phase, now_ns);
    DL_APPEND(p->phase[slot->phase].slots, slot);
    p->phase[slot->phase].n_slots++;
    slot->joined = true;
}

void pacer_leave(struct pacer *p, struct pacer_slot *slot)
{
    if (!slot->joined)
        return;
    if (p->cursor == slot)
        p->cursor = slot->next;
    assert(p->phase[slot->phase].n_slots > 0);
    DL_DELETE(p->phase[slot->phase].slots, slot);
    p->phase[slot->phase].n_slots--;
    slot->joined = false;
}

/* The phase at work whose deadline comes first, or -1. */
static int earliest_phase(const struct pacer *p)
{
    int best = -1;
    for (int i = 0; i < PACER_PHASES; i++) {
        if (p->phase[i].slots && (best < 0 || p->phase[i].next_ns < p->phase[best].next_ns))
            best = i;
    }
    return best;
}

uint64_t pacer_next_ns(const struct pacer *p)
{
    int i = earliest_phase(p);
    return i < 0 ? PACER_NEVER : p->phase[i].next_ns;
}

static void move_schedule(struct pacer *p, uint64_t by_ns)
{
    p->base_ns += by_ns;
    for (int i = 0; i < PACER_PHASES; i++)
        p->phase[i].next_ns += by_ns;
    p->n_stalls++;
}

bool pacer_take_due(struct pacer *p, uint64_t now_ns, struct pacer_due *ret_due)
{
    int i = earliest_phase(p);
    if (i < 0 || p->phase[i].next_ns > now_ns)
        return false;
    uint64_t deadline = p->phase[i].next_ns;
    uint64_t late_ns = now_ns - deadline;
    bool stalled = late_ns >= PACER_STALL_NS;
    unsigned n_frames = 1;
    if (stalled)
        move_schedule(p, late_ns);
    else
        n_frames += (unsigned)(late_ns / AUDIO_FRAME_NS);
    assert(n_frames <= PACER_CATCH_UP_MAX);
    p->phase[i].next_ns += n_frames * AUDIO_FRAME_NS;
    p->cursor = p->phase[i].slots;
    *ret_due = (struct pacer_due){
        .phase = (unsigned)i,
        .n_frames = n_frames,
        .deadline_ns = deadline,
        .stalled = stalled,
    };
    return true;
}

struct pacer_slot *pacer_next_slot(struct pacer *p)
{
    struct pacer_slot *slot = p->cursor;
    if (slot)
        p->cursor = slot->next;
    return slot;
}

void pacer_walk_again(struct pacer *p, unsigned phase)
{
    assert(phase < PACER_PHASES);
    p->cursor = p->phase[phase].slots;
}
