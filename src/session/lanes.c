/*
 * The two lanes of a play: frames are taken from one while a change is rendered into the other, and
 * where both have the same frame the play changes over. What a dead worker has left is a lane, too.
 */
#include "session/play.h"

#include "base/clock.h"

#include <errno.h>

/* Beyond any recording: what a worker claims past this is nonsense. */
static const int64_t pos_max = INT64_MAX / 4;

enum {
    AWAIT_TRIES = 4,
    LATE_MAX = 6,        /* then a change begins 64 frames ahead, or where the ring ends */
    CHANGE_FRAMES = 3,   /* at the least between two changes of volume while frames leave */
    CALM_FRAMES = 25,    /* since the last change: the next one is made one step less ahead */
    START_FRAMES = 8,    /* with so many in hand a seek is begun, as a play is … */
    CUSHION_FRAMES = 25, /* … and with so many, which are made in one go, what plays goes on */
    STALE_RINGS = 16, /* a worker that has not heard of a render yet fills its ring once or twice */
};

/* The pacer takes frames while a render is being made. */
static bool is_running(const struct play *p)
{
    return !p->paused && p->outlet->flow == OUTLET_PACED;
}

int64_t play_change_pos(const struct play *p)
{
    if (!is_running(p) || (float)p->volume == p->heard_gain)
        return p->rt.next_pos;
    int64_t fill = ring_consumer_fill(p->rt.ring, p->rt.lane);
    int64_t since = (p->rt.next_pos - p->changed_pos) / AUDIO_FRAME_SAMPLES;
    int64_t ahead = INT64_C(1) << p->n_late;
    if (since >= 0 && ahead < CHANGE_FRAMES - since)
        ahead = CHANGE_FRAMES - since;
    if (ahead >= fill)
        ahead = fill > 0 ? fill - 1 : 0;
    return p->rt.next_pos + ahead * AUDIO_FRAME_SAMPLES;
}

/* The oldest record of `gen` in a lane; those of other renders are stale and taken away. Looks at
 * no more of them than a ring holds: a worker may write as fast as they are taken, and one that
 * never writes anything else is at fault. */
static int peek_lane(struct play *p, struct ring_consumer *ring, unsigned lane, uint32_t gen,
                     struct ring_record *r, const uint8_t **packet)
{
    uint32_t n_slots = ring_consumer_shape(ring)->n_slots;
    for (uint32_t i = 0; i <= n_slots; i++) {
        int n = ring_peek(ring, lane, r, packet);
        if (n <= 0)
            return n;
        if (r->pos < 0 || r->pos > pos_max)
            return -EPROTO;
        if (r->gen == gen) {
            p->rt.n_stale[lane] = 0;
            return 1;
        }
        if (++p->rt.n_stale[lane] > STALE_RINGS * n_slots)
            return -EPROTO;
        ring_pop(ring, lane);
    }
    return 0;
}

/* What is being read. */
static int peek_current(struct play *p, struct ring_record *r, const uint8_t **packet)
{
    if (p->relic.broken || p->left_lane)
        return 0;
    int n = peek_lane(p, p->rt.ring, p->rt.lane, p->rt.gen, r, packet);
    if (n < 0 && p->relic.ring) {
        p->relic.broken = true;
        return 0;
    }
    return n;
}

static void change_lane(struct play *p, const struct ring_record *first)
{
    if (p->relic.ring) {
        play_drop_relic(p);
        p->ops->look_soon(p); /* a next play may be opened ahead again */
    } else {
        ring_discard(p->rt.ring, p->rt.lane);
    }
    if (p->successor && p->successor->opened)
        p->awaits_next = false; /* this render ends with the join */
    p->rt.ring = worker_ring(p->worker);
    p->rendering = p->left_lane = false;
    p->rt.lane = p->render.lane;
    p->rt.gen = p->render.gen;
    p->rt.next_pos = p->changed_pos = first->pos;
    p->heard_gain = p->render.gain;
    if (p->is_live && !p->render.exact) /* joined anew: it begins with what was sent last */
        lag_know(&p->lag, clock_now_ns(), p->rt.frames, 0);
    worker_wake(p->worker, p->rt.lane);
    if (p->ready && (float)p->volume != p->heard_gain)
        play_start_render(p, play_change_pos(p), true); /* it was changed again meanwhile */
}

/* True while the old lane has frames that come before the new one's first. */
static bool plays_on(struct play *p)
{
    struct ring_record r;
    const uint8_t *packet;
    if (!p->relic.drain && !(p->render.exact && p->rt.next_pos < p->render.pos))
        return false;
    int n = peek_current(p, &r, &packet);
    return n > 0 && (p->relic.drain || !(r.flags & RING_END));
}

/* The frame that was to bear the ramp has left without it. */
static bool is_too_late(const struct play *p)
{
    return p->render.exact && p->render.gain != p->render.gain_from &&
           p->rt.next_pos > p->render.pos;
}

/* While the pacer takes frames, a lane is not left for one that holds less, unless that is enough
 * to go on with: where many workers render at once, the next of its frames may be long in coming.
 * A source that comes no faster than it is heard never brings more than the old lane has. */
static bool has_cushion(const struct play *p)
{
    struct ring_consumer *ring = worker_ring(p->worker);
    struct ring_record newest;
    uint32_t enough = p->render.exact ? CUSHION_FRAMES : START_FRAMES;
    uint32_t left = p->left_lane ? 0 : ring_consumer_fill(p->rt.ring, p->rt.lane);
    uint32_t fill = ring_consumer_fill(ring, p->render.lane);
    return !is_running(p) || !p->ready || fill >= (left < enough ? left : enough) ||
           (ring_newest(ring, p->render.lane, &newest) && (newest.flags & RING_END));
}

static int try_again(struct play *p)
{
    p->n_late += p->n_late < LATE_MAX;
    play_start_render(p, play_change_pos(p), true);
    return 0;
}

/* Leaves the old lane at the first frame that both have; new frames that were delivered already are
 * dropped, which are never more than a ring holds, unless they bear a ramp: then it is made anew,
 * farther ahead. A seek leaves the old lane
 * at the new lane's first frame. Returns 1 if the lane was changed. */
static int try_change_lane(struct play *p)
{
    struct ring_record r;
    const uint8_t *packet;
    if (!p->rendering || !p->worker || plays_on(p))
        return 0;
    /* Credit may take many frames at once: then not for each of them. */
    if (is_running(p) && is_too_late(p))
        return try_again(p);
    for (uint32_t i = 0;; i++) {
        int n = peek_lane(p, worker_ring(p->worker), p->render.lane, p->render.gen, &r, &packet);
        if (n <= 0)
            return n;
        if (!p->render.exact || (r.flags & RING_END) || r.pos >= p->rt.next_pos)
            break;
        if (is_too_late(p))
            return try_again(p);
        if (i > ring_consumer_shape(worker_ring(p->worker))->n_slots)
            return -EPROTO;
        ring_pop(worker_ring(p->worker), p->render.lane);
        worker_wake(p->worker, p->render.lane);
    }
    if (!has_cushion(p))
        return 0;
    change_lane(p, &r);
    return 1;
}

static void send_render(struct play *p)
{
    if (!p->worker) /* the one that is being waited for is told when it comes */
        return;
    int r = worker_render(p->worker, &p->render);
    p->render_unsent = r == -EAGAIN;
    if (r < 0 && r != -EAGAIN)
        worker_kill(p->worker, "it does not listen");
}

static enum play_step broken(struct play *p)
{
    if (p->worker)
        worker_kill(p->worker, "it wrote nonsense into its ring");
    return PLAY_BROKEN;
}

/* A change of lane is told after the frame was looked at, so that its answer leaves with it. */
enum play_step play_peek(struct play *p, const uint8_t **ret_packet, uint32_t *ret_len)
{
    struct ring_record r;
    if (p->render_unsent)
        send_render(p);
    int changed = try_change_lane(p);
    int n = changed < 0 ? changed : peek_current(p, &r, ret_packet);
    if (n < 0)
        return broken(p);
    if (changed > 0)
        p->ops->applied(p);
    if (n == 0 && p->relic.lost)
        p->ops->look_soon(p); /* to say what became of it */
    if (n == 0)
        play_note_dry(p);
    if (n == 0 || play_refills(p))
        return PLAY_EMPTY;
    if (play_holds(p, &r))
        return PLAY_EMPTY;
    if ((r.flags & RING_END) && p->rendering)
        return PLAY_EMPTY; /* the render that is under way decides what comes after */
    p->rt.next_pos = r.pos;
    if (r.flags & RING_END) {
        p->joins = (r.flags & RING_JOIN) != 0;
        return PLAY_OVER;
    }
    p->passes = r.flags & RING_PASSTHROUGH;
    *ret_len = r.len;
    return PLAY_FRAME;
}

void play_took(struct play *p)
{
    ring_pop(p->rt.ring, p->rt.lane);
    p->rt.next_pos += AUDIO_FRAME_SAMPLES;
    p->rt.sequence++;
    p->rt.frames++;
    if (p->is_live)
        play_keep_up(p);
}

bool play_wake_worker(struct play *p, bool enough)
{
    if (!p->worker || p->relic.ring || (enough && ring_producer_has_time(p->rt.ring, p->rt.lane)))
        return false;
    return worker_wake(p->worker, p->rt.lane);
}

/* Asks for a bell at the next record of `gen` in `lane`. Returns false if there is one already. */
static bool await(struct play *p, unsigned lane, uint32_t gen)
{
    struct ring_record r;
    const uint8_t *packet;
    for (int i = 0; i < AWAIT_TRIES; i++) {
        /* Stale records are taken away first: they must not pass for what is waited for, and the
         * worker may have no room for that. */
        int n = peek_lane(p, worker_ring(p->worker), lane, gen, &r, &packet);
        worker_wake(p->worker, lane);
        if (n != 0)
            return false;
        if (ring_consumer_wait(worker_ring(p->worker), lane))
            return true;
    }
    return false;
}

bool play_await_frame(struct play *p)
{
    if (!p->relic.ring)
        return await(p, p->rt.lane, p->rt.gen);
    /* A dead worker makes nothing more; the one that takes over rings, or says that it is open. */
    return !p->worker || await(p, p->render.lane, p->render.gen);
}

/* Returns 1 if a frame (or the end) lies ready to be delivered, 0, or -EPROTO. */
static int look(struct play *p)
{
    struct ring_record r;
    const uint8_t *packet;
    int changed = try_change_lane(p);
    if (changed < 0 || (p->rendering && !p->ready))
        return changed;
    int n = peek_current(p, &r, &packet);
    /* The end lies before the end of the last frame: a render from there would repeat it. */
    if (n > 0 && !((r.flags & RING_END) && p->ready))
        p->rt.next_pos = r.pos;
    if (changed > 0 && p->ready)
        p->ops->applied(p);
    return n;
}

bool play_is_spent(struct play *p)
{
    struct ring_record r;
    const uint8_t *packet;
    return p->relic.lost && peek_current(p, &r, &packet) <= 0;
}

void play_check(struct play *p)
{
    if (!p->worker || !p->opened)
        return;
    if (p->render_unsent)
        send_render(p);
    if (p->is_live && p->ready && !p->rendering) /* a bell: until now all that came was heard */
        lag_know(&p->lag, clock_now_ns(), p->rt.frames, play_buffered(p));
    int n = look(p);
    /* What comes between the look and the wait is seen by the next look. */
    for (int i = 0; i < AWAIT_TRIES && n >= 0 && p->rendering; i++) {
        if (await(p, p->render.lane, p->render.gen))
            break;
        n = look(p);
    }
    for (int i = 0; i < AWAIT_TRIES && n == 0 && !p->ready && !p->rendering; i++) {
        if (await(p, p->rt.lane, p->rt.gen))
            break;
        n = look(p);
    }
    if (n < 0) {
        (void)broken(p);
    } else if (n > 0 && !p->ready) {
        p->ready = true;
        p->ops->ready(p);
    } else {
        p->ops->news(p);
    }
}

/* A render is made anew into the lane that is not being read; a newer one takes the place of one
 * that is under way. */
void play_start_render(struct play *p, int64_t pos, bool exact)
{
    if (play_is_failing(p))
        return;
    p->net.refills = false;
    p->render = (struct wmsg_render){
        .pos = pos,
        .gain = (float)p->volume,
        .gain_from = p->ready && exact ? p->heard_gain : (float)p->volume,
        .lane = (uint8_t)((p->relic.ring ? p->render.lane : p->rt.lane) ^ 1u),
        .exact = exact && p->ready,
    };
    p->displaced = p->rendering;
    p->left_lane = p->left_lane && p->render.exact;
    p->rt.n_stale[p->render.lane] = 0;
    p->rendering = true;
    p->render_number++;
    p->relic.drain = p->relic.lost = false;
    if (!p->worker) {
        if (!p->job)
            play_get_worker(p);
        return;
    }
    send_render(p);
    if (!await(p, p->render.lane, p->render.gen)) /* it is there already: no bell will ring */
        p->ops->look_soon(p);
}

void play_render_anew(struct play *p)
{
    if (p->rendering && !p->render.exact)
        play_start_render(p, p->render.pos, false);
    else if (p->rendering || p->ready)
        play_start_render(p, play_change_pos(p), true);
}

void play_flow_changed(struct play *p)
{
    if (p->ready && p->rendering && p->render.exact && !p->relic.drain && !is_running(p) &&
        p->render.pos > p->rt.next_pos)
        play_start_render(p, p->rt.next_pos, true);
}

bool play_seek(struct play *p, int64_t pos)
{
    if (play_is_failing(p)) {
        p->ops->refused(p, p->relic.code, p->relic.why);
        return false;
    }
    p->net.n_reopens = 0; /* what is asked for anew is tried anew */
    if (!p->ready)
        p->rt.next_pos = p->start_pos = pos;
    if (p->worker || p->ready)
        play_start_render(p, pos, false);
    return false;
}

/* No frame is left that was made before. */
static bool has_nothing(const struct play *p)
{
    return p->left_lane || (!p->relic.ring && p->worker && (!p->rendering || p->render.exact) &&
                            ring_consumer_fill(p->rt.ring, p->rt.lane) == 0);
}

/* What made the last changes late may be over. */
static void calm_down(struct play *p)
{
    int64_t since = (p->rt.next_pos - p->changed_pos) / AUDIO_FRAME_SAMPLES / CALM_FRAMES;
    p->n_late = since < 0 || since >= p->n_late ? 0 : p->n_late - (unsigned)since;
}

bool play_set_volume(struct play *p, double volume)
{
    bool changed = (float)volume != (float)p->volume;
    p->volume = volume;
    if (play_is_failing(p))
        return true;
    if ((!p->worker && !p->ready) || !changed)
        return !p->rendering || p->left_lane || p->relic.drain || !p->ready;
    bool is_next = p->ready && has_nothing(p);
    if (p->ready && p->rendering && p->worker && !p->relic.drain && !is_next)
        return false;
    calm_down(p);
    if (p->ready || p->rendering)
        play_render_anew(p);
    else
        play_start_render(p, p->rt.next_pos, false);
    p->left_lane = is_next && p->rendering && p->render.exact;
    return !p->ready || p->left_lane;
}
