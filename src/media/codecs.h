/* What is to be known of codecs, one row each: no other file decides by a codec's name what a row
 * can say. */
#ifndef TUTTI_MEDIA_CODECS_H
#define TUTTI_MEDIA_CODECS_H

#include <libavcodec/codec_id.h>
#include <stddef.h>
#include <stdint.h>

enum codec_flag {
    CODEC_EQUAL = 1,   /* all packets of a stream hold as many samples as the first */
    CODEC_FLUSHES = 2, /* a decoder that was flushed is as good as a new one */
    CODEC_ENDS = 4,    /* a last packet that holds fewer samples says so itself */
    CODEC_BUNDLED = 8, /* some containers put several frames into a packet; decoders take one */
};

struct codec {
    enum AVCodecID id; /* AV_CODEC_ID_NONE: the row of all that have none of their own */
    unsigned flags;    /* enum codec_flag */
    int grid;          /* [samples] all places are multiples of it; 0: of a frame */
    int warm_up_ms;    /* so much of it a decoder must have heard */
    /* [bytes] of the frame that begins at p, by its head; 0: none begins there. NULL: unknown. */
    int (*frame_bytes)(const uint8_t *p, size_t len);
};

/* Never NULL. */
const struct codec *codec_of(enum AVCodecID id);

#endif
