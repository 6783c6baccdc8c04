#include "media/track.h"

#include "base/audio.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "media/codecs.h"
#include "media/decode.h"
#include "media/length.h"
#include "media/opus_head.h"
#include "media/resample.h"
#include "media/setup.h"
#include "media/timeline.h"
#include "media/whole.h"
#include "proto/wmsg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HINT_BACK_MS = 500, /* decoder, resampler and encoder are warm by then */
    GAP_MAX_S = 10,
    ERRORS_IN_A_ROW_MAX = 4000,
};

struct track {
    struct source *source;
    struct packets *packets;
    struct decoder *decoder;
    struct resampler *resampler;
    AVCodecParameters *par; /* as the decoder wants them */
    const struct codec *codec;
    struct whole whole;
    struct track_info info;
    struct timeline time;
    /* decoding */
    bool settling; /* no frame since the last track_go */
    bool drained;
    bool heard;
    bool drop_frame;   /* the next frame is made of two streams that do not belong together */
    int64_t sample;    /* [source samples] of the next decoded one */
    int64_t skip_left; /* [source samples] to drop */
    int64_t gap_left;  /* [source samples] of silence before the next frame */
    int64_t feed_from; /* [source samples] the resampler gets nothing before */
    struct packet now; /* place of the packet last sent; its bytes are not ours */
    int n_errors;
    int64_t n_decoded; /* [source samples] in the longest run from the start */
    /* output */
    int64_t out_pos; /* [samples at 48 kHz] of the next sample in the resampler's queue */
    int64_t want;    /* [samples at 48 kHz] of the next sample read */
    int64_t end;     /* −1 unknown */
    int64_t read_byte, read_sample; /* of the packet last seen whose places are known; −1 */
    bool guesses; /* `end` is only what the container estimates: good until the next place */
};

static void fill_info(struct track *t)
{
    const struct demux *d = packets_demux(t->packets);
    const AVCodecParameters *par = d->par;
    bool opus = par->codec_id == AV_CODEC_ID_OPUS;
    t->info.passable = opus && opus_head_is_plain(par) && !opus_head_has_gain(par);
    t->info.lag =
        t->info.passable ? opus_head_pre_skip(par) % AUDIO_FRAME_SAMPLES : AUDIO_ENCODER_LOOKAHEAD;
    t->info.seekable = packets_can_seek(t->packets);
    t->info.duration = t->whole.chained ? NO_DURATION : length_declared(d, t->source);
    t->info.endless = d->endless;
}

static void refuse_codec(struct track *t)
{
    char why[128];
    (void)snprintf(why, sizeof why, "its audio is %s, which cannot be decoded",
                   avcodec_get_name(t->par->codec_id));
    source_refuse(t->source, why);
}

/* All that follows from what the packets are. */
static int open_parts(struct track *t)
{
    whole_look(&t->whole, t->source, packets_demux(t->packets));
    if (t->whole.chained)
        packets_distrust_times(t->packets);
    t->codec = codec_of(packets_demux(t->packets)->par->codec_id);
    t->par = avcodec_parameters_alloc();
    if (!t->par || avcodec_parameters_copy(t->par, packets_demux(t->packets)->par) < 0)
        return -ENOMEM;
    int r = decoder_new(t->par, &t->decoder);
    if (r == -EBADMSG)
        refuse_codec(t);
    if (r < 0)
        return r;
    timeline_init(&t->time, t->par->sample_rate);
    fill_info(t);
    return 0;
}

int track_join_again(struct track *t)
{
    int r = packets_join_again(t->packets);
    if (r < 0)
        return r;
    decoder_free(TAKE_PTR(t->decoder));
    avcodec_parameters_free(&t->par);
    return open_parts(t);
}

static void explain(const struct source *s, int r, struct failure *ret)
{
    if (r == -EINTR)
        failure_set(ret, TUTTI_OK, "");
    else if (r == -ENOMEM)
        failure_set(ret, TUTTI_E_INTERNAL, "out of memory");
    else if (source_failure(s)->code != TUTTI_OK)
        *ret = *source_failure(s);
    else if (r != -EBADMSG && r != -ENODATA && r != -EINVAL && source_was_cut(s))
        failure_set(ret, TUTTI_E_SOURCE_FAILED, "the source cannot be read");
    else if (source_size(s) == 0)
        failure_set(ret, TUTTI_E_DECODE_FAILED,
                    source_is_remote(s) ? "the source is empty" : "the file is empty");
    else
        failure_set(ret, TUTTI_E_DECODE_FAILED, error_text(TUTTI_E_DECODE_FAILED));
}

int track_new(struct source *s, size_t keep_bytes_max, struct track **ret,
              struct failure *ret_failure)
{
    struct track *t = calloc(1, sizeof *t);
    if (!t) {
        explain(s, -ENOMEM, ret_failure);
        source_free(s);
        return -ENOMEM;
    }
    t->source = s;
    t->end = t->read_byte = -1;
    int r = source_is_remote(s) ? source_prepare(s) : 0;
    if (r == 0)
        r = packets_new(s, keep_bytes_max, &t->packets);
    if (r == 0)
        r = open_parts(t);
    if (r == 0)
        r = resampler_new(&t->resampler);
    if (r < 0) {
        explain(s, r, ret_failure);
        track_free(t);
        return r;
    }
    *ret = t;
    return 0;
}

void track_free(struct track *t)
{
    if (!t)
        return;
    resampler_free(t->resampler);
    decoder_free(t->decoder);
    avcodec_parameters_free(&t->par);
    packets_free(t->packets);
    source_free(t->source);
    free(t);
}

void track_get_info(const struct track *t, struct track_info *ret)
{
    *ret = t->info;
    ret->endless = ret->endless || source_is_live(t->source); /* that may be found out late */
    if (ret->endless) {
        ret->duration = NO_DURATION;
        ret->seekable = false;
        return;
    }
    bool was_there = t->end >= 0 && t->end <= WMSG_POS_MAX && !t->guesses;
    if (was_there && !track_was_cut(t)) {
        ret->duration = (struct duration){ .samples = t->end, .kind = DURATION_EXACT };
        return;
    }
    int64_t before = packets_time_before(t->packets);
    struct length_progress progress = {
        .first_byte = packets_first_byte(t->packets),
        .byte = t->read_byte,
        .end = source_size(t->source),
        .pos = timeline_pos(&t->time, t->read_sample),
        .before = av_rescale(before, AUDIO_RATE, timeline_rate(&t->time, 0)),
    };
    ret->duration = length_now(&t->info.duration, &progress);
}

struct source *track_source(const struct track *t)
{
    return t->source;
}

struct packets *track_packets(struct track *t)
{
    return t->packets;
}

int64_t track_end(const struct track *t)
{
    return t->end;
}

void track_set_end(struct track *t, int64_t pos)
{
    t->end = pos;
    t->guesses = false;
}

bool track_has_sound(const struct track *t)
{
    return t->heard;
}

static int begin_at(struct track *t, int64_t pos, int64_t feed_from)
{
    int r = decoder_begin(t->decoder, packets_setup(t->packets));
    if (r < 0)
        return r;
    resampler_reset(t->resampler);
    t->settling = true;
    t->drained = false;
    t->drop_frame = false;
    if (t->guesses)
        track_set_end(t, -1);
    t->skip_left = t->gap_left = 0;
    t->feed_from = feed_from;
    t->out_pos = timeline_pos(&t->time, feed_from);
    t->want = pos;
    return 0;
}

/* The rate changes at the next decoded sample. If that is still before what was asked for, the
 * place asked for is another sample than was thought. */
static void change_rate(struct track *t, int rate)
{
    timeline_change_rate(&t->time, t->sample, rate);
    if (t->sample > 0) /* from here on a time is another sample, too */
        packets_distrust_times(t->packets);
    if (t->sample >= t->feed_from)
        return;
    int64_t from = timeline_feed(&t->time, t->want > 0 ? t->want : 0);
    t->feed_from = from > t->sample ? from : t->sample;
    t->out_pos = timeline_pos(&t->time, t->feed_from);
}

/* The place of the first frame after a jump; from here on the count goes on. */
static void settle(struct track *t, const AVFrame *frame)
{
    /* Some decoders know themselves what they put before the first sound. */
    if (t->now.number == 0 && t->now.skip == 0 && t->now.own_skip == 0)
        t->now.own_skip = packets_lead(t->packets, decoder_skip(frame));
    t->settling = false;
    t->sample = t->now.sample;
    t->skip_left = (int64_t)t->now.skip + t->now.own_skip;
    log_debug("track",
              "settled at packet %lld, sample %lld, skip %lld; fed from %lld, out %lld want %lld",
              (long long)t->now.number, (long long)t->sample, (long long)t->skip_left,
              (long long)t->feed_from, (long long)t->out_pos, (long long)t->want);
    bool is_first = !packets_calibrated(t->packets);
    packets_settled(t->packets, frame->nb_samples, frame->sample_rate);
    if (is_first && timeline_rate(&t->time, t->sample) != frame->sample_rate)
        change_rate(t, frame->sample_rate); /* the container was wrong */
}

/* A frame that an edit list leaves out; what is to be skipped may begin in it. */
static void drop_whole(struct track *t, const AVFrame *frame)
{
    if (t->settling)
        packets_drop_lead(t->packets, frame->nb_samples);
    else
        t->skip_left = t->skip_left > frame->nb_samples ? t->skip_left - frame->nb_samples : 0;
}

static int change_params(struct track *t, const AVFrame *frame)
{
    int r = resampler_finish(t->resampler);
    if (r == 0 && timeline_rate(&t->time, t->sample) != frame->sample_rate)
        change_rate(t, frame->sample_rate);
    return r < 0 ? r : resampler_begin(t->resampler, frame);
}

static int feed(struct track *t, const AVFrame *frame, int from, int n)
{
    int64_t early = t->feed_from - t->sample;
    t->sample += n;
    if (early >= n)
        return 0;
    int drop = early > 0 ? (int)early : 0;
    return resampler_feed(t->resampler, frame, from + drop, n - drop);
}

/* [source samples] missing before a packet: as a list says, or lost in a broken one of Opus. */
static int64_t gap_before(const struct track *t, const struct packet *k)
{
    int64_t lost = t->par->codec_id == AV_CODEC_ID_OPUS ? k->sample - t->sample : 0;
    return lost > k->gap && lost <= GAP_MAX_S * AUDIO_RATE ? lost : k->gap;
}

/* A second or so at a time: a list may say anything. */
static int feed_gap(struct track *t)
{
    int64_t n = t->gap_left < AUDIO_RATE ? t->gap_left : AUDIO_RATE;
    int64_t early = t->feed_from > t->sample ? t->feed_from - t->sample : 0;
    t->gap_left -= n;
    t->sample += n;
    return early < n ? resampler_silence(t->resampler, (int)(n - early)) : 0;
}

static int take_frame(struct track *t, const AVFrame *frame)
{
    if (frame->flags & AV_FRAME_FLAG_DISCARD) {
        drop_whole(t, frame);
        return 0;
    }
    if (t->drop_frame) {
        t->drop_frame = false;
        return 0;
    }
    /* Drained, some decoders yield something although they were given nothing. And what has no
     * place waits for a packet that has one. */
    if (t->settling && (!packets_has_given(t->packets) || t->now.sample < 0))
        return 0;
    if (t->settling) {
        settle(t, frame);
        if (t->sample > t->feed_from) {
            /* Not early enough after all: begin on the grid from here. */
            log_debug("track", "a seek landed late");
            t->feed_from = t->sample;
            t->out_pos = timeline_pos(&t->time, t->sample);
        }
    }
    t->heard = true;
    int from = 0;
    int n = frame->nb_samples;
    if (t->skip_left > 0) {
        int skip = t->skip_left < n ? (int)t->skip_left : n;
        t->skip_left -= skip;
        from += skip;
        n -= skip;
    }
    int discard = t->now.discard < (uint32_t)n ? (int)t->now.discard : n;
    n -= discard;
    t->now.discard -= (uint32_t)discard;
    if (n <= 0)
        return 0;
    if (!resampler_fits(t->resampler, frame)) {
        int r = change_params(t, frame);
        if (r < 0)
            return r;
    }
    return feed(t, frame, from, n);
}

static void note_progress(struct track *t, const struct packet *k)
{
    whole_note_packet(&t->whole, k);
    if (k->byte >= 0 && k->sample >= 0) {
        t->read_byte = k->byte;
        t->read_sample = k->sample;
    }
}

static int send_next(struct track *t)
{
    struct packet *k;
    int r = packets_next(t->packets, &k);
    if (r < 0 && source_is_remote(t->source))
        return r; /* nobody asked for it any more, or the source failed: that is no end */
    if (r < 0) {
        log_info("track", "reading ended early: %s", strerror(-r));
        whole_note_fault(&t->whole);
    }
    if (r <= 0) {
        (void)decoder_send(t->decoder, NULL, NULL);
        t->drained = true;
        return 0;
    }
    if (!t->settling)
        t->gap_left = gap_before(t, k);
    if (!t->settling && k->sample < 0) {
        k->sample = t->sample + t->gap_left;
        k->skip = (uint32_t)t->skip_left;
    }
    note_progress(t, k);
    t->now = *k;
    /* The decoder would blend the first packet of a chained stream with the last one before it. */
    t->drop_frame = t->drop_frame || setup_is_vorbis_head(t->par->codec_id, k->av);
    t->skip_left += t->settling ? 0 : k->own_skip;
    if (k->av->size == 0)
        return 0;
    r = decoder_send(t->decoder, k->av, k->setup);
    if (r == -ENOMEM)
        return r;
    if (r < 0 && ++t->n_errors > ERRORS_IN_A_ROW_MAX && !t->heard)
        return -EBADMSG;
    return 0;
}

static int decode_more(struct track *t)
{
    AVFrame *frame;
    if (t->gap_left > 0)
        return feed_gap(t);
    int r = decoder_receive(t->decoder, &frame);
    if (r == 1) {
        t->n_errors = 0;
        r = take_frame(t, frame);
        return r == -EBADMSG ? 0 : r; /* channels that nobody can mix: passed over */
    }
    if (r == -ENODATA)
        return -ENODATA;
    if (r == -EBADMSG)
        return ++t->n_errors > ERRORS_IN_A_ROW_MAX ? -EBADMSG : 0;
    return send_next(t);
}

static int finish(struct track *t)
{
    int r = resampler_finish(t->resampler);
    if (r < 0)
        return r;
    if (!t->settling) /* else nothing came: we are behind the end, wherever it is */
        track_set_end(t, timeline_pos(&t->time, t->sample));
    return 0;
}

int track_calibrate(struct track *t)
{
    if (packets_calibrated(t->packets))
        return 0;
    int r = packets_go(t->packets, 0, 0);
    if (r < 0)
        return r;
    r = begin_at(t, 0, 0);
    if (r < 0)
        return r;
    while (t->settling && !t->drained) {
        r = decode_more(t);
        if (r < 0)
            return r == -ENODATA ? 0 : r;
    }
    return 0;
}

/* [samples of the source] */
static int64_t warm_up_samples(const struct track *t, int64_t sample)
{
    return (int64_t)timeline_rate(&t->time, sample) * t->codec->warm_up_ms / 1000;
}

int track_go(struct track *t, int64_t pos)
{
    int64_t target = pos > 0 ? pos : 0;
    if (target > AUDIO_RATE) {
        int r = track_calibrate(t);
        if (r < 0)
            return r;
    }
    int64_t feed_from = timeline_feed(&t->time, target);
    int r = packets_go(t->packets, feed_from, warm_up_samples(t, feed_from));
    if (r < 0)
        return r;
    return begin_at(t, pos, feed_from);
}

/* Fills the queue up to n samples from `want` on. Returns how many there are. */
static int fill(struct track *t, int n)
{
    for (;;) {
        int ready = resampler_ready(t->resampler);
        if (t->out_pos < t->want && ready > 0) {
            int64_t late = t->want - t->out_pos;
            int drop = late < ready ? (int)late : ready;
            resampler_take(t->resampler, NULL, drop);
            t->out_pos += drop;
            continue;
        }
        if (ready >= n)
            return n;
        if (t->end >= 0 && t->drained && !resampler_ready(t->resampler))
            return 0;
        int r = t->drained && t->end >= 0 ? -ENODATA : decode_more(t);
        if (r == -ENODATA) {
            r = finish(t);
            ready = resampler_ready(t->resampler);
            if (r == 0 && (ready == 0 || t->out_pos >= t->want))
                return ready < n ? ready : n;
        }
        if (r < 0)
            return r;
    }
}

int track_read(struct track *t, float *dst, int n)
{
    int done = 0;
    while (done < n && t->want < 0) {
        dst[2 * done] = dst[2 * done + 1] = 0;
        done++;
        t->want++;
    }
    if (t->out_pos > t->want && done < n) { /* landed late: silence rather than a shift */
        int64_t gap = t->out_pos - t->want;
        int zeros = gap < n - done ? (int)gap : n - done;
        memset(dst + (size_t)done * 2, 0, (size_t)zeros * 2 * sizeof(float));
        done += zeros;
        t->want += zeros;
    }
    if (done == n)
        return n;
    int got = fill(t, n - done);
    if (got < 0)
        return got;
    resampler_take(t->resampler, dst + (size_t)done * 2, got);
    t->out_pos += got;
    t->want += got;
    return done + got;
}

void track_note_passed(struct track *t, const struct packet *k)
{
    t->heard = true;
    note_progress(t, k);
    packets_settled(t->packets, AUDIO_FRAME_SAMPLES, AUDIO_RATE);
}

struct ring_hint track_hint(const struct track *t, int64_t pos)
{
    struct ring_hint hint = RING_NO_HINT;
    int64_t from = pos - (int64_t)AUDIO_RATE * HINT_BACK_MS / 1000;
    if (from > 0)
        packets_mark(t->packets, timeline_sample(&t->time, from), &hint.packet, &hint.byte);
    return hint;
}

void track_take_hint(struct track *t, const struct ring_hint *hint)
{
    if (hint->byte >= 0 && hint->packet >= 0)
        packets_take_mark(t->packets, hint->packet, hint->byte);
}

void track_forget(struct track *t, int64_t pos)
{
    int64_t feed_from = timeline_feed(&t->time, pos);
    packets_forget(t->packets, feed_from - warm_up_samples(t, feed_from));
}

int track_find_end(struct track *t)
{
    int64_t duration = t->info.duration.samples;
    /* Nobody reads all of a remote source only to know where it ends. */
    if (t->end < 0 && source_is_remote(t->source)) {
        t->end = duration > 0 ? duration : 0;
        t->guesses = true;
    }
    int64_t from = duration > 4 * AUDIO_RATE ? duration - 4 * AUDIO_RATE : 0;
    while (t->end < 0) {
        float samples[480 * AUDIO_CHANNELS];
        int r = track_go(t, from);
        while (r >= 0 && (r = track_read(t, samples, 480)) == 480)
            ;
        if (r < 0)
            return r;
        if (from == 0 && t->end < 0)
            t->end = 0;
        from = 0; /* nothing was there: the container is wrong about its duration */
    }
    return 0;
}

bool track_was_cut(const struct track *t)
{
    int64_t n_audible = timeline_sample(&t->time, t->end) + packets_lead_samples(t->packets);
    return whole_was_cut(&t->whole, t->source, n_audible);
}
