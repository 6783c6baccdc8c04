/*
 * Gapless: one play following another in the same worker. The worker of the play that is heard
 * opens the next source ahead of time and, at the end of its own, goes on with the next one's
 * frames; a record that is marked RING_JOIN stands between the two.
 */
#include "session/play.h"

#include "base/cleanup.h"

void play_host(struct play *p, struct play *next)
{
    if (!p->worker || p->successor || next->source_fd < 0)
        return;
    struct wmsg m = play_open_message(next);
    if (worker_next(p->worker, &m, next->source_fd) < 0)
        return;
    p->successor = next;
    next->host = p;
}

/* Frames of the dropped play may lie in the ring: from the next frame on the current one is made
 * anew, so that it comes to its own end. */
void play_leave_host(struct play *next)
{
    struct play *host = next->host;
    next->host = NULL;
    host->successor = NULL;
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
    next->rt.lane = p->rt.lane;
    next->rt.gen = p->rt.gen;
    next->heard_gain = (float)next->volume;
    (void)close(TAKE_FD(next->source_fd));
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
