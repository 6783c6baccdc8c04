/*
 * Gapless: one play following another in the same worker. The worker of the play that is heard
 * opens the next source ahead of time and, at the end of its own, goes on with the next one's
 * frames; a record that is marked RING_JOIN stands between the two.
 */
#include "session/play.h"

#include "base/cleanup.h"
#include "base/clock.h"

/* Sources from the network may take their time; who waits for the last frame any longer hears a gap
 * in any case. */
#define HELD_MAX_NS NS_PER_S

void play_host(struct play *p, struct play *next)
{
    if (p->successor == next)
        return;
    if (!p->awaits_next)
        p->held_ns = 0;
    p->awaits_next = next->locating != NULL;
    if (!p->worker || p->relic.ring || p->relic.lost || p->successor || next->source_fd < 0)
        return;
    struct wmsg m = play_open_message(next);
    if (worker_next(p->worker, &m, next->source_fd) < 0)
        return;
    p->awaits_next = true;
    p->successor = next;
    next->host = p;
}

/* The worker has the next source, but may have come to the end of the current one before it did. */
void play_make_join(struct play *p, bool late)
{
    if (late) {
        play_render_anew(p); /* the last frame waits until it is there */
        return;
    }
    p->awaits_next = false;
    p->ops->look_soon(p); /* what was held may go */
}

/* The frame says itself that it is of the last ones: its end marker may be on its way yet. */
bool play_holds(struct play *p, const struct ring_record *r)
{
    bool last = (r->flags & RING_TAIL) || (r->flags & (RING_END | RING_JOIN)) == RING_END;
    if (!last || !p->awaits_next || p->relic.ring)
        return false;
    uint64_t now_ns = clock_now_ns();
    if (p->held_ns == 0)
        p->held_ns = now_ns;
    return now_ns - p->held_ns < HELD_MAX_NS;
}

bool play_is_held(const struct play *p)
{
    return p->awaits_next && p->held_ns != 0;
}

/* The worker is lost, has failed to open it, or the play is over without a join: the successor has
 * nothing to do with the worker any more. */
void play_disown(struct play *p)
{
    if (!p->successor)
        return;
    p->successor->host = NULL;
    p->successor->opened = false;
    p->successor = NULL;
}

/* Frames of the dropped play may lie in the ring: from the next frame on the current one is made
 * anew, so that it comes to its own end. */
void play_leave_host(struct play *next)
{
    struct play *host = next->host;
    play_disown(host);
    if (!host->worker)
        return;
    worker_drop_next(host->worker);
    play_render_anew(host);
}

void play_join(struct play *p, struct play *next)
{
    struct worker *w = TAKE_PTR(p->worker);
    p->successor = NULL;
    next->host = NULL;
    next->worker = w;
    next->waits_turn = false;
    next->rt.ring = worker_ring(w);
    next->rt.lane = p->rt.lane;
    next->rt.gen = p->rt.gen;
    next->heard_gain = (float)next->volume;
    next->relic.made_before = ring_frames_made(next->rt.ring);
    ring_pop(worker_ring(w), next->rt.lane); /* the mark between the two */
    worker_join(w, next);
}

void play_promote(struct play *p)
{
    p->waits_turn = false;
    if (p->worker)
        play_check(p);
    else if (p->source_fd >= 0 && !p->job)
        play_get_worker(p);
}
