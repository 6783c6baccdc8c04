/* Frames out of the ring, and when the reader passes from one segment to the next. */
#include "feed/parts.h"

#include "base/clock.h"

enum {
    AWAIT_TRIES = 4,
    REFILL_FRAMES = 25,     /* in hand before a feed that ran dry goes on */
    NEXT_STALL_FRAMES = 50, /* delivered since: then it is another outage */
};

/* ---- rt ---- */

static bool waits_for_source(const struct feed *f)
{
    if (f->source.reopens)
        return true;
    return f->source.remote && f->lease &&
           ring_worker_state(lease_ring(f->lease)) == RING_WORKER_WAITING_SOURCE;
}

/* True once an outage. */
static bool is_news_that_it_stalls(struct feed *f)
{
    if (f->drought.is_told && f->reader.taken.n - f->drought.then < NEXT_STALL_FRAMES)
        return false;
    f->drought.is_told = true;
    f->drought.then = f->reader.taken.n;
    return true;
}

static void note_dry(struct feed *f)
{
    if (!feed_is_ready(f) || !f->reader.is_paced || !waits_for_source(f))
        return;
    f->drought.refills = true;
    if (f->facts.is_live) /* all that came was heard */
        lag_know(&f->lag, clock_now_ns(), f->reader.taken.n, 0);
    if (is_news_that_it_stalls(f))
        feed_post(f, POST_STALLED);
}

/* It ran dry, and what has come since is too little to go on with. */
static bool refills(struct feed *f)
{
    if (f->drought.refills)
        f->drought.refills = f->reader.is_paced && f->state != FEED_LOST && waits_for_source(f) &&
                             reader_fill(&f->reader) < REFILL_FRAMES;
    return f->drought.refills;
}

static void note_turned(struct feed *f, bool had_kept)
{
    struct feed *follower = feed_follower(f);
    if (had_kept)
        feed_post(f, POST_LOOK); /* a next feed may be opened ahead again */
    if (follower && follower->facts.is_opened)
        f->awaits_next = false; /* this render ends with the join */
    f->heard = f->change.render.sound;
    if (f->facts.is_live && !f->change.render.exact) /* joined anew, with what was sent last */
        lag_know(&f->lag, clock_now_ns(), f->reader.taken.n, 0);
    change_done(&f->change, f->reader.place);
    (void)lease_wake(f->lease, f->reader.now.lane);
    if (!feed_is_ready(f))
        return;
    feed_post_in_force(f);
    if (sound_is_same(&f->want.sound, &f->heard))
        return;
    feed_plan(f, feed_where(f), true); /* it was changed again meanwhile */
    feed_post(f, POST_SEND);
}

/* Returns 1 if the reader has passed to the next segment, 0, or -1 if that makes no sense. */
static int turn(struct feed *f)
{
    bool had_kept = f->reader.kept != NULL;
    if (f->change.state != CHANGE_SENT || !f->lease)
        return 0;
    switch (reader_turn(&f->reader)) {
    case READER_BROKEN:
        return -1;
    case READER_TURNED:
        note_turned(f, had_kept);
        return 1;
    case READER_LATE:
        change_note_late(&f->change);
        feed_plan(f, feed_where(f), true);
        feed_post(f, POST_SEND);
        return 0;
    case READER_STAYS:
        (void)lease_wake(f->lease, f->reader.next.lane);
        return 0;
    }
    return 0;
}

enum feed_step feed_peek(struct feed *f, const uint8_t **ret_packet, uint32_t *ret_len)
{
    struct ring_record r;
    /* The worker did not read: tried again with each frame, and no more often than that. */
    if (f->change.state == CHANGE_WANTED && f->lease && f->reader.is_paced)
        feed_post(f, POST_SEND);
    int n = turn(f);
    if (n >= 0)
        n = reader_peek(&f->reader, &r, ret_packet);
    if (n < 0) {
        feed_post(f, POST_KILL);
        return FEED_EMPTY;
    }
    if (n == 0 && f->state == FEED_LOST)
        feed_post(f, POST_SPENT);
    if (n == 0)
        note_dry(f);
    if (n == 0 || refills(f) || feed_holds(f, &r))
        return FEED_EMPTY;
    if ((r.flags & RING_END) && reader_is_turning(&f->reader))
        return FEED_EMPTY; /* the change that is under way decides what comes after */
    f->reader.place = (struct place){ r.pos };
    if (r.flags & RING_END) {
        f->joins = (r.flags & RING_JOIN) != 0;
        return FEED_OVER;
    }
    f->facts.passes = r.flags & RING_PASSTHROUGH;
    *ret_len = r.len;
    return FEED_FRAME;
}

/* A live stream that has fallen behind is joined anew, at now. */
static void keep_up(struct feed *f)
{
    if (reader_is_turning(&f->reader) || f->reader.kept || !f->lease)
        return;
    uint64_t now_ns = clock_now_ns();
    uint64_t n = f->reader.taken.n;
    int64_t ready = place_samples_of(reader_fill(&f->reader));
    bool has_all = ring_worker_state(f->reader.now.ring) == RING_WORKER_WAITING_SOURCE;
    if (has_all || ready > lag_now(&f->lag, now_ns, n, 0))
        lag_know(&f->lag, now_ns, n, ready);
    if (lag_has_grown(&f->lag, now_ns, n))
        feed_post(f, POST_REJOIN);
}

void feed_took(struct feed *f)
{
    reader_take(&f->reader);
    if (f->facts.is_live)
        keep_up(f);
}

bool feed_may_be_over(const struct feed *f)
{
    return reader_is_turning(&f->reader) || f->reader.kept ||
           ring_may_end(f->reader.now.ring, f->reader.now.lane);
}

bool feed_wake_worker(struct feed *f, bool enough)
{
    const struct segment *now = &f->reader.now;
    if (!f->lease || f->reader.kept || (enough && ring_producer_has_time(now->ring, now->lane)))
        return false;
    return lease_wake(f->lease, now->lane);
}

/* ---- from the loop ---- */

bool feed_is_dry(const struct feed *f)
{
    return feed_is_ready(f) && waits_for_source(f) && reader_fill(&f->reader) == 0;
}

void feed_say_stalled(struct feed *f)
{
    if (is_news_that_it_stalls(f))
        feed_post(f, POST_STALLED);
}

static bool await(struct feed *f, const struct segment *s)
{
    bool waits = !s->ring || reader_await(&f->reader, s);
    (void)lease_wake(f->lease, s->lane);
    return waits;
}

bool feed_await_frame(struct feed *f)
{
    if (!f->reader.kept)
        return !f->lease || await(f, &f->reader.now);
    /* A dead worker makes nothing more; the one that takes over rings, or says that it is open. */
    return !f->lease || await(f, &f->reader.next);
}

/* Returns 1 if a frame (or the end) lies ready to be delivered, 0, or negative if it makes no
 * sense. */
static int look(struct feed *f)
{
    struct ring_record r;
    const uint8_t *packet;
    int turned = turn(f);
    if (turned < 0 || (change_is_under_way(&f->change) && !feed_is_ready(f)))
        return turned;
    int n = reader_peek(&f->reader, &r, &packet);
    /* The end lies before the end of the last frame: a render from there would repeat it. */
    if (n > 0 && !((r.flags & RING_END) && feed_is_ready(f)))
        f->reader.place = (struct place){ r.pos };
    return n;
}

bool feed_is_spent(struct feed *f)
{
    struct ring_record r;
    const uint8_t *packet;
    return f->state == FEED_LOST && reader_peek(&f->reader, &r, &packet) <= 0;
}

void feed_check(struct feed *f)
{
    if (!f->lease || !f->facts.is_opened)
        return;
    feed_send(f);
    if (f->facts.is_live && feed_is_ready(f) && !change_is_under_way(&f->change))
        /* a bell: until now all that came was heard */
        lag_know(&f->lag, clock_now_ns(), f->reader.taken.n, feed_buffered(f));
    int n = look(f);
    /* What comes between the look and the wait is seen by the next look. */
    for (int i = 0; i < AWAIT_TRIES && n >= 0 && change_is_under_way(&f->change); i++) {
        if (await(f, &f->reader.next))
            break;
        n = look(f);
    }
    for (int i = 0;
         i < AWAIT_TRIES && n == 0 && !feed_is_ready(f) && !change_is_under_way(&f->change); i++) {
        if (await(f, &f->reader.now))
            break;
        n = look(f);
    }
    if (n < 0) {
        lease_kill(f->lease, "it wrote nonsense into its ring");
    } else if (n > 0 && !feed_is_ready(f)) {
        feed_move(f, FEED_READY);
        f->reader.has_begun = true;
        f->ops->ready(f->arg);
    } else {
        f->ops->news(f->arg);
    }
}
