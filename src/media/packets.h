/*
 * The packets of one source, in order, each with its exact place in it, and the way back.
 *
 * Where a packet lies is known by counting what was decoded before it; container timestamps are
 * rounded, estimated or simply wrong in too many formats. What was read lately is kept (the span
 * that waits in the ring, plus what a decoder needs to warm up), so that it can be rendered again
 * without touching the source. Farther away the container is sought, and the place is derived from
 * timestamps where those are exact or can be snapped to the grid of packets; else the packets are
 * counted from the start again.
 */
#ifndef TUTTI_MEDIA_PACKETS_H
#define TUTTI_MEDIA_PACKETS_H

#include "media/demux.h"

struct packets;

struct packet {
    AVPacket *av;
    AVBufferRef *setup; /* the extradata in force for it; NULL: the stream's own */
    int64_t number;     /* in the audio stream, from 0; −1 unknown */
    int64_t byte;       /* [bytes] in the source; −1 unknown */
    /* Audible source samples before this packet's first one; −1 until packet_place says so. */
    int64_t sample;
    uint32_t skip;     /* samples to drop at its beginning, left over from the packets before */
    uint32_t own_skip; /* more to drop, which begin at this packet: pre-skip, encoder delay */
    uint32_t discard;  /* samples to drop at its end: padding */
    int64_t lasts;     /* samples in it, all told; −1: only its decoder knows */
    bool has_own_time; /* not one that libavformat has made out of its neighbours' */
    int64_t gap;       /* [samples] of silence before it, in place of what is missing */
};

/* Opens `s`, which must outlive the packets. Errors as demux_open. */
int packets_new(struct source *s, size_t keep_bytes_max, struct packets **ret);
void packets_free(struct packets *p);

const struct demux *packets_demux(const struct packets *p);

/* Returns 1 with the next packet, owned by `p` and valid until the next call that changes `p`; 0 at
 * the end, negative errno when reading fails. */
int packets_next(struct packets *p, struct packet **ret);

/* The extradata that a decoder must have been given for the next packet; NULL: the stream's own.
 * Valid until the next call that changes `p`. */
const AVBufferRef *packets_setup(const struct packets *p);

/* True if the packet last returned is still there: there was one since packets_go. */
bool packets_has_given(const struct packets *p);

/* The decoder has yielded its first frame, of `n_samples` at `rate`, after packets_new or
 * packets_go from the packet last returned: from now on the caller counts, and places packets that
 * have no place. */
void packets_settled(struct packets *p, int n_samples, int rate);

/* The packet last returned, the first of all, begins with `skip` samples to drop, says the decoder.
 * Returns `skip`. */
uint32_t packets_lead(struct packets *p, uint32_t skip);

/* A whole frame of `n_samples` was dropped before the first sound: what the packets so far had to
 * skip may be covered by it. */
void packets_drop_lead(struct packets *p, int n_samples);

/* True once a first frame was decoded since packets_new: only then packets_go can do better than
 * starting over. */
bool packets_calibrated(const struct packets *p);

/* Makes the next packet one from which a decoder can be warm at audible source sample `sample`:
 * at or before `sample` − `warm_up`, or the first of all. Returns 0 or negative errno. */
int packets_go(struct packets *p, int64_t sample, int64_t warm_up);

/* As packets_go, to the packet `number` or one before it, found by counting. */
int packets_go_number(struct packets *p, int64_t number);

/* A live source: forgets all, and reads on from where it is now, as packets_new does. Returns 0 or
 * negative errno. */
int packets_join_again(struct packets *p);

/* Lets go of what lies before `sample`; to be called now and then. */
void packets_forget(struct packets *p, int64_t sample);

/* Where packets are found by counting only, a place that is known by both: the packet that holds
 * audible source sample `sample`, if it is still remembered and its byte can be told from those of
 * its neighbours. Returns false otherwise. packets_take_mark tells such a place to another reader
 * of the same source, which then counts from there; it looks whether a packet begins at `byte`, and
 * otherwise counts from the start. */
bool packets_mark(const struct packets *p, int64_t sample, int64_t *ret_number, int64_t *ret_byte);
void packets_take_mark(struct packets *p, int64_t number, int64_t byte);

/* [bytes] where the first packet of all begins; −1 unknown. */
int64_t packets_first_byte(const struct packets *p);

/* [source samples] that the container's times count before the first audible one: the lead, and of
 * a piece that was cut out of a longer stream all that came before it. */
int64_t packets_time_before(const struct packets *p);

/* [source samples] before the first audible one. */
int64_t packets_lead_samples(const struct packets *p);

/* Bytes held for rendering again. */
size_t packets_kept_bytes(const struct packets *p);

/* True if the source can be read from another place at all. */
bool packets_can_seek(const struct packets *p);

/* Says that timestamps start over inside the source (chained streams). */
void packets_distrust_times(struct packets *p);

/* As demux_new_title. */
bool packets_new_title(struct packets *p, char title[DEMUX_TITLE_BYTES]);

#endif
