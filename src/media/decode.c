#include "media/decode.h"

#include "media/codecs.h"
#include "media/lav.h"
#include "media/opus_head.h"

#include <assert.h>
#include <libavutil/intreadwrite.h>
#include <libavutil/mem.h>
#include <stdlib.h>
#include <string.h>

struct decoder {
    const AVCodecParameters *par;
    const struct codec *codec;
    AVCodecContext *context;
    AVFrame *frame;
    AVBufferRef *setup; /* what the context was told last; NULL: nothing */
    bool fed;           /* the context was given something */
};

/* libopus decodes what the listener's decoder will decode, and yields exactly a packet's duration
 * for each packet; libav's own Opus decoder delays some. */
static const AVCodec *find_decoder(enum AVCodecID id)
{
    const AVCodec *codec = NULL;
    if (id == AV_CODEC_ID_OPUS)
        codec = avcodec_find_decoder_by_name("libopus");
    return codec ? codec : avcodec_find_decoder(id);
}

static int take_setup(AVCodecContext *c, const AVBufferRef *setup)
{
    av_freep(&c->extradata);
    c->extradata_size = 0;
    c->extradata = av_mallocz(setup->size + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!c->extradata)
        return -ENOMEM;
    memcpy(c->extradata, setup->data, setup->size);
    c->extradata_size = (int)setup->size;
    return 0;
}

/* Opus is decoded to two channels even where it has one: the listener's decoder does the same with
 * a passed packet, and volume must not jump between the two ways. */
static void hear_both_sides(AVCodecContext *c)
{
    bool there = c->extradata && c->extradata_size >= OPUS_HEAD_BYTES;
    if (there ? c->extradata[OPUS_HEAD_FAMILY] != 0 : c->ch_layout.nb_channels > 2)
        return;
    if (there)
        c->extradata[OPUS_HEAD_CHANNELS] = 2;
    av_channel_layout_uninit(&c->ch_layout);
    av_channel_layout_default(&c->ch_layout, 2);
}

static int open_context(const AVCodecParameters *par, const AVBufferRef *setup, AVCodecContext *c,
                        const AVCodec *codec)
{
    if (avcodec_parameters_to_context(c, par) < 0)
        return -EBADMSG;
    if (setup && take_setup(c, setup) < 0)
        return -ENOMEM;
    c->thread_count = 1;
    c->flags2 |= AV_CODEC_FLAG2_SKIP_MANUAL;
    c->pkt_timebase = (AVRational){ 1, par->sample_rate };
    if (par->codec_id == AV_CODEC_ID_OPUS) {
        c->request_sample_fmt = AV_SAMPLE_FMT_FLT;
        hear_both_sides(c);
    }
    int r = avcodec_open2(c, codec, NULL);
    return r == AVERROR(ENOMEM) ? -ENOMEM : r < 0 ? -EBADMSG : 0;
}

/* In place of the context that there was; if it fails that one stays. */
static int renew(struct decoder *d, const AVBufferRef *setup)
{
    const AVCodec *codec = find_decoder(d->par->codec_id);
    if (!codec || codec->type != AVMEDIA_TYPE_AUDIO)
        return -EBADMSG;
    AVCodecContext *c = avcodec_alloc_context3(codec);
    int r = c ? open_context(d->par, setup, c, codec) : -ENOMEM;
    if (r == 0 && av_buffer_replace(&d->setup, setup) < 0)
        r = -ENOMEM;
    if (r < 0) {
        avcodec_free_context(&c);
        return r;
    }
    avcodec_free_context(&d->context);
    d->context = c;
    d->fed = false;
    return 0;
}

int decoder_new(const AVCodecParameters *par, struct decoder **ret)
{
    struct decoder *d = calloc(1, sizeof *d);
    if (!d)
        return -ENOMEM;
    d->par = par;
    d->codec = codec_of(par->codec_id);
    d->frame = av_frame_alloc();
    int r = d->frame ? renew(d, NULL) : -ENOMEM;
    if (r < 0) {
        decoder_free(d);
        return r;
    }
    *ret = d;
    return 0;
}

static bool is_same(const AVBufferRef *a, const AVBufferRef *b)
{
    return a == b || (a && b && a->data == b->data);
}

/* A context knows only the setup that it was given last, and many keep something when they are
 * flushed: some drop their first packets only once. One that refuses what is in force at the next
 * packet would do so on the way there as well. */
int decoder_begin(struct decoder *d, const AVBufferRef *setup)
{
    avcodec_flush_buffers(d->context);
    if (is_same(setup, d->setup) && (!d->fed || d->codec->flags & CODEC_FLUSHES))
        return 0;
    int r = renew(d, setup);
    return r == -EBADMSG ? 0 : r;
}

void decoder_free(struct decoder *d)
{
    if (!d)
        return;
    avcodec_free_context(&d->context);
    av_frame_free(&d->frame);
    av_buffer_unref(&d->setup);
    free(d);
}

/* Most decoders take a new setup from the packet that it comes with; that of Opus is told by its
 * head alone. Packets for which there is no decoder are broken ones. */
static int follow_setup(struct decoder *d, const AVBufferRef *setup)
{
    if (is_same(setup, d->setup))
        return 0;
    if (d->codec->id == AV_CODEC_ID_OPUS)
        return renew(d, setup);
    return av_buffer_replace(&d->setup, setup) < 0 ? -ENOMEM : 0;
}

int decoder_send(struct decoder *d, const AVPacket *packet, const AVBufferRef *setup)
{
    int r = packet ? follow_setup(d, setup) : 0;
    if (r < 0)
        return r;
    d->fed = true;
    r = avcodec_send_packet(d->context, packet);
    if (r == AVERROR(ENOMEM))
        return -ENOMEM;
    return r < 0 && r != AVERROR_EOF ? -EBADMSG : 0;
}

int decoder_receive(struct decoder *d, AVFrame **ret)
{
    int r = avcodec_receive_frame(d->context, d->frame);
    if (r == AVERROR(EAGAIN))
        return 0;
    if (r == AVERROR_EOF)
        return -ENODATA;
    if (r < 0)
        return r == AVERROR(ENOMEM) ? -ENOMEM : -EBADMSG;
    if (d->frame->nb_samples <= 0 || d->frame->sample_rate <= 0 ||
        d->frame->ch_layout.nb_channels <= 0)
        return -EBADMSG;
    *ret = d->frame;
    return 1;
}

uint32_t decoder_skip(const AVFrame *frame)
{
    assert(frame->nb_samples > 0);
    const AVFrameSideData *side = av_frame_get_side_data(frame, AV_FRAME_DATA_SKIP_SAMPLES);
    uint32_t skip = side && side->size >= 4 ? AV_RL32(side->data) : 0;
    return skip < INT32_MAX / 2 ? skip : 0;
}
