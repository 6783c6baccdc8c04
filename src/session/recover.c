/*
 * A worker may die, the music may not: what it has left in its ring is played on while another
 * worker opens the source at the first frame that is missing.
 */
#include "session/play.h"

#include "base/clock.h"
#include "base/text.h"

enum {
    NEW_FRAMES_MIN = 25,  /* a worker that made fewer died at the same place again */
    DEATHS_SKIP = 2,      /* at the same place: what lies there is skipped … */
    DEATHS_MAX = 3,       /* … or the play is given up */
    SKIP_SAMPLES = 72000, /* [samples at 48 kHz] 1.5 s */
    UNHEARD_PATIENCE_MS = 2000,
    RESTARTS_MAX = 10, /* of one play in a window, whatever the worker says of itself */
};

/* [bytes, packets] more than any source has */
#define HINT_MAX (INT64_MAX / 4)
#define RESTART_WINDOW_NS (10 * NS_PER_S)

uint64_t play_patience_ms(const struct play *p)
{
    if (p->relic.n_restarts == 0)
        return 0;
    if (!p->ready)
        return UNHEARD_PATIENCE_MS;
    return (uint64_t)play_buffered(p) * 1000 / AUDIO_RATE / 2;
}

/* Of what has been heard it is not said that there is nothing: it was lost. */
static bool is_of_finding(enum tutti_error code)
{
    return code == TUTTI_E_UNSUPPORTED_URL || code == TUTTI_E_FORBIDDEN_URL ||
           code == TUTTI_E_NOT_FOUND || code == TUTTI_E_EXTRACTION_FAILED ||
           code == TUTTI_E_EXTRACTION_TIMEOUT;
}

void play_lose(struct play *p, enum tutti_error code, const char *why)
{
    p->relic.code = p->ready && is_of_finding(code) ? TUTTI_E_SOURCE_FAILED : code;
    (void)text_sanitise(p->relic.why, sizeof p->relic.why, why);
    if (!p->ready || (!p->relic.ring && !p->worker)) {
        p->ops->failed(p, p->relic.code, p->relic.why);
        return;
    }
    p->relic.lost = true;
    p->rendering = p->left_lane = p->relic.drain = p->awaits_next = false;
    p->ops->refused(p, p->relic.code, p->relic.why);
    p->ops->look_soon(p);
}

bool play_is_failing(const struct play *p)
{
    return p->relic.lost && p->relic.code != TUTTI_E_WORKER_CRASHED;
}

void play_drop_relic(struct play *p)
{
    ring_consumer_free(p->relic.ring);
    p->relic.ring = NULL;
    p->relic.drain = p->relic.broken = p->relic.lost = false;
}

/* A death while waiting (for room, for data) says nothing about the media; one while opening does
 * as long as nothing has been heard. */
static void count_death(struct play *p, const struct ring_consumer *ring)
{
    enum ring_worker_state state = ring_worker_state(ring);
    if (p->net.reopens || play_is_failing(p))
        return; /* it was ended by us, or has nothing to do any more */
    if (p->ready && state != RING_WORKER_DECODING)
        return;
    uint32_t made = ring_frames_made(ring) - p->relic.made_before;
    bool same_place = !p->ready || p->relic.deaths == 0 || made < NEW_FRAMES_MIN;
    p->relic.deaths = same_place ? p->relic.deaths + 1 : 1;
}

bool play_may_restart(struct play *p)
{
    uint64_t now_ns = clock_now_ns();
    if (now_ns - p->relic.window_ns > RESTART_WINDOW_NS) {
        p->relic.window_ns = now_ns;
        p->relic.n_restarts = 0;
    }
    return ++p->relic.n_restarts <= RESTARTS_MAX;
}

/* The next source may have been what killed the worker: it is not tried again. */
static void give_up_successor(struct play *p, const struct ring_record *newest)
{
    struct play *next = p->successor;
    if (next && (!next->opened || (newest && newest->play == next->serial)))
        next->ops->failed(next, TUTTI_E_WORKER_CRASHED, "opening it ended the worker");
    else
        play_disown(p);
}

/* Where the dead worker's frames end. What it claims must follow from where we are. */
static int64_t first_missing(const struct play *p, const struct ring_record *newest)
{
    int64_t most = (int64_t)ring_consumer_shape(p->rt.ring)->n_slots * AUDIO_FRAME_SAMPLES;
    bool follows = newest && newest->pos >= p->rt.next_pos && newest->pos <= p->rt.next_pos + most;
    return follows ? newest->pos + AUDIO_FRAME_SAMPLES : p->rt.next_pos;
}

/* The dead worker's hint is as foreign as all that it wrote. A worker that is told a wrong one
 * plays on from another place, and harms nobody else. */
static void take_hint(struct play *p)
{
    struct ring_record r;
    if (p->relic.ring && ring_last_made(p->relic.ring, p->rt.lane, &r) && r.gen == p->rt.gen &&
        r.play == p->serial && r.hint.byte >= 0 && r.hint.byte <= HINT_MAX && r.hint.packet >= 0 &&
        r.hint.packet <= HINT_MAX)
        p->relic.hint = r.hint;
}

/* What the new worker is to render: the change that was under way, or what is missing. */
static void plan_render(struct play *p, const struct ring_record *newest)
{
    if (p->rendering && !p->relic.drain) {
        if (p->render.exact)
            p->render.pos = p->rt.next_pos;
        return;
    }
    p->render = (struct wmsg_render){
        .pos = first_missing(p, newest),
        .gain = p->heard_gain,
        .gain_from = p->heard_gain,
        .exact = 1,
    };
    p->rendering = p->relic.drain = true;
    if (p->relic.deaths >= DEATHS_SKIP) {
        p->render.pos += SKIP_SAMPLES;
        p->render.exact = 0;
        p->ops->warning(p, TUTTI_W_SPAN_SKIPPED, "a span that cannot be decoded is skipped");
    }
}

/* Keeps the ring to read on from, unless an older one is still being read. */
static void keep_ring(struct play *p, struct ring_consumer *ring)
{
    if (p->relic.ring || !p->ready) {
        ring_consumer_free(ring);
        return;
    }
    p->relic.ring = ring;
    p->rt.ring = ring;
}

bool play_recover(struct play *p, struct ring_consumer *ring)
{
    struct ring_record r;
    count_death(p, ring);
    keep_ring(p, ring);
    p->opened = false;
    p->render_unsent = false;
    bool known = p->relic.ring && ring_newest(p->relic.ring, p->rt.lane, &r) && r.gen == p->rt.gen;
    if (play_is_failing(p)) {
        play_disown(p);
        return true; /* what it has left is heard, then the play fails */
    }
    if (p->net.reopens)
        play_disown(p);
    else
        give_up_successor(p, known ? &r : NULL);
    if (p->relic.deaths >= DEATHS_MAX || !play_may_restart(p) ||
        (p->source_fd < 0 && !p->net.reopens))
        return false;
    if (!p->net.reopens)
        p->ops->warning(p, TUTTI_W_WORKER_RESTARTED, "the worker died; another one takes over");
    bool complete = known && ((r.flags & RING_END) || r.play != p->serial);
    if (complete && !(p->rendering && !p->relic.drain)) {
        p->rendering = p->relic.drain = false;
        p->ops->applied(p);
        return true; /* all frames are there: nobody is needed to finish */
    }
    take_hint(p);
    if (p->ready)
        plan_render(p, known ? &r : NULL);
    if (p->net.reopens)
        return play_reopen_source(p);
    play_get_worker(p);
    return true;
}
