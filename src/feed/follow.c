/*
 * Gapless: one feed following another in the same worker. The worker of the feed that is heard
 * opens the next source ahead of time and, at the end of its own, goes on with the next one's
 * frames; a record that is marked RING_JOIN stands between the two.
 */
#include "feed/parts.h"

#include "base/cleanup.h"
#include "base/clock.h"

/* Sources from the network may take their time; who waits for the last frame any longer hears a gap
 * in any case. */
#define HELD_MAX_NS NS_PER_S

void feed_host(struct feed *f, struct feed *next)
{
    struct feed *follower = feed_follower(f);
    if (follower == next)
        return;
    if (!f->awaits_next)
        f->held_ns = 0;
    f->awaits_next = next->source.locating != NULL;
    if (!f->lease || f->reader.kept || f->state == FEED_LOST || follower ||
        !feed_source_is_here(&next->source))
        return;
    struct wmsg m = feed_open_message(next);
    if (lease_follow(f->lease, next, &m, next->source.fd) < 0)
        return;
    f->awaits_next = true;
    next->hosted_by = f->lease;
}

void feed_host_nobody(struct feed *f)
{
    f->awaits_next = false;
}

static void unfollow(struct feed *f, bool tell)
{
    struct feed *follower = feed_follower(f);
    if (!follower)
        return;
    follower->hosted_by = NULL;
    follower->facts.is_opened = false;
    lease_unfollow(f->lease, tell);
}

void feed_disown(struct feed *f)
{
    unfollow(f, false);
}

void feed_number(struct feed *f)
{
    static uint32_t last;
    f->number = ++last;
}

/* Frames of the dropped feed may lie in the ring: from the next frame on the current one is made
 * anew, so that it comes to its own end. */
void feed_leave_host(struct feed *next)
{
    struct feed *host = lease_heard(next->hosted_by);
    unfollow(host, true);
    feed_number(next); /* it may be offered again: what is said of it yet is about the old offer */
    feed_render_anew(host);
}

void feed_make_join(struct feed *f, bool late)
{
    if (late) {
        feed_render_anew(f); /* the last frame waits until it is there */
        return;
    }
    f->awaits_next = false;
    feed_post(f, POST_LOOK); /* what was held may go */
}

/* The frame says itself that it is of the last ones: its end marker may be on its way yet. */
bool feed_holds(struct feed *f, const struct ring_record *r)
{
    bool last = (r->flags & RING_TAIL) || (r->flags & (RING_END | RING_JOIN)) == RING_END;
    if (!last || !f->awaits_next || f->reader.kept)
        return false;
    uint64_t now_ns = clock_now_ns();
    if (f->held_ns == 0)
        f->held_ns = now_ns;
    return now_ns - f->held_ns < HELD_MAX_NS;
}

bool feed_is_held(const struct feed *f)
{
    return f->awaits_next && f->held_ns != 0;
}

void feed_hand_over(struct feed *f)
{
    struct feed *next = feed_follower(f);
    if (!f->joins || !next)
        return;
    struct lease *l = TAKE_PTR(f->lease);
    struct segment s = f->reader.now;
    ring_pop(s.ring, s.lane); /* the mark between the two */
    lease_join(l);
    next->hosted_by = NULL;
    next->lease = l;
    next->waits_turn = false;
    reader_begin(&next->reader, &s);
    next->heard = next->want.sound;
    rescue_take_worker(&next->rescue, ring_frames_made(s.ring));
    feed_move(next, FEED_OPENING);
}
