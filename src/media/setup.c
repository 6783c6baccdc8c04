#include "media/setup.h"

#include "media/opus_head.h"

#include <libavcodec/avcodec.h>
#include <string.h>

enum {
    SETUP_BYTES_MAX = 1 << 20,
    VORBIS_HEADS = 3, /* who it is, comments, codebooks */
};

void setup_reset(struct setup *s)
{
    av_buffer_unref(&s->now);
    s->has_vorbis_id = false;
}

/* Without memory for it the old one stays in force. */
static bool replace(struct setup *s, const uint8_t *head, size_t head_len, const uint8_t *bytes,
                    size_t len)
{
    if (len == 0 || len > SETUP_BYTES_MAX)
        return false;
    AVBufferRef *buf = av_buffer_allocz(head_len + len + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!buf)
        return false;
    if (head_len > 0)
        memcpy(buf->data, head, head_len);
    memcpy(buf->data + head_len, bytes, len);
    buf->size = head_len + len; /* what is allocated behind it is the padding */
    av_buffer_unref(&s->now);
    s->now = buf;
    return true;
}

static bool is_vorbis(const AVPacket *av, const char *head)
{
    return av->size > 7 && memcmp(av->data, head, 7) == 0;
}

bool setup_is_vorbis_head(enum AVCodecID codec, const AVPacket *av)
{
    return codec == AV_CODEC_ID_VORBIS && is_vorbis(av, "\1vorbis");
}

bool setup_is_vorbis_sound(const AVPacket *av)
{
    return av->size > 0 && (av->data[0] & 1) == 0;
}

/* The three headers laced as extradata; nobody needs the comments. */
static int look_at_vorbis(struct setup *s, const AVPacket *av)
{
    if (is_vorbis(av, "\1vorbis") && av->size >= SETUP_VORBIS_ID_BYTES) {
        memcpy(s->vorbis_id, av->data, SETUP_VORBIS_ID_BYTES);
        s->has_vorbis_id = true;
    }
    if (!is_vorbis(av, "\5vorbis") || !s->has_vorbis_id)
        return 0;
    uint8_t head[3 + SETUP_VORBIS_ID_BYTES] = { VORBIS_HEADS - 1, SETUP_VORBIS_ID_BYTES, 0 };
    memcpy(head + 3, s->vorbis_id, SETUP_VORBIS_ID_BYTES);
    s->has_vorbis_id = false;
    return replace(s, head, sizeof head, av->data, (size_t)av->size) ? VORBIS_HEADS : 0;
}

static int look_at_opus(struct setup *s, const AVCodecParameters *first,
                        const AVCodecParameters *now)
{
    const uint8_t *there = s->now ? s->now->data : first->extradata;
    int len = s->now ? (int)s->now->size : first->extradata_size;
    int new_len = now->extradata_size;
    if (new_len < OPUS_HEAD_BYTES ||
        (new_len == len && memcmp(now->extradata, there, (size_t)len) == 0))
        return 0;
    return replace(s, NULL, 0, now->extradata, (size_t)new_len) ? 1 : 0;
}

int setup_look(struct setup *s, const AVCodecParameters *first, const AVCodecParameters *now,
               const AVPacket *av)
{
    if (first->codec_id == AV_CODEC_ID_VORBIS)
        return look_at_vorbis(s, av);
    if (first->codec_id == AV_CODEC_ID_OPUS)
        return look_at_opus(s, first, now);
    size_t len = 0;
    const uint8_t *bytes = av_packet_get_side_data(av, AV_PKT_DATA_NEW_EXTRADATA, &len);
    return bytes && replace(s, NULL, 0, bytes, len) ? 1 : 0;
}
