#include "media/demux.h"

#include "base/log.h"
#include "media/lav.h"

#include <libavcodec/avcodec.h>
#include <libavutil/avstring.h>
#include <libavutil/opt.h>
#include <stdio.h>
#include <string.h>

/* What may be opened at all: containers of sound, and of pictures with sound. Whatever names other
 * files (playlists, concat, sdp), draws text, or is a bare picture has no place here. */
static const char containers[] =
    "aac,ac3,act,adx,aea,aiff,amr,amrnb,amrwb,ape,aptx,asf,asf_o,ast,au,avi,bfstm,brstm,caf,codec2,"
    "daud,dff,dsf,dts,dtshd,dv,eac3,flac,flv,live_flv,gxf,iff,ircam,iss,kvag,loas,lvf,"
    "matroska,webm,mca,mlp,mmf,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mtv,mxf,nistsphere,"
    "nsv,nut,ogg,oma,pvf,qcp,rm,rso,sbc,shn,sln,sox,svs,swf,tak,truehd,tta,ty,vag,voc,vqf,w64,wav,"
    "wsd,wtv,wv,xa,xwma,xvag";

static const char raw_containers[] =
    "aac,ac3,eac3,dts,dtshd,loas,mp3,mlp,truehd,amr,amrnb,amrwb,mpc,mpc8,vqf,asf,asf_o,rm,sbc,nsv,"
    "flv,live_flv,shn,aea,adx,act,codec2,gxf,mxf,iss,mpeg";

static const char pcm_containers[] = "wav,w64,aiff,au,caf,voc,avi";

/* Containers that count the encoder's delay into their duration. */
static const char counting_lead[] = "mp3,ogg";

enum {
    BAD_READS_MAX = 1000,
    PROBE_BYTES = 1 << 20,
    PROBE_SCORE_MIN = 5, /* below that a guess is as good as noise */
    INDEX_BYTES = 256 * 1024,
};

static int refuse_nested(struct AVFormatContext *context, AVIOContext **io, const char *url,
                         int flags, AVDictionary **options)
{
    log_debug("demux", "a medium names another one, which is refused");
    return AVERROR(EPERM);
}

static AVFormatContext *new_context(struct source *s)
{
    AVFormatContext *c = avformat_alloc_context();
    if (!c)
        return NULL;
    c->pb = source_rewind(s);
    c->format_whitelist = av_strdup(containers);
    c->protocol_whitelist = av_strdup("none");
    if (!c->pb || !c->format_whitelist || !c->protocol_whitelist) {
        avformat_free_context(c);
        return NULL;
    }
    c->flags |= AVFMT_FLAG_CUSTOM_IO;
    c->io_open = refuse_nested;
    c->probesize = PROBE_BYTES;
    c->format_probesize = PROBE_BYTES;
    c->max_analyze_duration = 5 * AV_TIME_BASE;
    c->max_index_size = INDEX_BYTES;
    c->max_streams = 64;
    c->fps_probe_size = 0;
    return c;
}

static bool is_cover(const AVStream *st)
{
    return (st->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0;
}

/* All but the one stream is thrown away while still in the container. */
static int choose_stream(struct demux *d)
{
    int best = av_find_best_stream(d->context, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
    if (best < 0)
        return -EBADMSG;
    for (unsigned i = 0; i < d->context->nb_streams; i++) {
        AVStream *st = d->context->streams[i];
        if ((int)i != best || is_cover(st))
            st->discard = AVDISCARD_ALL;
    }
    d->stream = d->context->streams[best];
    d->par = d->stream->codecpar;
    if (d->par->sample_rate < 1000 || d->par->sample_rate > 768000 ||
        d->par->ch_layout.nb_channels < 1 || d->par->ch_layout.nb_channels > 64)
        return -EBADMSG;
    return 0;
}

static bool is_one_of(const AVFormatContext *c, const char *names)
{
    return av_match_list(c->iformat->name, names, ',') != 0;
}

static bool is_pcm(const AVCodecParameters *par)
{
    return par->codec_id >= AV_CODEC_ID_PCM_S16LE && par->codec_id < AV_CODEC_ID_ADPCM_IMA_QT;
}

static enum demux_times judge_times(const struct demux *d)
{
    AVRational tb = d->stream->time_base;
    if (is_one_of(d->context, raw_containers) || d->par->codec_id == AV_CODEC_ID_SPEEX)
        return DEMUX_TIMES_NONE;
    if (is_one_of(d->context, pcm_containers) && !is_pcm(d->par))
        return DEMUX_TIMES_NONE; /* seeking lands at a byte, not at a block */
    if (tb.num == 1 && tb.den % d->par->sample_rate == 0)
        return DEMUX_TIMES_EXACT;
    return DEMUX_TIMES_COARSE;
}

static int64_t in_samples(const struct demux *d, int64_t duration, AVRational tb)
{
    if (duration == AV_NOPTS_VALUE || duration <= 0)
        return -1;
    return av_rescale_q(duration, tb, (AVRational){ 1, d->par->sample_rate });
}

static void note_duration(struct demux *d)
{
    d->declared = -1;
    d->counts_lead = is_one_of(d->context, counting_lead);
    d->guessed = in_samples(d, d->stream->duration, d->stream->time_base);
    if (d->guessed < 0)
        d->guessed = in_samples(d, d->context->duration, AV_TIME_BASE_Q);
    else if (d->context->duration_estimation_method == AVFMT_DURATION_FROM_STREAM)
        d->declared = d->guessed;
}

static bool knows_enough(const AVFormatContext *c)
{
    unsigned n_audio = 0;
    for (unsigned i = 0; i < c->nb_streams; i++) {
        const AVCodecParameters *par = c->streams[i]->codecpar;
        if (par->codec_type != AVMEDIA_TYPE_AUDIO)
            continue;
        n_audio++;
        if (par->codec_id == AV_CODEC_ID_NONE || par->sample_rate == 0 ||
            par->ch_layout.nb_channels == 0)
            return false;
    }
    return n_audio > 0 && c->duration != AV_NOPTS_VALUE;
}

static int open_context(struct demux *d)
{
    AVFormatContext *c = new_context(d->source);
    if (!c)
        return -ENOMEM;
    int r = avformat_open_input(&c, NULL, NULL, NULL); /* frees c when it fails */
    if (r < 0)
        return lav_errno(r);
    d->context = c;
    if (c->probe_score < PROBE_SCORE_MIN)
        return -EBADMSG;
    for (unsigned i = 0; i < c->nb_streams; i++) {
        if (c->streams[i]->codecpar->codec_type != AVMEDIA_TYPE_AUDIO)
            c->streams[i]->discard = AVDISCARD_ALL;
    }
    if (!knows_enough(c)) {
        r = avformat_find_stream_info(c, NULL);
        if (r < 0)
            return lav_errno(r);
    }
    r = choose_stream(d);
    if (r < 0)
        return r;
    d->times = judge_times(d);
    note_duration(d);
    return 0;
}

int demux_open(struct source *s, struct demux **ret)
{
    struct demux *d = calloc(1, sizeof *d);
    if (!d)
        return -ENOMEM;
    d->source = s;
    int r = open_context(d);
    if (r < 0) {
        demux_free(d);
        return r == -ENODATA ? -EBADMSG : r;
    }
    *ret = d;
    return 0;
}

void demux_free(struct demux *d)
{
    if (!d)
        return;
    avformat_close_input(&d->context);
    free(d);
}

int demux_read(struct demux *d, AVPacket *packet)
{
    for (int n_bad = 0;;) {
        int r = av_read_frame(d->context, packet);
        if (r == AVERROR_EOF)
            return 0;
        /* Behind a broken page or cluster there may be good ones. */
        if (r < 0 && (lav_errno(r) == -EBADMSG || r == AVERROR(EAGAIN)) && ++n_bad < BAD_READS_MAX)
            continue;
        if (r < 0)
            return lav_errno(r);
        if (packet->stream_index == d->stream->index)
            return 1;
        av_packet_unref(packet);
    }
}

int demux_seek(struct demux *d, int64_t pts)
{
    int r = avformat_seek_file(d->context, d->stream->index, INT64_MIN, pts, pts, 0);
    return r < 0 ? lav_errno(r) : 0;
}

static const char *tag(const struct demux *d, const char *key)
{
    const AVDictionaryEntry *e = av_dict_get(d->stream->metadata, key, NULL, 0);
    if (!e)
        e = av_dict_get(d->context->metadata, key, NULL, 0);
    return e && e->value[0] != '\0' ? e->value : NULL;
}

bool demux_new_title(struct demux *d, char title[DEMUX_TITLE_BYTES])
{
    AVStream *st = d->context->streams[d->stream->index];
    bool changed = (st->event_flags & AVSTREAM_EVENT_FLAG_METADATA_UPDATED) != 0 ||
                   (d->context->event_flags & AVFMT_EVENT_FLAG_METADATA_UPDATED) != 0;
    if (!changed)
        return false;
    st->event_flags &= ~AVSTREAM_EVENT_FLAG_METADATA_UPDATED;
    d->context->event_flags &= ~AVFMT_EVENT_FLAG_METADATA_UPDATED;
    const char *artist = tag(d, "artist");
    const char *name = tag(d, "title");
    if (name)
        (void)snprintf(title, DEMUX_TITLE_BYTES, "%s%s%s", artist ? artist : "",
                       artist ? " - " : "", name);
    /* The Ogg demuxer appends the tags of the next chained stream to these. */
    if (is_one_of(d->context, "ogg"))
        av_dict_free(&st->metadata);
    return name != NULL;
}
