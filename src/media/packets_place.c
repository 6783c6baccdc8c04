/*
 * Where a packet lies. From the start of a source on packets are counted. Behind a seek the place
 * of the first one is found by the container: by the packet's number where there is an index, or by
 * its time. A time is held against what was counted at the start (the survey), because containers
 * round times, shift them and cut the first one off at 0; and what a codec's packets are multiples
 * of tells a slip of a few samples from a place.
 */
#include "media/flac_frame.h"
#include "media/opus_head.h"
#include "media/packets_parts.h"

#include "base/audio.h"
#include "base/log.h"

#include <libavcodec/avcodec.h>
#include <math.h>
#include <opus.h>
#include <stdlib.h>

/* [samples] Half a century at 768 kHz: what is farther away is no time. */
static const double far_away = 1.2e15;

/* A slip of so small a part of a packet is none of the sound's. */
enum { SLIP_PART = 8 };

/* [samples as they are decoded] */
static double time_of(const struct packets *p, int64_t pts)
{
    AVRational tb = p->demux->stream->time_base;
    return (double)pts * tb.num / tb.den * p->rate;
}

/* [samples] of a packet; −1: only its decoder knows. */
static int64_t lasts(const struct packets *p, const struct packet *k)
{
    return p->frame > 0 ? p->frame : k->lasts;
}

int64_t packets_indexed_samples(const struct packets *p)
{
    if (p->codec->flags & CODEC_BUNDLED)
        return 0;
    return p->frame > 0 ? p->frame : p->survey.equal;
}

static void place_raw(struct packets *p, struct packet *k, int64_t raw)
{
    k->sample = raw >= p->lead ? raw - p->lead : 0;
    k->skip = raw >= p->lead ? 0 : (uint32_t)(p->lead - raw);
    k->own_skip = 0;
    if (k->number < 0 && p->frame > 0 && raw % p->frame == 0)
        k->number = p->first_number + raw / p->frame;
}

static int64_t snap(const struct packets *p, double raw)
{
    double grid = (double)p->grid;
    double on_grid = grid > 0 ? round(raw / grid) * grid : raw;
    bool rounds = p->times == DEMUX_TIMES_COARSE || p->is_opus;
    bool slips = p->frame > 0 && fabs(raw - on_grid) <= grid / SLIP_PART;
    return llrint(rounds || slips ? on_grid : raw);
}

/* Returns PLACE_NOWHERE where the time is none, or beyond belief. */
static int64_t raw_at(const struct packets *p, int64_t pts, int64_t behind)
{
    if (pts == AV_NOPTS_VALUE)
        return PLACE_NOWHERE;
    double raw = time_of(p, pts) + time_of(p, behind) - p->first_time - p->time_shift;
    return fabs(raw) > far_away ? PLACE_NOWHERE : snap(p, raw);
}

double packets_raw_time(const struct packets *p, const struct packet *k)
{
    if (!k->av || k->av->pts == AV_NOPTS_VALUE)
        return NAN;
    return time_of(p, k->av->pts) - p->first_time - p->time_shift;
}

/* In Ogg libavformat goes wrong by the block before, in a packet's time and in how long it lasts,
 * but not in their sum: that is where the next packet begins. */
static void place_vorbis(struct packets *p, struct packet *k)
{
    int64_t raw = p->next_raw;
    if (!p->demux->is_ogg && k->has_own_time)
        raw = raw_at(p, k->av->pts, 0);
    if (p->demux->is_ogg)
        p->next_raw = k->av->duration > 0 ? raw_at(p, k->av->pts, k->av->duration) : PLACE_NOWHERE;
    else
        p->next_raw = raw != PLACE_NOWHERE && k->lasts >= 0 ? raw + k->lasts : PLACE_NOWHERE;
    if (raw != PLACE_NOWHERE)
        place_raw(p, k, raw);
}

static void place_by_container(struct packets *p, struct packet *k)
{
    int64_t raw;
    int64_t equal = packets_indexed_samples(p);
    int64_t number = equal > 0 ? demux_packet_number(p->demux, k->av) : -1;
    if (p->clock) {
        place_vorbis(p, k);
        return;
    }
    if (number >= p->first_number) {
        k->number = p->next_number = number;
        p->next_number++;
        raw = (number - p->first_number) * equal;
    } else if (p->codec->id == AV_CODEC_ID_FLAC) {
        raw = flac_frame_sample(k->av, p->grid);
        if (raw < 0)
            raw = PLACE_NOWHERE;
    } else {
        raw = raw_at(p, k->av->pts, 0);
    }
    if (raw != PLACE_NOWHERE)
        place_raw(p, k, raw);
}

static int64_t opus_duration(const struct packet *k)
{
    int n = opus_packet_get_nb_samples(k->av->data, k->av->size, AUDIO_RATE);
    return n > 0 ? n : 0;
}

void packets_measure(struct packets *p, struct packet *k)
{
    /* Of what one block of Matroska or MPEG-TS holds only the first has a time that the file tells.
     */
    k->has_own_time = p->demux->is_ogg || (k->byte >= 0 && k->byte != p->last_byte);
    p->last_byte = k->byte;
    k->lasts = -1;
    if (p->is_opus)
        k->lasts = opus_duration(k);
    else if (p->clock)
        k->lasts = vorbis_clock_step(p->clock, k->av);
}

/* An Opus packet says how long it is, so that places are known without decoding: a packet that is
 * passed through is never decoded here. */
static void place_opus(struct packets *p, struct packet *k)
{
    if (p->placing == PLACE_PTS) {
        place_by_container(p, k);
        if (k->sample < 0)
            return;
        p->next_sample = k->sample;
        p->next_skip = k->skip;
    }
    p->placing = PLACE_COUNT;
    k->sample = p->next_sample;
    if (k->number == 0)
        k->own_skip = 0; /* in next_skip, whether the container says it or not */
    k->skip = (uint32_t)p->next_skip;
    int64_t drop = k->skip + (int64_t)k->own_skip;
    int64_t n = k->lasts - k->discard;
    p->next_skip = drop > n ? drop - n : 0;
    p->next_sample += n > drop ? n - drop : 0;
}

void packets_place(struct packets *p, struct packet *k)
{
    k->sample = -1;
    if (p->is_opus) {
        place_opus(p, k);
        return;
    }
    switch (p->placing) {
    case PLACE_LEAD:
        k->sample = 0;
        k->skip = (uint32_t)p->next_skip;
        p->next_skip += k->own_skip;
        break;
    case PLACE_PTS:
        place_by_container(p, k);
        break;
    case PLACE_NUMBER:
        place_raw(p, k, (k->number - p->first_number) * p->frame);
        break;
    case PLACE_COUNT:
        break;
    }
}

static int by_size(const void *a, const void *b)
{
    double d = *(const double *)a - *(const double *)b;
    return (d > 0) - (d < 0);
}

/* A time of the pre-skip that is rounded is known better than the container says it. */
static void correct_lead(struct packets *p)
{
    if (fabs(p->first_time + (double)p->lead) <= time_of(p, 1))
        p->first_time = -(double)p->lead;
}

void packets_survey(struct packets *p, const struct packet *k)
{
    struct survey *v = &p->survey;
    int64_t n = lasts(p, k);
    if (!p->calibrated || k->number != v->next_number || v->n == SURVEY_PACKETS)
        return;
    if (n < 0) { /* the place of the next one is not to be told */
        v->next_number = -1;
        return;
    }
    v->raw += k->gap;
    v->equal = v->next_number == p->first_number || v->equal == n ? n : 0;
    if (k->av->pts != AV_NOPTS_VALUE && k->has_own_time)
        v->offsets[v->n++] = time_of(p, k->av->pts) - (double)v->raw;
    v->raw += n;
    v->next_number++;
}

void packets_end_survey(struct packets *p)
{
    struct survey *v = &p->survey;
    if (v->n == 0 || v->is_over)
        return;
    v->is_over = true;
    qsort(v->offsets, (size_t)v->n, sizeof v->offsets[0], by_size);
    log_debug("packets", "survey of %d: %.0f … %.0f … %.0f, first time %.0f", v->n, v->offsets[0],
              v->offsets[v->n / 2], v->offsets[v->n - 1], p->first_time);
    p->first_time = v->offsets[v->n / 2];
    correct_lead(p);
    /* Times that do not go by packets at all lead anywhere. */
    double spread = v->offsets[v->n - 1] - v->offsets[0];
    if (p->times == DEMUX_TIMES_EXACT && p->frame > 0 && spread > (double)p->frame / SLIP_PART &&
        demux_packet_time(p->demux, p->first_number) == AV_NOPTS_VALUE)
        p->times = DEMUX_TIMES_NONE;
}

/* Begun by the packet that yielded the first frame; some that follow it may have been read. */
static void begin_survey(struct packets *p)
{
    p->survey = (struct survey){ .next_number = p->first_number };
    for (uint32_t i = p->first; i != p->last; i++) {
        if (packets_slot(p, i)->av)
            packets_survey(p, packets_slot(p, i));
    }
}

/* [samples] of each packet, of those codecs whose packets are all alike; else 0. `n_samples` are
 * those of the first. */
static int64_t packet_samples(const struct packets *p, const AVPacket *first, int n_samples)
{
    enum AVCodecID id = p->demux->par->codec_id;
    /* A packet of several blocks is decoded block by block. */
    if (id >= AV_CODEC_ID_ADPCM_IMA_QT && id < AV_CODEC_ID_AMR_NB)
        return p->times == DEMUX_TIMES_NONE
                   ? av_get_audio_frame_duration2(p->demux->own_par, first->size)
                   : 0;
    return p->codec->flags & CODEC_EQUAL ? n_samples : 0;
}

/* [samples] the time of the packet that yielded the first frame. */
static double time_of_first(const struct packets *p)
{
    const struct packet *k = packets_slot(p, p->cursor - 1);
    const struct packet *before = packets_slot(p, p->cursor - 2);
    bool by_sum = p->clock && p->demux->is_ogg && p->cursor - p->first > 1 && before->av &&
                  before->av->pts != AV_NOPTS_VALUE && before->av->duration > 0;
    return by_sum ? time_of(p, before->av->pts + before->av->duration) : time_of(p, k->av->pts);
}

static void calibrate(struct packets *p, int n_samples, int rate)
{
    const struct packet *k = packets_slot(p, p->cursor - 1);
    const AVStream *st = p->demux->stream;
    p->calibrated = true;
    p->rate = rate;
    p->first_number = k->number;
    p->lead = k->skip + (int64_t)k->own_skip;
    p->grid = p->codec->grid > 0 ? p->codec->grid : n_samples;
    p->frame = packet_samples(p, k->av, n_samples);
    if (k->av->pts == AV_NOPTS_VALUE) {
        p->times = DEMUX_TIMES_NONE;
        return;
    }
    p->first_time = time_of_first(p);
    correct_lead(p);
    if (p->times == DEMUX_TIMES_EXACT && st->time_base.den % p->rate != 0)
        p->times = DEMUX_TIMES_COARSE;
    if (p->times == DEMUX_TIMES_COARSE && (double)p->grid < 2 * time_of(p, 1) * 0.6)
        p->times = DEMUX_TIMES_NONE;
    if (!p->clock || !p->demux->is_ogg)
        begin_survey(p);
}

void packets_settled(struct packets *p, int n_samples, int rate)
{
    if (p->placing == PLACE_LEAD || (p->is_opus && !p->calibrated)) {
        if (!p->calibrated)
            calibrate(p, n_samples, rate);
    }
    p->placing = PLACE_COUNT;
}

uint32_t packets_lead(struct packets *p, uint32_t skip)
{
    packets_slot(p, p->cursor - 1)->own_skip = skip;
    return skip;
}

void packets_drop_lead(struct packets *p, int n_samples)
{
    if (p->placing == PLACE_LEAD)
        p->next_skip = p->next_skip > n_samples ? p->next_skip - n_samples : 0;
}
