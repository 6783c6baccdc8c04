/*
 * The reader: one cursor over segments. A segment is the frames of one render in one lane of one
 * ring. A change of position or sound, and the ring of a worker that takes over from a dead one,
 * are the next segment; the joint says where the reader passes from one to the other. Nothing is
 * repeated, nothing is missing, and nothing stale is read after the joint.
 *
 *   now   ──────────────────────●           joint: AT_ONCE, SAME_FRAME or AT_END
 *   next                        ●──────────────────▶
 *
 * Pure: it reads rings and knows no worker, no source and no clock. Rings are foreign; what a
 * reader takes from them is checked.
 */
#ifndef TUTTI_FEED_READER_H
#define TUTTI_FEED_READER_H

#include "feed/clocks.h"
#include "ring/consumer.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    READER_CUSHION = 25, /* [frames] of the next segment with which one that has more is left */
    READER_START = 8,    /* [frames] the same at once, for a seek, as a play begins */
};

struct segment {
    struct ring_consumer *ring; /* NULL: the worker that will make it is not there yet */
    unsigned lane;
    uint32_t gen; /* of its records; others in the lane are stale */
};

enum joint {
    JOINT_NONE,       /* no other segment is on its way */
    JOINT_AT_ONCE,    /* at the next segment's first frame: a seek */
    JOINT_SAME_FRAME, /* at the first frame that both have: a change of sound */
    JOINT_AT_END,     /* when the segment is used up: what a dead worker has left */
};

/* How the next segment is to be entered. */
struct passage {
    enum joint joint;
    bool on_grid;       /* the next segment's frames lie on the grid of this one's */
    bool ramps;         /* its first frame bears a ramp: later ones will not do */
    struct place begin; /* on_grid: where its first frame begins */
};

enum reader_turn {
    READER_BROKEN = -1, /* the next segment's ring makes no sense */
    READER_STAYS,
    READER_TURNED, /* the next segment is the one that is read now */
    READER_LATE,   /* its first frame bears a ramp, and the frame in its place has left */
};

/* Fields belong to reader.c, which sets them; anybody may read them. */
struct reader {
    struct segment now;
    struct segment next;
    struct passage passage;
    struct ring_consumer *kept; /* owned: the ring of a dead worker, in which `now` lies */
    bool is_paced;              /* the pacer takes frames while the next segment is made */
    bool has_begun;             /* a first frame was there: set once */
    bool is_left;               /* nothing is read from `now` any more, `next` decides */
    bool is_broken;             /* `kept` makes no sense: it counts as empty */
    struct place place;         /* of the next frame */
    struct ordinal taken;
    uint32_t n_stale[RING_LANES]; /* records of other renders, since the last one wanted */
};

static inline bool reader_is_turning(const struct reader *r)
{
    return r->passage.joint != JOINT_NONE;
}

/* Begins with this segment. What was to come next is forgotten. */
void reader_begin(struct reader *r, const struct segment *s);

/* `s` (or what will make it, where it has no ring) follows by `passage`. It takes the place of a
 * segment that was to follow. */
void reader_expect(struct reader *r, const struct segment *s, const struct passage *passage);

/* Nothing follows any more; what is read goes on. */
void reader_expect_nothing(struct reader *r);

/* Leaves `now` at once though `next` has no frame yet. */
void reader_leave(struct reader *r);

/* The worker of `now` died: takes its ring, to read what it has left. A ring of which nothing was
 * to be read, or that follows another dead worker's, is freed. */
void reader_keep(struct reader *r, struct ring_consumer *ring);

/* Frees the ring that was kept. */
void reader_drop_kept(struct reader *r);

/* rt: passes to the next segment if that is due. What was delivered already is dropped from the
 * next segment, which may make room: its worker's bell is to be rung. */
enum reader_turn reader_turn(struct reader *r);

/* rt: looks at the next frame. Returns 1, 0 if there is none yet, -EPROTO if the ring makes no
 * sense. */
int reader_peek(struct reader *r, struct ring_record *ret_record, const uint8_t **ret_packet);

/* rt: the frame that reader_peek showed was delivered. */
static inline void reader_take(struct reader *r)
{
    ring_pop(r->now.ring, r->now.lane);
    r->place = place_after(r->place, 1);
    r->taken.n++;
}

/* Asks for a bell at the next frame of `s`, which is one of the reader's two segments. Returns
 * false if there is one already. */
bool reader_await(struct reader *r, const struct segment *s);

/* Frames of `now` that lie ready. */
uint32_t reader_fill(const struct reader *r);

/* The newest record of `now`. Returns false if there is none. */
bool reader_newest(const struct reader *r, struct ring_record *ret_record);

/* True if all of `now` up to the end of the source lies ready. */
bool reader_is_complete(const struct reader *r);

#endif
