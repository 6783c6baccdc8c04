#include "feed/reader.h"

#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>

/* Beyond any recording: what a worker claims past this is nonsense. */
#define PLACE_MAX (INT64_MAX / 4)

enum {
    AWAIT_TRIES = 4,
    STALE_RINGS = 16, /* a worker that has not heard of a render yet fills its ring once or twice */
};

void reader_begin(struct reader *r, const struct segment *s)
{
    assert(s->ring && s->lane < RING_LANES);
    r->now = *s;
    r->n_stale[s->lane] = 0;
    reader_expect_nothing(r);
}

void reader_expect(struct reader *r, const struct segment *s, const struct passage *passage)
{
    assert(passage->joint != JOINT_NONE && s->lane < RING_LANES);
    assert(passage->joint != JOINT_SAME_FRAME || passage->on_grid);
    r->next = *s;
    r->passage = *passage;
    r->n_stale[s->lane] = 0;
    r->is_left = r->is_left && passage->joint == JOINT_SAME_FRAME;
}

void reader_expect_nothing(struct reader *r)
{
    r->next = (struct segment){ 0 };
    r->passage = (struct passage){ .joint = JOINT_NONE };
    r->is_left = false;
}

void reader_leave(struct reader *r)
{
    assert(r->passage.joint == JOINT_SAME_FRAME);
    r->is_left = true;
}

void reader_keep(struct reader *r, struct ring_consumer *ring)
{
    if (r->kept || !r->has_begun) {
        ring_consumer_free(ring);
        return;
    }
    assert(r->now.ring == ring);
    r->kept = ring;
}

void reader_drop_kept(struct reader *r)
{
    ring_consumer_free(TAKE_PTR(r->kept));
    r->is_broken = false;
}

/* The oldest record of a segment; those of other renders are stale and taken away. Looks at no more
 * of them than a ring holds: a worker may write as fast as they are taken, and one that never
 * writes anything else is at fault. */
static int peek_segment(struct reader *r, const struct segment *s, struct ring_record *record,
                        const uint8_t **packet)
{
    uint32_t n_slots = ring_consumer_shape(s->ring)->n_slots;
    for (uint32_t i = 0; i <= n_slots; i++) {
        int n = ring_peek(s->ring, s->lane, record, packet);
        if (n <= 0)
            return n;
        if (record->pos < 0 || record->pos > PLACE_MAX)
            return -EPROTO;
        if (record->gen == s->gen) {
            r->n_stale[s->lane] = 0;
            return 1;
        }
        if (++r->n_stale[s->lane] > STALE_RINGS * n_slots)
            return -EPROTO;
        ring_pop(s->ring, s->lane);
    }
    return 0;
}

int reader_peek(struct reader *r, struct ring_record *ret_record, const uint8_t **ret_packet)
{
    if (r->is_broken || r->is_left)
        return 0;
    int n = peek_segment(r, &r->now, ret_record, ret_packet);
    if (n < 0 && r->kept) {
        r->is_broken = true;
        return 0;
    }
    return n;
}

/* True while `now` has frames that come before the first one of `next`. */
static bool reads_on(struct reader *r)
{
    struct ring_record record;
    const uint8_t *packet;
    const struct passage *p = &r->passage;
    bool is_ahead = p->on_grid && r->place.samples < p->begin.samples;
    if (p->joint != JOINT_AT_END && !is_ahead)
        return false;
    int n = reader_peek(r, &record, &packet);
    return n > 0 && (p->joint == JOINT_AT_END || !(record.flags & RING_END));
}

/* The frame that was to bear the ramp has left without it. */
static bool is_late(const struct reader *r)
{
    return r->passage.on_grid && r->passage.ramps && r->place.samples > r->passage.begin.samples;
}

/* While the pacer takes frames, a segment is not left for one that holds less, unless that is
 * enough to go on with: where many workers render at once, the next of its frames may be long in
 * coming. A source that comes no faster than it is heard never brings more than `now` has. */
static bool has_cushion(const struct reader *r)
{
    struct ring_record newest;
    uint32_t enough = r->passage.on_grid ? READER_CUSHION : READER_START;
    uint32_t left = r->is_left ? 0 : reader_fill(r);
    uint32_t fill = ring_consumer_fill(r->next.ring, r->next.lane);
    return !r->is_paced || !r->has_begun || fill >= (left < enough ? left : enough) ||
           (ring_newest(r->next.ring, r->next.lane, &newest) && (newest.flags & RING_END));
}

static void pass_to_next(struct reader *r, const struct ring_record *first)
{
    if (r->kept)
        reader_drop_kept(r);
    else
        ring_discard(r->now.ring, r->now.lane);
    r->now = r->next;
    r->place = (struct place){ first->pos };
    reader_expect_nothing(r);
}

enum reader_turn reader_turn(struct reader *r)
{
    struct ring_record record;
    const uint8_t *packet;
    if (!reader_is_turning(r) || !r->next.ring || reads_on(r))
        return READER_STAYS;
    /* Credit may take many frames at once: then not for each of them. */
    if (r->is_paced && is_late(r))
        return READER_LATE;
    for (uint32_t i = 0;; i++) {
        int n = peek_segment(r, &r->next, &record, &packet);
        if (n <= 0)
            return n < 0 ? READER_BROKEN : READER_STAYS;
        if (!r->passage.on_grid || (record.flags & RING_END) || record.pos >= r->place.samples)
            break;
        if (is_late(r))
            return READER_LATE;
        if (i > ring_consumer_shape(r->next.ring)->n_slots)
            return READER_BROKEN;
        ring_pop(r->next.ring, r->next.lane);
    }
    if (!has_cushion(r))
        return READER_STAYS;
    pass_to_next(r, &record);
    return READER_TURNED;
}

bool reader_await(struct reader *r, const struct segment *s)
{
    struct ring_record record;
    const uint8_t *packet;
    for (int i = 0; i < AWAIT_TRIES; i++) {
        /* Stale records are taken away first: they must not pass for what is waited for, and the
         * worker may have no room for that. */
        if (peek_segment(r, s, &record, &packet) != 0)
            return false;
        if (ring_consumer_wait(s->ring, s->lane))
            return true;
    }
    return false;
}

uint32_t reader_fill(const struct reader *r)
{
    return ring_consumer_fill(r->now.ring, r->now.lane);
}

bool reader_newest(const struct reader *r, struct ring_record *ret_record)
{
    struct ring_record newest;
    if (!ring_newest(r->now.ring, r->now.lane, &newest) || newest.gen != r->now.gen)
        return false;
    *ret_record = newest;
    return true;
}

bool reader_is_complete(const struct reader *r)
{
    struct ring_record newest;
    return r->has_begun && !reader_is_turning(r) && reader_newest(r, &newest) &&
           (newest.flags & RING_END);
}
