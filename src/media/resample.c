#include "media/resample.h"

#include "base/audio.h"

#include <assert.h>
#include <errno.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <stdlib.h>
#include <string.h>

/* Large frames (a FLAC block, half a second of WavPack) go through in pieces, so that the queue of
 * finished samples stays small. */
enum { PIECE_SAMPLES = 4096 };

struct resampler {
    SwrContext *swr;
    bool begun;
    /* parameters of the input */
    AVChannelLayout layout;
    enum AVSampleFormat format;
    int rate;
    /* counted since resampler_begin */
    int64_t n_in;
    int64_t n_out;
    /* finished stereo samples: queue[start..end) */
    float *queue;
    int start;
    int end;
    int capacity;
};

int resampler_new(struct resampler **ret)
{
    struct resampler *r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    *ret = r;
    return 0;
}

void resampler_free(struct resampler *r)
{
    if (!r)
        return;
    swr_free(&r->swr);
    av_channel_layout_uninit(&r->layout);
    free(r->queue);
    free(r);
}

/* A source that does not say where its speakers stand gets the usual places for their number. */
static int copy_layout(AVChannelLayout *dst, const AVChannelLayout *src)
{
    av_channel_layout_uninit(dst);
    if (src->order != AV_CHANNEL_ORDER_UNSPEC)
        return av_channel_layout_copy(dst, src);
    av_channel_layout_default(dst, src->nb_channels);
    return 0;
}

/* One channel goes to both at full level, as a decoder of Opus does it; libswresample would lower
 * it by 3 dB to keep the power. */
static int copy_mono(SwrContext *swr)
{
    static const double to_both[AUDIO_CHANNELS] = { 1, 1 };
    return swr_set_matrix(swr, to_both, 1);
}

static int open_swr(struct resampler *r)
{
    AVChannelLayout stereo = AV_CHANNEL_LAYOUT_STEREO;
    swr_free(&r->swr);
    if (swr_alloc_set_opts2(&r->swr, &stereo, AV_SAMPLE_FMT_FLT, AUDIO_RATE, &r->layout, r->format,
                            r->rate, 0, NULL) < 0)
        return -EBADMSG;
    if (r->layout.nb_channels == 1 && copy_mono(r->swr) < 0)
        return -EBADMSG;
    /* Normalise the downmix for float samples as for integers: a full 5.1 mix must not overflow. */
    (void)av_opt_set_double(r->swr, "rematrix_maxval", 1.0, 0);
    return swr_init(r->swr) < 0 ? -EBADMSG : 0;
}

int resampler_begin(struct resampler *r, const AVFrame *frame)
{
    r->begun = false;
    if (copy_layout(&r->layout, &frame->ch_layout) < 0)
        return -ENOMEM;
    r->format = frame->format;
    r->rate = frame->sample_rate;
    r->n_in = 0;
    r->n_out = 0;
    int e = open_swr(r);
    if (e < 0 && r->layout.order != AV_CHANNEL_ORDER_UNSPEC) {
        /* A layout nobody has a matrix for, ambisonics say: take the channels as they come. */
        int n = r->layout.nb_channels;
        av_channel_layout_uninit(&r->layout);
        av_channel_layout_default(&r->layout, n);
        e = open_swr(r);
    }
    r->begun = e == 0;
    return e;
}

void resampler_reset(struct resampler *r)
{
    r->begun = false;
    r->start = r->end = 0;
}

bool resampler_fits(const struct resampler *r, const AVFrame *frame)
{
    if (!r->begun || r->format != frame->format || r->rate != frame->sample_rate ||
        r->layout.nb_channels != frame->ch_layout.nb_channels)
        return false;
    return frame->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC ||
           r->layout.order != frame->ch_layout.order ||
           av_channel_layout_compare(&r->layout, &frame->ch_layout) == 0;
}

/* Room for n more stereo samples at the queue's end. */
static int reserve(struct resampler *r, int n)
{
    assert(r->start <= r->end && r->end <= r->capacity && n >= 0);
    if (r->start == r->end)
        r->start = r->end = 0;
    if (r->end + n <= r->capacity)
        return 0;
    int waiting = r->end - r->start;
    if (r->start > 0)
        memmove(r->queue, r->queue + (size_t)r->start * AUDIO_CHANNELS,
                (size_t)waiting * AUDIO_CHANNELS * sizeof(float));
    r->start = 0;
    r->end = waiting;
    if (waiting + n <= r->capacity)
        return 0;
    int capacity = waiting + n + 1024;
    float *queue = realloc(r->queue, (size_t)capacity * AUDIO_CHANNELS * sizeof(float));
    if (!queue)
        return -ENOMEM;
    r->queue = queue;
    r->capacity = capacity;
    return 0;
}

static int convert(struct resampler *r, const uint8_t **in, int n_in)
{
    int room = swr_get_out_samples(r->swr, n_in);
    if (room < 0)
        return -EBADMSG;
    int e = reserve(r, room + 32);
    if (e < 0)
        return e;
    uint8_t *out = (uint8_t *)(r->queue + (size_t)r->end * AUDIO_CHANNELS);
    int n = swr_convert(r->swr, &out, room + 32, in, n_in);
    if (n < 0)
        return -EBADMSG;
    r->end += n;
    r->n_in += n_in;
    r->n_out += n;
    return 0;
}

int resampler_feed(struct resampler *r, const AVFrame *frame, int from, int n)
{
    assert(r->begun && from >= 0 && n <= frame->nb_samples - from);
    bool planar = av_sample_fmt_is_planar(frame->format) != 0;
    int n_planes = planar ? frame->ch_layout.nb_channels : 1;
    int step = av_get_bytes_per_sample(frame->format) * (planar ? 1 : frame->ch_layout.nb_channels);
    const uint8_t *planes[64];
    if (n_planes > 64)
        return -EBADMSG;
    while (n > 0) {
        int piece = n < PIECE_SAMPLES ? n : PIECE_SAMPLES;
        for (int i = 0; i < n_planes; i++)
            planes[i] = frame->extended_data[i] + (ptrdiff_t)from * step;
        int e = convert(r, planes, piece);
        if (e < 0)
            return e;
        from += piece;
        n -= piece;
    }
    return 0;
}

int resampler_silence(struct resampler *r, int n)
{
    if (!r->begun)
        return 0;
    if (swr_inject_silence(r->swr, n) < 0)
        return -EBADMSG;
    r->n_in += n;
    return convert(r, NULL, 0);
}

/* The resampler flushes a few samples more or fewer than the ratio says: cut, or fill up. */
static int settle_count(struct resampler *r)
{
    int64_t exact = (r->n_in * AUDIO_RATE + r->rate - 1) / r->rate;
    int missing = (int)(exact - r->n_out);
    if (missing > 0) {
        int e = reserve(r, missing);
        if (e < 0)
            return e;
        memset(r->queue + (size_t)r->end * AUDIO_CHANNELS, 0,
               (size_t)missing * AUDIO_CHANNELS * sizeof(float));
    }
    r->end += missing;
    if (r->end < r->start)
        r->end = r->start;
    return 0;
}

int resampler_finish(struct resampler *r)
{
    if (!r->begun)
        return 0;
    int64_t before;
    do {
        before = r->n_out;
        int e = convert(r, NULL, 0);
        if (e < 0)
            return e;
    } while (r->n_out > before);
    r->begun = false;
    return settle_count(r);
}

int resampler_ready(const struct resampler *r)
{
    return r->end - r->start;
}

void resampler_take(struct resampler *r, float *dst, int n)
{
    assert(n >= 0 && n <= r->end - r->start);
    if (dst && n > 0) /* nothing may have come yet: then there is no queue to copy from */
        memcpy(dst, r->queue + (size_t)r->start * AUDIO_CHANNELS,
               (size_t)n * AUDIO_CHANNELS * sizeof(float));
    r->start += n;
}
