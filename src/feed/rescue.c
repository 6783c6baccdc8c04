#include "feed/rescue.h"

#include "base/clock.h"

enum {
    NEW_FRAMES_MIN = 25, /* a worker that made fewer died at the same place again */
    DEATHS_SKIP = 2,     /* at the same place: what lies there is skipped … */
    DEATHS_MAX = 3,      /* … or the feed is given up */
    UNHEARD_PATIENCE_MS = 2000,
    RESTARTS_MAX = 10, /* of one feed in a window */
};

/* [bytes, packets] more than any source has */
#define HINT_MAX (INT64_MAX / 4)
#define RESTART_WINDOW_NS (10 * NS_PER_S)

void rescue_take_worker(struct rescue *r, uint32_t n_made)
{
    r->made_before = n_made;
}

bool rescue_may_restart(struct rescue *r, uint64_t now_ns)
{
    if (now_ns - r->window_ns > RESTART_WINDOW_NS) {
        r->window_ns = now_ns;
        r->n_restarts = 0;
    }
    return ++r->n_restarts <= RESTARTS_MAX;
}

/* A death while waiting (for room, for data) says nothing about the media; one while opening does
 * as long as nothing has been heard. */
static void count_death(struct rescue *r, const struct death *d)
{
    if (d->says_nothing || (d->had_begun && d->doing != RING_WORKER_DECODING))
        return;
    uint32_t made = d->n_made - r->made_before;
    bool same_place = !d->had_begun || r->deaths == 0 || made < NEW_FRAMES_MIN;
    r->deaths = same_place ? r->deaths + 1 : 1;
}

enum rescue_verdict rescue_judge(struct rescue *r, const struct death *d, uint64_t now_ns)
{
    count_death(r, d);
    if (r->deaths >= DEATHS_MAX || !rescue_may_restart(r, now_ns))
        return RESCUE_GIVE_UP;
    return r->deaths >= DEATHS_SKIP ? RESCUE_SKIP : RESCUE_GO_ON;
}

struct place rescue_first_missing(struct place next, const struct ring_record *newest,
                                  uint32_t n_slots)
{
    int64_t last = place_after(next, n_slots).samples;
    if (!newest || newest->pos < next.samples || newest->pos > last)
        return next;
    return place_after((struct place){ newest->pos }, 1);
}

bool rescue_hint_is_sane(const struct ring_hint *hint)
{
    return hint->byte >= 0 && hint->byte <= HINT_MAX && hint->packet >= 0 &&
           hint->packet <= HINT_MAX;
}

uint64_t rescue_patience_ms(const struct rescue *r, bool has_begun, int64_t buffered_samples)
{
    if (r->n_restarts == 0)
        return 0;
    if (!has_begun)
        return UNHEARD_PATIENCE_MS;
    return (uint64_t)buffered_samples * 1000 / AUDIO_RATE / 2;
}
