#include "media/whole.h"

#include "media/codecs.h"
#include "media/containers.h"

#include <libavutil/avstring.h>

/* Containers whose number of samples is a promise, to the sample. */
static const char promising[] = "flac,wav,w64,aiff,au,caf,wv,tta,ape,tak,mp3";

enum {
    MP3_SLACK_FRAMES = 3, /* writers count the information frame, or do not */
    MP3_FRAME_SAMPLES = 1152,
    REMOTE_SLACK_PART = 4, /* of a second: durations are rounded, and count padding or do not */
};

static void take_promise(struct whole *w, const struct source *s, const struct demux *d)
{
    const AVCodecParameters *par = d->par;
    w->declared = -1;
    if (!av_match_list(d->context->iformat->name, promising, ',') || d->declared < 0 ||
        demux_is_coded(d))
        return;
    int bytes = av_get_bits_per_sample(par->codec_id) * par->ch_layout.nb_channels / 8;
    int64_t size;
    if (bytes > 0 && (__builtin_mul_overflow(d->declared, bytes, &size) ||
                      container_is_placeholder(size, source_size(s))))
        return;
    w->declared = d->declared;
    w->slack = par->codec_id == AV_CODEC_ID_MP3 ? MP3_SLACK_FRAMES * MP3_FRAME_SAMPLES
                                                : par->sample_rate / 1000;
}

static bool index_points_outside(const struct source *s, const AVStream *st)
{
    for (int i = avformat_index_get_entries_count(st) - 1; i >= 0; i--) {
        const AVIndexEntry *e = avformat_index_get_entry((AVStream *)st, i);
        if (e && e->pos + e->size > source_size(s))
            return true;
    }
    return false;
}

void whole_look(struct whole *w, struct source *s, const struct demux *d)
{
    const char *name = d->context->iformat->name;
    *w = (struct whole){ .codec = d->par->codec_id, .declared = -1, .last_number = -1 };
    if (source_is_remote(s)) {
        w->remote = true;
        w->declared = d->declared;
        w->slack = d->par->sample_rate / REMOTE_SLACK_PART;
        return;
    }
    if (source_size(s) <= 0)
        return;
    take_promise(w, s, d);
    if (av_match_list(name, "ogg", ','))
        w->short_file = container_ogg_is_short(s, &w->chained);
    else if (av_match_list(name, "matroska,webm", ','))
        w->short_file = container_ebml_is_short(s);
    else if (av_match_list(name, "mov,mp4,m4a,3gp", ','))
        w->short_file = container_boxes_are_short(s) || index_points_outside(s, d->stream);
    else if (av_match_list(name, "asf", ','))
        w->short_file = container_asf_is_short(s);
    else if (av_match_list(name, "wav,avi,aiff", ','))
        w->short_file = container_iff_is_short(s);
}

void whole_note_packet(struct whole *w, const struct packet *k)
{
    const AVPacket *av = k->av;
    if (k->number > w->last_number || k->number < 0) {
        w->trimmed += k->discard;
        w->last_number = k->number;
    }
    const struct codec *codec = codec_of(w->codec);
    if (codec->frame_bytes && av->size > 0)
        w->last_partial = codec->frame_bytes(av->data, (size_t)av->size) > av->size;
}

void whole_note_fault(struct whole *w)
{
    w->fault = true;
}

bool whole_was_cut(const struct whole *w, const struct source *s, int64_t n_audible)
{
    if (w->remote && !source_end_is_open(s))
        return source_was_cut(s);
    if (w->fault || w->short_file || w->last_partial || source_was_cut(s))
        return true;
    return w->declared >= 0 && n_audible + w->trimmed + w->slack < w->declared;
}
