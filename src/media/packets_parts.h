/* What the parts of packets share. Visible to packets*.c only. */
#ifndef TUTTI_MEDIA_PACKETS_PARTS_H
#define TUTTI_MEDIA_PACKETS_PARTS_H

#include "media/packets.h"
#include "media/setup.h"

/* How packets get their place until the decoder has settled. */
enum placing {
    PLACE_LEAD,   /* from the very start */
    PLACE_PTS,    /* by timestamp, after a seek */
    PLACE_NUMBER, /* by number, after counting from the start */
    PLACE_COUNT,  /* settled: the caller counts */
};

struct packets {
    struct source *source;
    struct demux *demux;
    enum demux_times times;
    bool is_opus;
    bool looked;   /* whether it is a chain */
    bool lost;     /* opening it again has failed */
    bool lossless; /* as large as PCM, nearly: read again rather than kept */
    int rate; /* of what is decoded: the container's until the first frame, which may say another */
    /* calibration, from the first frame of the first pass */
    bool calibrated;
    int64_t first_number;
    double first_time; /* [samples] timestamp of the packet that yielded the first frame */
    int64_t grid;      /* [samples] that all places are multiples of */
    int64_t frame;     /* [samples] of each packet, if they are all alike, else 0 */
    int64_t lead;      /* [samples] dropped before the first audible one */
    /* reading */
    enum placing placing;
    int64_t next_number;
    int64_t next_sample; /* Opus only: places follow from the packets themselves */
    int64_t next_skip;
    struct setup setup; /* as of the packet last read */
    int64_t first_byte; /* [bytes] where packet 0 begins; −1 unknown */
    bool at_end;
    bool fresh; /* nothing was read since it was opened */
    /* a place that another reader has found; −1 none */
    int64_t mark_number;
    int64_t mark_byte;
    /* what is remembered: a circle of `capacity` (a power of two), positions free-running */
    struct packet *kept;
    uint32_t capacity;
    uint32_t first;
    uint32_t cursor; /* the next to hand out */
    uint32_t last;
    uint32_t hollow_until; /* those before have lost their bytes, not their place */
    size_t kept_bytes;
    size_t kept_bytes_max;
    char title[DEMUX_TITLE_BYTES]; /* as last told */
};

static inline struct packet *packets_slot(const struct packets *p, uint32_t i)
{
    return &p->kept[i & (p->capacity - 1)];
}

/* packets.c: opens the source (anew) from its start; reads one packet more; gives a packet its
 * place; forgets all, or the oldest. */
int packets_open(struct packets *p);
int packets_read_one(struct packets *p);
void packets_place(struct packets *p, struct packet *k);
void packets_drop_all(struct packets *p);
void packets_drop_first(struct packets *p);

/* packets.c: forgets all; from here on nothing is known of where the demuxer is. */
void packets_lose_place(struct packets *p);

/* packets_jump.c: a packet's number may tell its byte. Returns 1 if
 * packet `number`, or one a little before it, is the next to be read; 0 if that cannot be known:
 * everything kept may be gone then; or -EINTR. */
int packets_jump(struct packets *p, int64_t number);

#endif
