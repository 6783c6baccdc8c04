/*
 * The frame ring: finished Opus frames in shared memory, from one worker to the daemon.
 *
 *   memfd, sealed against shrinking and growing
 *   ┌────────┬───────────────────┬───────────────────┬──────────────┬──────────────┐
 *   │ header │ records of lane 0 │ records of lane 1 │ bytes lane 0 │ bytes lane 1 │
 *   └────────┴───────────────────┴───────────────────┴──────────────┴──────────────┘
 *
 * A lane is a circle of fixed records, each naming where its packet lies in the lane's bytes. Two
 * free-running 32-bit indices a lane: `write` belongs to the producer, `read` to the consumer.
 * A lane is never rewound. A change of position or gain is rendered into the other lane under a
 * new generation; the consumer skips records of any other generation than the one it waits for.
 *
 * The consumer trusts nothing here. It knows the shape of the memory from its own `ring_shape`,
 * copies an index or a record once, checks the copy, and uses the copy.
 */
#ifndef TUTTI_RING_LAYOUT_H
#define TUTTI_RING_LAYOUT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RING_MAGIC = 0x54544952,
    RING_VERSION = 1,
    RING_LANES = 2,
};

enum ring_flag {
    RING_END = 1 << 0,         /* no packet: the source ends here; `pos` is its exact end */
    RING_PASSTHROUGH = 1 << 1, /* the packet is the source's own */
    RING_JOIN = 1 << 2,        /* with RING_END: the next play's frames follow in this lane */
    RING_TAIL = 1 << 3,        /* silence fills the frame up: it would begin with a next play */
};

/* Where another worker may begin to read the source to go on with the next frame: a packet a little
 * before it, early enough for decoder and encoder to be warm. Only sources that would have to be
 * read from their beginning have one: those whose packets are found by counting. */
struct ring_hint {
    int64_t byte;   /* [bytes] from the start of the source; −1: no hint */
    int64_t packet; /* which packet begins there, in the audio stream, from 0; −1: no hint */
};

#define RING_NO_HINT ((struct ring_hint){ .byte = -1, .packet = -1 })

struct ring_record {
    uint32_t gen;    /* the render this frame belongs to */
    uint16_t len;    /* [bytes] of the packet, 1 … 1275; 0 with RING_END */
    uint16_t flags;  /* enum ring_flag */
    uint32_t offset; /* [bytes] of the packet in the lane's bytes */
    uint32_t play;   /* the daemon's number of the play whose frame this is */
    int64_t pos;     /* [samples at 48 kHz] source time of the frame, without the codec's lag */
    struct ring_hint hint;
};

_Static_assert(sizeof(struct ring_hint) == 16, "shared between processes");
_Static_assert(sizeof(struct ring_record) == 40, "shared between processes");
_Static_assert(offsetof(struct ring_record, pos) == 16, "shared between processes");

/* What a worker is doing, for the daemon's judgement when it dies or hangs. */
enum ring_worker_state {
    RING_WORKER_IDLE, /* nothing, until it is told something */
    RING_WORKER_OPENING,
    RING_WORKER_DECODING,
    RING_WORKER_WAITING_ROOM,
    RING_WORKER_WAITING_SOURCE,
};

/* Each index has a cache line of its own, so that the two sides do not fight over one. */
struct ring_lane {
    _Alignas(64) _Atomic uint32_t write; /* producer */
    _Alignas(64) _Atomic uint32_t read;  /* consumer */
};

struct ring_header {
    /* immutable */
    uint32_t magic;
    uint32_t version;
    uint32_t n_slots;
    uint32_t lane_bytes;
    /* producer; the consumer swaps `producer_sleeps` to 0 when it rings */
    _Alignas(64) _Atomic uint32_t producer_sleeps;
    _Atomic uint32_t wake_fill;    /* [records] ring when the lane holds no more than this */
    _Atomic uint32_t worker_state; /* enum ring_worker_state */
    _Atomic uint32_t frames_made;  /* counts every frame put, for progress */
    /* consumer; the producer swaps `consumer_waits` to 0 when it rings */
    _Alignas(64) _Atomic uint32_t consumer_waits;
    struct ring_lane lane[RING_LANES];
};

_Static_assert(sizeof(struct ring_header) == 448, "shared between processes");

/* The shape of a ring: both sides are told it over their socket, never by the memory itself. */
struct ring_shape {
    uint32_t n_slots;    /* records a lane, a power of two */
    uint32_t lane_bytes; /* packet bytes a lane, a multiple of 4096 */
};

/* The shape that holds `n_frames` frames of any size. n_frames is 1 … RING_FRAMES_MAX. */
enum { RING_FRAMES_MAX = 60 * 50 };
struct ring_shape ring_shape_for(uint32_t n_frames);

static inline size_t ring_records_offset(const struct ring_shape *s, unsigned lane)
{
    return sizeof(struct ring_header) + (size_t)lane * s->n_slots * sizeof(struct ring_record);
}

static inline size_t ring_bytes_offset(const struct ring_shape *s, unsigned lane)
{
    size_t records_end = ring_records_offset(s, RING_LANES);
    return (records_end + 4095) / 4096 * 4096 + (size_t)lane * s->lane_bytes;
}

static inline size_t ring_size(const struct ring_shape *s)
{
    return ring_bytes_offset(s, RING_LANES);
}

#endif
