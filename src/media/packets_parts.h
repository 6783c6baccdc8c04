/* What the parts of packets share. Visible to packets*.c only. */
#ifndef TUTTI_MEDIA_PACKETS_PARTS_H
#define TUTTI_MEDIA_PACKETS_PARTS_H

#include "media/codecs.h"
#include "media/packets.h"
#include "media/setup.h"
#include "media/vorbis_clock.h"

/* How packets get their place until the decoder has settled. */
enum placing {
    PLACE_LEAD,   /* from the very start */
    PLACE_PTS,    /* by what the container says, after a seek */
    PLACE_NUMBER, /* by number, after counting from the start */
    PLACE_COUNT,  /* settled: the caller counts */
};

/* How many packets from the start are looked at to know what the container's times are worth. */
enum { SURVEY_PACKETS = 8 };

/* [samples] of a packet that has no place */
#define PLACE_NOWHERE INT64_MIN

/* The container's times of the first packets against their places, which are counted. */
struct survey {
    double offsets[SURVEY_PACKETS]; /* [samples] time less place */
    int n;
    bool is_over;
    int64_t next_number; /* of the packet to look at next; −1: it goes no further */
    int64_t raw;         /* [samples] its place */
    int64_t equal;       /* [samples] of each packet so far; 0: they are not alike */
};

struct packets {
    struct source *source;
    struct demux *demux;
    const struct codec *codec;
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
    double time_shift; /* [samples] by which times are late since they started over in a list */
    int64_t grid;      /* [samples] that all places are multiples of */
    int64_t frame;     /* [samples] of each packet, if they are all alike, else 0 */
    int64_t lead;      /* [samples] dropped before the first audible one */
    struct survey survey;
    /* reading */
    enum placing placing;
    int64_t next_number;
    int64_t next_sample; /* Opus only: places follow from the packets themselves */
    int64_t next_skip;
    AVPacket *bundle;           /* frames that were read with others; of size 0: none */
    struct vorbis_clock *clock; /* Vorbis only */
    int64_t next_raw;           /* [samples] Vorbis: of the next packet, PLACE_NOWHERE */
    int64_t last_byte;          /* [bytes] where the packet before began; −1 unknown */
    int64_t link_byte;  /* [bytes] Ogg Vorbis: page of the stream's first block; −1 unknown */
    int64_t link_block; /* [samples] that libavformat takes that block for */
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

/* packets.c: opens the source (anew) from its start; reads one packet more; forgets all, or the
 * oldest. */
int packets_open(struct packets *p);
int packets_read_one(struct packets *p);
void packets_drop_all(struct packets *p);
void packets_drop_first(struct packets *p);

/* packets.c: forgets all; from here on nothing is known of where the demuxer is. */
void packets_lose_place(struct packets *p);

/* packets_place.c: what a packet that was just read says of itself; its place; [samples since the
 * first one] what its time says, NAN if it has none. */
void packets_measure(struct packets *p, struct packet *k);
void packets_place(struct packets *p, struct packet *k);
double packets_raw_time(const struct packets *p, const struct packet *k);

/* packets_place.c: takes the next packet into account; makes use of what is known, before times are
 * followed. */
void packets_survey(struct packets *p, const struct packet *k);
void packets_end_survey(struct packets *p);

/* packets_place.c: samples of each packet that the container's index tells of; 0: it does not. */
int64_t packets_indexed_samples(const struct packets *p);

/* packets_jump.c: a packet's number may tell its byte. Returns 1 if
 * packet `number`, or one a little before it, is the next to be read; 0 if that cannot be known:
 * everything kept may be gone then; or -EINTR. */
int packets_jump(struct packets *p, int64_t number);

#endif
