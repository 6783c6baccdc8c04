/*
 * What a decoder is told in mid-stream: a chained stream begins with headers of its own, and some
 * containers hand a new setup out along with a packet. The decoder takes it when it comes by; one
 * that goes back to an earlier packet must be made anew, with what was in force there.
 */
#ifndef TUTTI_MEDIA_SETUP_H
#define TUTTI_MEDIA_SETUP_H

#include <libavcodec/codec_par.h>
#include <libavcodec/packet.h>
#include <stdbool.h>

enum { SETUP_VORBIS_ID_BYTES = 30 };

struct setup {
    /* The extradata in force, padded as libavcodec wants it; NULL: the stream's. */
    AVBufferRef *now;
    uint8_t vorbis_id[SETUP_VORBIS_ID_BYTES]; /* the first header of a chained stream */
    bool has_vorbis_id;
};

/* Back to the stream's own. */
void setup_reset(struct setup *s);

/* Looks at the next packet; `first` and `now` are what the container has said of the stream when it
 * was opened and since (the heads of a chain of Ogg Opus are not among its packets). Returns of how
 * many packets, this one the last, the new setup is made:
 * it is in force from the first of them on. 0: none came. */
int setup_look(struct setup *s, const AVCodecParameters *first, const AVCodecParameters *now,
               const AVPacket *av);

/* True for the first header of a chained Vorbis stream. */
bool setup_is_vorbis_head(enum AVCodecID codec, const AVPacket *av);

/* True for a packet of Vorbis that is no header. */
bool setup_is_vorbis_sound(const AVPacket *av);

#endif
