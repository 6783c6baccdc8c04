#include "media/decode.h"

#include "media/lav.h"

#include <assert.h>
#include <libavutil/intreadwrite.h>
#include <libavutil/mem.h>
#include <stdlib.h>
#include <string.h>

struct decoder {
    AVCodecContext *context;
    AVFrame *frame;
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

static int open_context(struct decoder *d, const AVCodecParameters *par, const AVBufferRef *setup)
{
    const AVCodec *codec = find_decoder(par->codec_id);
    if (!codec || codec->type != AVMEDIA_TYPE_AUDIO)
        return -EBADMSG;
    d->context = avcodec_alloc_context3(codec);
    d->frame = av_frame_alloc();
    if (!d->context || !d->frame)
        return -ENOMEM;
    if (avcodec_parameters_to_context(d->context, par) < 0)
        return -EBADMSG;
    if (setup && take_setup(d->context, setup) < 0)
        return -ENOMEM;
    d->context->thread_count = 1;
    d->context->flags2 |= AV_CODEC_FLAG2_SKIP_MANUAL;
    d->context->pkt_timebase = (AVRational){ 1, par->sample_rate };
    if (par->codec_id == AV_CODEC_ID_OPUS)
        d->context->request_sample_fmt = AV_SAMPLE_FMT_FLT;
    return avcodec_open2(d->context, codec, NULL) < 0 ? -EBADMSG : 0;
}

int decoder_new(const AVCodecParameters *par, const AVBufferRef *setup, struct decoder **ret)
{
    struct decoder *d = calloc(1, sizeof *d);
    if (!d)
        return -ENOMEM;
    int r = open_context(d, par, setup);
    if (r < 0) {
        decoder_free(d);
        return r;
    }
    *ret = d;
    return 0;
}

void decoder_free(struct decoder *d)
{
    if (!d)
        return;
    avcodec_free_context(&d->context);
    av_frame_free(&d->frame);
    free(d);
}

int decoder_send(struct decoder *d, const AVPacket *packet)
{
    int r = avcodec_send_packet(d->context, packet);
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
        return -EBADMSG;
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

void decoder_flush(struct decoder *d)
{
    avcodec_flush_buffers(d->context);
}
