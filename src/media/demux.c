#include "media/demux.h"

#include "base/audio.h"
#include "base/clock.h"
#include "base/log.h"
#include "media/containers.h"
#include "media/fiber.h"
#include "media/lav.h"
#include "media/probe.h"

#include <libavcodec/avcodec.h>
#include <libavutil/avstring.h>
#include <libavutil/dict.h>
#include <libavutil/intreadwrite.h>
#include <stdio.h>
#include <string.h>

/* What may be opened at all: containers of sound, and of pictures with sound. Whatever names other
 * files (playlists, concat, sdp), draws text, or is a bare picture has no place here. */
static const char containers[] =
    "libopenmpt,aac,ac3,act,adx,aea,aiff,amr,amrnb,amrwb,ape,aptx,asf,asf_o,ast,au,avi,bfstm,brstm,"
    "caf,codec2,"
    "daud,dff,dsf,dts,dtshd,dv,eac3,flac,gsm,flv,live_flv,gxf,iff,ircam,iss,kvag,loas,lvf,"
    "matroska,webm,mca,mlp,mmf,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mtv,mxf,nistsphere,"
    "nsv,nut,ogg,oma,pvf,qcp,rm,rso,sbc,shn,sln,sox,svs,swf,tak,truehd,tta,ty,vag,voc,vqf,w64,wav,"
    "wsd,wtv,wv,xa,xwma,xvag";

static const char raw_containers[] = "libopenmpt,gsm,aac,ac3,eac3,dts,dtshd,loas,mp3,mlp,truehd,"
                                     "amr,amrnb,amrwb,mpc,mpc8,vqf,asf,asf_o,rm,sbc,nsv,"
                                     "flv,live_flv,shn,aea,adx,act,codec2,gxf,mxf,iss,mpeg";

static const char pcm_containers[] = "wav,w64,aiff,au,caf,voc,avi";

/* Containers that count the encoder's delay into their duration. */
static const char counting_lead[] = "mp3,ogg";

enum {
    BAD_READS_MAX = 1000,
    NAME_BYTES = 8, /* of a container: "RIFF", or MP4's length and "ftyp" */
    PROBE_BYTES = 1 << 20,
    INDEX_BYTES = 256 * 1024,
    STACK_BYTES = 256 * 1024, /* of the fiber; the lists of HLS are read in large buffers */
    IDLE_POLL_MS = 80,        /* who asks again only after this is waiting for time to pass */
    IDLE_WAIT_MS = 250,
};

/* Containers that may have what is needed at the start far behind it. */
static const char remote_seekers[] = "ftyp,moov,mdat,free,skip,wide,pnot";

static int refuse_nested(struct AVFormatContext *context, AVIOContext **io, const char *url,
                         int flags, AVDictionary **options)
{
    log_debug("demux", "a medium names another one, which is refused");
    return AVERROR(EPERM);
}

/* Asked between packets, and every tenth of a second by who waits for a live list to grow: that one
 * is made to wait here, where a command is heard at once. */
static int interrupted(void *arg)
{
    struct demux *d = arg;
    uint64_t now_ns = clock_now_ns();
    bool waits = now_ns - d->polled_ns >= IDLE_POLL_MS * NS_PER_MS;
    int r = waits && d->polled_ns != 0 ? source_pause(d->source, IDLE_WAIT_MS) : 0;
    d->polled_ns = clock_now_ns();
    return r < 0 || source_gave_up(d->source) || source_is_lost(d->source);
}

/* While a remote source is being opened, each look at another place would cost a request: only
 * those containers look that cannot do without. */
static bool may_look_around(struct demux *d, AVIOContext *io)
{
    uint8_t p[CONTAINER_BEGIN_BYTES];
    char name[5] = "";
    int n = avio_read(io, p, NAME_BYTES);
    int more = n > 0 ? (int)FFMIN(io->buf_end - io->buf_ptr, (int)sizeof p - n) : 0;
    if (more > 0) /* what is in the buffer costs nothing */
        n += avio_read(io, p + n, more);
    if (avio_seek(io, 0, SEEK_SET) != 0 || n < NAME_BYTES)
        return false;
    container_ogg_read_beginning(p, (size_t)n, &d->beginning);
    memcpy(name, memcmp(p, "RIFF", 4) == 0 ? p : p + 4, 4);
    return strcmp(name, "RIFF") == 0 || av_match_list(name, remote_seekers, ',') != 0;
}

static void prepare_remote(AVFormatContext *c, struct demux *d)
{
    c->opaque = &d->hls.host;
    if (!source_can_seek(d->source))
        c->max_ts_probe = 1; /* at its own pace fifty packets would take a second */
    if (!source_is_hls(d->source)) {
        c->pb->seekable = source_can_seek(d->source) && may_look_around(d, c->pb);
        c->flags |= AVFMT_FLAG_IGNIDX; /* MP4: no look behind the media for more of it */
        return;
    }
    c->pb->seekable = 0;
    c->io_open = nested_open;
    c->io_close2 = nested_close;
    c->interrupt_callback = (AVIOInterruptCB){ .callback = interrupted, .opaque = d };
    d->polled_ns = 0;
}

static AVFormatContext *new_context(struct demux *d)
{
    struct source *s = d->source;
    AVFormatContext *c = avformat_alloc_context();
    if (!c)
        return NULL;
    c->pb = d->hls.list ? segments_io(d->hls.list) : source_rewind(s);
    c->format_whitelist =
        source_is_hls(s) ? av_asprintf("%s,hls", containers) : av_strdup(containers);
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
    if (source_is_remote(s))
        prepare_remote(c, d);
    return c;
}

/* Its connections are ours, and what it may open is decided elsewhere. */
static AVDictionary *hls_options(void)
{
    AVDictionary *o = NULL;
    (void)av_dict_set(&o, "http_persistent", "0", 0);
    (void)av_dict_set(&o, "http_multiple", "0", 0);
    (void)av_dict_set(&o, "extension_picky", "0", 0);
    (void)av_dict_set(&o, "allowed_extensions", "ALL", 0);
    (void)av_dict_set(&o, "allowed_segment_extensions", "ALL", 0);
    return o;
}

/* `format`: its name, or NULL: to be found out. */
static int open_input(struct demux *d, const char *format, AVFormatContext **c)
{
    if (!source_is_hls(d->source))
        return avformat_open_input(c, NULL,
                                   format ? av_find_input_format(format)
                                          : probe_format(d->source, (*c)->pb, PROBE_BYTES),
                                   NULL);
    AVDictionary *options = hls_options();
    int r = avformat_open_input(c, source_url(d->source), av_find_input_format("hls"), &options);
    av_dict_free(&options);
    return r;
}

static bool is_cover(const AVStream *st)
{
    return (st->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0;
}

static int refuse(struct demux *d, const char *why)
{
    if (why)
        source_refuse(d->source, why);
    return -EBADMSG;
}

/* All but the one stream is thrown away while still in the container. */
static int choose_stream(struct demux *d)
{
    int best = av_find_best_stream(d->context, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
    if (best == AVERROR_STREAM_NOT_FOUND && d->context->nb_streams > 0)
        return refuse(d, "there is no audio in it");
    if (best < 0)
        return -EBADMSG;
    for (unsigned i = 0; i < d->context->nb_streams; i++) {
        AVStream *st = d->context->streams[i];
        if ((int)i != best || is_cover(st))
            st->discard = AVDISCARD_ALL;
    }
    d->stream = d->context->streams[best];
    if (probe_is_encrypted(d->source, d->context, d->stream))
        return refuse(d, PROBE_ENCRYPTED);
    if (avcodec_parameters_copy(d->own_par, d->stream->codecpar) < 0)
        return -ENOMEM;
    d->par = d->own_par;
    if (d->par->codec_id == AV_CODEC_ID_OPUS)
        d->own_par->sample_rate = AUDIO_RATE; /* what a container says is where it came from */
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

/* HLS in which libavformat's seek cannot be believed: where times start over or something is
 * missing, of bare frames, and of MP4, where it takes the first segment behind a seek for one
 * before the start, and finds nothing up to the end of the list. */
static bool seeks_by_segment(const struct demux *d)
{
    return is_one_of(d->context, "hls") &&
           (d->hls.is_torn || d->hls.has_gaps || hls_is_bare(d->stream) ||
            av_dict_get(d->stream->metadata, "major_brand", NULL, 0));
}

static enum demux_times judge_times(const struct demux *d)
{
    AVRational tb = d->stream->time_base;
    if (is_one_of(d->context, "hls") && hls_is_bare(d->stream))
        return DEMUX_TIMES_NONE;
    if (is_one_of(d->context, raw_containers) || d->par->codec_id == AV_CODEC_ID_SPEEX)
        return DEMUX_TIMES_NONE;
    if (demux_is_coded(d))
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
    if (source_is_remote(d->source) &&
        d->context->duration_estimation_method != AVFMT_DURATION_FROM_BITRATE)
        d->declared = d->guessed;
    if (d->endless)
        d->guessed = d->declared = -1;
}

/* To read on for a duration is of use where the end can be looked at. */
static bool knows_enough(const struct demux *d)
{
    const AVFormatContext *c = d->context;
    bool has_end = !source_is_remote(d->source) || source_can_seek(d->source);
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
    return n_audio > 0 && (c->duration != AV_NOPTS_VALUE || !has_end);
}

static int open_context(struct demux *d)
{
    const char *format;
    int r = source_find_start(d->source, &format);
    if (r < 0)
        return r;
    AVFormatContext *c = new_context(d);
    if (!c)
        return -ENOMEM;
    r = open_input(d, format, &c); /* frees c when it fails */
    if (r == AVERROR_EXIT)
        return -EINTR;
    if (r == AVERROR_INVALIDDATA && !source_is_hls(d->source))
        return refuse(d, probe_why_not(d->source));
    if (r < 0)
        return lav_errno(r);
    d->context = c;
    if (c->probe_score > 0 && c->probe_score < PROBE_SCORE_MIN)
        return -EBADMSG;
    for (unsigned i = 0; i < c->nb_streams; i++) {
        if (c->streams[i]->codecpar->codec_type != AVMEDIA_TYPE_AUDIO)
            c->streams[i]->discard = AVDISCARD_ALL;
    }
    if (!knows_enough(d)) {
        r = avformat_find_stream_info(c, NULL);
        if (r < 0)
            return r == AVERROR_EXIT ? -EINTR : lav_errno(r);
    }
    r = choose_stream(d);
    if (r < 0)
        return r;
    if (source_is_remote(d->source) && source_can_seek(d->source))
        c->pb->seekable = AVIO_SEEKABLE_NORMAL;
    if (d->hls.is_cut) /* the same, but shorter */
        return 0;
    d->times = judge_times(d);
    d->by_segment = seeks_by_segment(d);
    d->is_ogg = is_one_of(c, "ogg");
    d->endless = source_is_live(d->source) || (c->ctx_flags & AVFMTCTX_UNSEEKABLE) != 0;
    note_duration(d);
    /* Of a fragmented file the header knows nothing, and the index grows. */
    if (is_one_of(c, "mov,mp4") && d->stream->nb_frames > 0)
        d->n_indexed = avformat_index_get_entries_count(d->stream);
    return 0;
}

/* What stops in the middle of a packet must be gone through to its end before anything else.
 * Returns true if there was such a thing. */
static bool leave_fiber(struct demux *d)
{
    if (!d->fiber || !fiber_is_busy(d->fiber))
        return false;
    source_set_aborting(d->source, true);
    source_set_fiber(d->source, d->fiber);
    while (!fiber_run(d->fiber))
        ;
    source_set_fiber(d->source, NULL);
    source_set_aborting(d->source, false);
    av_packet_unref(d->read);
    return true;
}

static void close_context(struct demux *d)
{
    (void)leave_fiber(d);
    avformat_close_input(&d->context);
    d->stream = NULL;
    hls_close(&d->hls);
}

/* Opens the source, or d->hls.list in its place. A list may lead to itself, and that has an end. */
static int open_again(struct demux *d)
{
    int r = source_is_hls(d->source) && !d->hls.list ? hls_open(&d->hls) : 0;
    if (r < 0)
        return r;
    source_limit_nested(d->source, DEMUX_OPENS_MAX);
    r = open_context(d);
    source_limit_nested(d->source, -1);
    if (source_gave_up(d->source)) /* it may have made do with half of it */
        r = -EINTR;
    else if (source_is_lost(d->source))
        r = -EIO;
    if (r == 0)
        return 0;
    close_context(d);
    if (r == -ENODATA)
        r = source_failure(d->source)->code != TUTTI_OK ? -EIO : -EBADMSG;
    return r;
}

int demux_rewind(struct demux *d)
{
    close_context(d);
    source_wait_again(d->source);
    return open_again(d);
}

bool demux_is_coded(const struct demux *d)
{
    return is_one_of(d->context, pcm_containers) && !is_pcm(d->par);
}

bool demux_is_open(const struct demux *d)
{
    return d->context != NULL;
}

int demux_open(struct source *s, struct demux **ret)
{
    struct demux *d = calloc(1, sizeof *d);
    if (!d)
        return -ENOMEM;
    d->source = d->hls.host.source = s;
    d->own_par = avcodec_parameters_alloc();
    d->read = av_packet_alloc();
    int r = d->own_par && d->read ? 0 : -ENOMEM;
    if (r == 0 && source_is_remote(s))
        r = fiber_new(STACK_BYTES, &d->fiber);
    if (r == 0)
        r = demux_rewind(d);
    if (r < 0) {
        demux_free(d);
        return r;
    }
    *ret = d;
    return 0;
}

void demux_free(struct demux *d)
{
    if (!d)
        return;
    close_context(d);
    fiber_free(d->fiber);
    avcodec_parameters_free(&d->own_par);
    av_packet_free(&d->read);
    free(d);
}

static int read_packet(struct demux *d, AVPacket *packet)
{
    for (int n_bad = 0;;) {
        int r = av_read_frame(d->context, packet);
        if (source_is_lost(d->source)) { /* a packet may be what was there of one */
            av_packet_unref(packet);
            return -EIO;
        }
        if (r == AVERROR_EXIT)
            return -EINTR;
        if (r < 0 && source_failure(d->source)->code != TUTTI_OK)
            return -EIO; /* an end for want of data is none */
        if (r == AVERROR_EOF)
            return 0;
        /* Behind a broken page or cluster there may be good ones. */
        if (r < 0 && (lav_errno(r) == -EBADMSG || r == AVERROR(EAGAIN)) && ++n_bad < BAD_READS_MAX)
            continue;
        if (r < 0)
            return lav_errno(r);
        bool is_ours = packet->stream_index == d->stream->index;
        if (is_ours && !av_packet_get_side_data(packet, AV_PKT_DATA_ENCRYPTION_INFO, NULL))
            return 1;
        av_packet_unref(packet);
        if (is_ours)
            return refuse(d, PROBE_ENCRYPTED);
    }
}

static void read_in_fiber(void *arg)
{
    struct demux *d = arg;
    d->result = read_packet(d, d->read);
}

int demux_read(struct demux *d, AVPacket *packet)
{
    if (!d->fiber)
        return read_packet(d, packet);
    source_wait_again(d->source);
    if (!fiber_is_busy(d->fiber))
        fiber_begin(d->fiber, read_in_fiber, d);
    for (;;) {
        source_set_fiber(d->source, d->fiber);
        bool done = fiber_run(d->fiber);
        source_set_fiber(d->source, NULL);
        if (done)
            break;
        if (source_wait_more(d->source) < 0)
            return -EINTR;
    }
    av_packet_move_ref(packet, d->read);
    if (d->result > 0 && source_is_hls(d->source))
        hls_note_packet(&d->hls, d->stream, packet);
    return d->result;
}

/* A stream keeps the error of a read that was given up, and says it again at its end. */
static void begin_seek(struct demux *d)
{
    source_wait_again(d->source);
    d->context->pb->error = d->context->pb->eof_reached = 0;
    hls_jump(&d->hls);
}

/* Where a wait was given up, the demuxer may say that it is there all the same. */
static int seek_result(const struct demux *d, int r)
{
    if (r == AVERROR_EXIT || source_gave_up(d->source))
        return -EINTR;
    return r < 0 ? lav_errno(r) : 0;
}

int demux_seek(struct demux *d, int64_t pts)
{
    /* The demuxer of a segment never forgets that a read of it was given up. */
    int r = leave_fiber(d) && source_is_hls(d->source) ? demux_rewind(d) : 0;
    if (r < 0)
        return r;
    begin_seek(d);
    return seek_result(d, avformat_seek_file(d->context, d->stream->index, INT64_MIN, pts, pts, 0));
}

int demux_seek_segment(struct demux *d, double at_s, double grid_s, double *ret_s)
{
    close_context(d);
    source_wait_again(d->source);
    int r = hls_open_at(&d->hls, at_s, grid_s, ret_s);
    if (r <= 0)
        return r;
    r = open_again(d);
    return r < 0 ? r : 1;
}

int demux_look_for_chain(struct demux *d)
{
    uint32_t serial;
    if (!d->is_ogg || !source_is_remote(d->source) || !source_can_seek(d->source) ||
        source_size(d->source) <= 0)
        return 0;
    (void)leave_fiber(d);
    source_wait_again(d->source);
    int r = container_ogg_last_serial(d->source, &serial);
    if (r == -EINTR)
        return r;
    return r == 1 && !container_ogg_begins_with(&d->beginning, serial);
}

int demux_seek_byte(struct demux *d, int64_t byte)
{
    (void)leave_fiber(d);
    begin_seek(d);
    return seek_result(d, av_seek_frame(d->context, d->stream->index, byte, AVSEEK_FLAG_BYTE));
}

int demux_seek_packet(struct demux *d, int64_t byte, int64_t next_byte, int64_t pts,
                      int64_t next_pts)
{
    AVStream *st = d->context->streams[d->stream->index];
    /* libavformat reads on from the last entry of its index; this one must not be the last. */
    if (av_add_index_entry(st, byte, pts, 0, 0, AVINDEX_KEYFRAME) < 0 ||
        av_add_index_entry(st, next_byte, next_pts, 0, 0, AVINDEX_KEYFRAME) < 0)
        return -ENOMEM;
    return demux_seek(d, pts);
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
    const char *station = source_new_title(d->source);
    if (station) {
        d->read_title = true; /* it knows better */
        (void)snprintf(title, DEMUX_TITLE_BYTES, "%s", station);
        return true;
    }
    if (!d->context)
        return false;
    AVStream *st = d->context->streams[d->stream->index];
    /* Only some demuxers call that an update what they find on opening. */
    bool changed = !d->read_title ||
                   (st->event_flags & AVSTREAM_EVENT_FLAG_METADATA_UPDATED) != 0 ||
                   (d->context->event_flags & AVFMT_EVENT_FLAG_METADATA_UPDATED) != 0;
    if (!changed)
        return false;
    d->read_title = true;
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
