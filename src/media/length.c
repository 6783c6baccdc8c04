#include "media/length.h"

#include "base/audio.h"
#include "media/containers.h"
#include "proto/wmsg.h"

#include <libavcodec/avcodec.h>
#include <libavutil/avstring.h>
#include <libavutil/mathematics.h>

enum {
    TELLING_S = 2, /* of sound: so much of it tells how many bytes a second has */
    COVER_PARTS = 4,
    PAGE_MAX_S = 10, /* of sound in a page */
};

/* Containers whose duration is counted, not estimated, where it is theirs at all. */
static const char counting[] =
    "flac,wav,w64,aiff,au,caf,wv,tta,ape,tak,mp3,ogg,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm";

static bool is_one_of(const struct demux *d, const char *names)
{
    return av_match_list(d->context->iformat->name, names, ',') != 0;
}

/* [samples at 48 kHz] of coded audio in a container of PCM, by its blocks; −1: not to be told so.
 * What such containers count, samples or blocks, nobody agrees upon. */
static int64_t by_blocks(const struct demux *d, const struct source *s)
{
    AVCodecParameters *par = (AVCodecParameters *)d->par; /* it is only read */
    int block = par->block_align;
    int samples = block > 0 ? av_get_audio_frame_duration2(par, block) : 0;
    int64_t bytes = source_size(s);
    if (!demux_is_coded(d) || samples <= 0 || bytes <= 0)
        return -1;
    return av_rescale(bytes / block * samples, AUDIO_RATE, par->sample_rate);
}

/* MP4 in fragments, of which only the first ones were read: nothing behind them is counted. */
static bool is_half_known(const struct demux *d, const struct source *s)
{
    const AVStream *st = d->stream;
    int n = avformat_index_get_entries_count(st);
    const AVIndexEntry *e = n > 0 ? avformat_index_get_entry((AVStream *)st, n - 1) : NULL;
    if (!e || !is_one_of(d, "mov,mp4,m4a,3gp,3g2,mj2") || st->duration <= 0 || source_size(s) <= 0)
        return false;
    int64_t covered = e->pos + e->size;
    bool has_more = covered < source_size(s) - source_size(s) / COVER_PARTS;
    return has_more && st->duration - e->timestamp < st->duration / COVER_PARTS;
}

/* FLAC in a piece of Ogg that was cut out of a longer stream: libavformat counts from the beginning
 * of that. */
static bool is_piece(const struct demux *d, struct source *s)
{
    return d->is_ogg && d->par->codec_id == AV_CODEC_ID_FLAC && source_size(s) > 0 &&
           container_ogg_first_granule(s) > (int64_t)PAGE_MAX_S * d->par->sample_rate;
}

/* A container may say anything: what is no duration is unknown. */
struct duration length_declared(const struct demux *d, struct source *s)
{
    bool is_rate = d->context->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE;
    int64_t n = d->guessed >= 0 ? av_rescale(d->guessed, AUDIO_RATE, d->par->sample_rate) : -1;
    int64_t blocks = by_blocks(d, s);
    bool is_wrong = blocks > 0 && (n > blocks + blocks / 4 || n < blocks - blocks / 4);
    if (is_wrong)
        n = blocks;
    /* A nominal bit rate, as of Vorbis, is not even near. */
    if (n < 0 || n > WMSG_POS_MAX || d->endless || (d->is_ogg && is_rate) || is_half_known(d, s) ||
        is_piece(d, s))
        return NO_DURATION;
    bool counts = is_one_of(d, counting) && !demux_is_coded(d) && !is_rate;
    return (struct duration){ n, counts ? DURATION_EXACT : DURATION_ESTIMATED };
}

/* [samples at 48 kHz] by the bytes that a second has had so far; −1: not to be told yet. */
static int64_t by_bytes(const struct length_progress *p)
{
    int64_t read = p->byte - p->first_byte;
    if (p->first_byte < 0 || p->byte < 0 || read <= 0 || p->end <= p->byte ||
        p->pos < TELLING_S * AUDIO_RATE)
        return -1;
    int64_t n = av_rescale(p->pos, p->end - p->first_byte, read);
    return n <= WMSG_POS_MAX ? n : -1;
}

struct duration length_now(const struct duration *declared, const struct length_progress *p)
{
    struct duration now = *declared;
    int64_t guess = now.kind == DURATION_EXACT ? -1 : by_bytes(p);
    if (guess >= 0)
        return (struct duration){ .samples = guess, .kind = DURATION_ESTIMATED };
    if (now.samples > 0)
        now.samples = now.samples > p->before ? now.samples - p->before : 0;
    return now;
}
