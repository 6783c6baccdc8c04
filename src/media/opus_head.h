/* What an OpusHead says (RFC 7845 section 5.1), as libavformat leaves it in the extradata. */
#ifndef TUTTI_MEDIA_OPUS_HEAD_H
#define TUTTI_MEDIA_OPUS_HEAD_H

#include <libavcodec/codec_par.h>
#include <libavutil/intreadwrite.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    OPUS_HEAD_BYTES = 19,
    OPUS_HEAD_CHANNELS = 9,
    OPUS_HEAD_PRE_SKIP = 10,
    OPUS_HEAD_GAIN = 16,
    OPUS_HEAD_FAMILY = 18,
};

/* True for the bytes of a head whose packets a listener's decoder takes as they are. */
static inline bool opus_head_bytes_pass(const uint8_t *head)
{
    return head[OPUS_HEAD_FAMILY] == 0 && AV_RL16(head + OPUS_HEAD_GAIN) == 0;
}

static inline bool opus_head_there(const AVCodecParameters *par)
{
    return par->extradata && par->extradata_size >= OPUS_HEAD_BYTES;
}

/* [samples at 48 kHz] */
static inline uint32_t opus_head_pre_skip(const AVCodecParameters *par)
{
    if (opus_head_there(par))
        return AV_RL16(par->extradata + OPUS_HEAD_PRE_SKIP);
    return par->initial_padding > 0 && par->initial_padding < 48000 ? (uint32_t)par->initial_padding
                                                                    : 0;
}

/* One stream of one or two channels: mapping family 0. */
static inline bool opus_head_is_plain(const AVCodecParameters *par)
{
    if (par->ch_layout.nb_channels > 2)
        return false;
    return !opus_head_there(par) || par->extradata[OPUS_HEAD_FAMILY] == 0;
}

/* A gain the decoder is to apply, which a passed packet would lose. */
static inline bool opus_head_has_gain(const AVCodecParameters *par)
{
    return opus_head_there(par) && AV_RL16(par->extradata + OPUS_HEAD_GAIN) != 0;
}

#endif
