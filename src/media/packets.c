#include "media/packets_parts.h"

#include "proto/wmsg.h"

#include "base/cleanup.h"
#include "media/opus_head.h"

#include <libavcodec/avcodec.h>
#include <libavutil/intreadwrite.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PACKET_OVERHEAD = 320, /* [bytes] of bookkeeping a kept packet costs */
};

static size_t cost(const struct packet *k)
{
    return k->av ? (size_t)k->av->size + PACKET_OVERHEAD : 0;
}

static void hollow_out(struct packets *p, struct packet *k)
{
    p->kept_bytes -= cost(k);
    av_packet_free(&k->av);
    av_buffer_unref(&k->setup);
}

void packets_drop_first(struct packets *p)
{
    hollow_out(p, packets_slot(p, p->first));
    p->first++;
    if ((int32_t)(p->hollow_until - p->first) < 0)
        p->hollow_until = p->first;
}

void packets_drop_all(struct packets *p)
{
    while (p->first != p->last)
        packets_drop_first(p);
    p->cursor = p->last;
    p->hollow_until = p->last;
}

/* What the packet before tells of the next one is of no use. */
static void leave_neighbours(struct packets *p)
{
    av_packet_unref(p->bundle);
    p->next_raw = PLACE_NOWHERE;
    p->last_byte = -1;
    if (p->clock)
        vorbis_clock_reset(p->clock);
}

void packets_lose_place(struct packets *p)
{
    packets_drop_all(p);
    p->fresh = p->at_end = false;
    p->next_number = -1;
    p->time_shift = 0;
    leave_neighbours(p);
}

/* What is known before anything was decoded. Headers that are broken leave Vorbis without a clock:
 * its decoder will not take them either. Returns 0 or -ENOMEM. */
static int take_facts(struct packets *p)
{
    const AVCodecParameters *par = p->demux->par;
    p->codec = codec_of(par->codec_id);
    p->times = p->demux->times;
    p->rate = par->sample_rate;
    p->survey = (struct survey){ 0 };
    vorbis_clock_free(TAKE_PTR(p->clock));
    if (par->codec_id != AV_CODEC_ID_VORBIS)
        return 0;
    int r = vorbis_clock_new(par->extradata, par->extradata_size, &p->clock);
    return r == -ENOMEM ? r : 0;
}

int packets_open(struct packets *p)
{
    int r = p->demux ? demux_rewind(p->demux) : demux_open(p->source, &p->demux);
    p->lost = r < 0 && r != -EINTR;
    if (r < 0)
        return r;
    const AVCodecParameters *par = p->demux->par;
    p->is_opus = par->codec_id == AV_CODEC_ID_OPUS;
    p->placing = PLACE_LEAD;
    setup_reset(&p->setup);
    p->next_number = 0;
    p->first_byte = -1;
    p->time_shift = 0;
    p->next_sample = 0;
    p->next_skip = p->is_opus ? opus_head_pre_skip(par) : 0;
    p->at_end = false;
    p->fresh = true;
    leave_neighbours(p);
    return p->calibrated ? 0 : take_facts(p);
}

int packets_new(struct source *s, size_t keep_bytes_max, struct packets **ret)
{
    struct packets *p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    p->source = s;
    p->kept_bytes_max = keep_bytes_max;
    p->mark_number = p->mark_byte = -1;
    p->capacity = 64;
    p->kept = calloc(p->capacity, sizeof *p->kept);
    p->bundle = av_packet_alloc();
    int r = p->kept && p->bundle ? packets_open(p) : -ENOMEM;
    if (r < 0) {
        packets_free(p);
        return r;
    }
    const AVCodecDescriptor *desc = avcodec_descriptor_get(p->demux->par->codec_id);
    p->lossless = desc && (desc->props & AV_CODEC_PROP_LOSSLESS) != 0 &&
                  (desc->props & AV_CODEC_PROP_LOSSY) == 0;
    *ret = p;
    return 0;
}

int packets_join_again(struct packets *p)
{
    packets_drop_all(p);
    source_join_again(p->source);
    p->calibrated = false;
    return packets_open(p);
}

void packets_free(struct packets *p)
{
    if (!p)
        return;
    if (p->kept)
        packets_drop_all(p);
    setup_reset(&p->setup);
    vorbis_clock_free(p->clock);
    av_packet_free(&p->bundle);
    demux_free(p->demux);
    free(p->kept);
    free(p);
}

const struct demux *packets_demux(const struct packets *p)
{
    return p->demux;
}

bool packets_new_title(struct packets *p, char title[DEMUX_TITLE_BYTES])
{
    if (!demux_new_title(p->demux, title) || strcmp(title, p->title) == 0)
        return false; /* a source that was opened again says what is known */
    memcpy(p->title, title, sizeof p->title);
    return true;
}

void packets_distrust_times(struct packets *p)
{
    p->times = DEMUX_TIMES_NONE;
    p->grid = 0;
    p->frame = 0;
}

static void read_trims(const struct packets *p, struct packet *k)
{
    size_t size = 0;
    const uint8_t *side = av_packet_get_side_data(k->av, AV_PKT_DATA_SKIP_SAMPLES, &size);
    if (!side || size < 8)
        return;
    k->own_skip = AV_RL32(side);
    k->discard = AV_RL32(side + 4);
    if (k->own_skip > INT32_MAX / 2)
        k->own_skip = 0;
    if (k->discard > INT32_MAX / 2)
        k->discard = 0;
    /* Of Opus a container may tell the rate before it was encoded, and libavformat counts in it. */
    int told = p->demux->stream->codecpar->sample_rate;
    if (p->is_opus && told > 0 && told != p->demux->par->sample_rate)
        k->discard = (uint32_t)av_rescale(k->discard, p->demux->par->sample_rate, told);
}

/* Where all of an Ogg Vorbis stream is on one page, libavformat counts its first block, which
 * yields nothing, and would drop as much too much at the end. */
static void restore_last_block(struct packets *p, struct packet *k)
{
    if (!p->clock || !p->demux->is_ogg)
        return;
    if (setup_is_vorbis_head(p->codec->id, k->av) || k->number == 0) {
        p->link_byte = -1;
        p->link_block = 0;
    }
    if (setup_is_vorbis_sound(k->av) && p->link_byte < 0) {
        p->link_byte = k->byte;
        p->link_block = k->av->duration;
    } else if (k->discard > 0 && k->byte == p->link_byte && p->link_block > 0) {
        int64_t spare = k->discard - p->link_block;
        k->discard = spare > 0 ? (uint32_t)spare : 0;
    }
}

static int grow(struct packets *p)
{
    struct packet *kept = calloc((size_t)p->capacity * 2, sizeof *kept);
    if (!kept)
        return -ENOMEM;
    for (uint32_t i = p->first; i != p->last; i++)
        kept[i & (2 * p->capacity - 1)] = *packets_slot(p, i);
    free(p->kept);
    p->kept = kept;
    p->capacity *= 2;
    return 0;
}

/* A packet may share one large buffer with its neighbours; kept alone it would hold all of it. */
static void own_bytes(AVPacket *av)
{
    if (av->buf && av->buf->size > (size_t)av->size * 2 + 1024) {
        AVBufferRef *buf = av_buffer_alloc((size_t)av->size + AV_INPUT_BUFFER_PADDING_SIZE);
        if (!buf)
            return;
        memcpy(buf->data, av->data, (size_t)av->size);
        memset(buf->data + av->size, 0, AV_INPUT_BUFFER_PADDING_SIZE);
        av_buffer_unref(&av->buf);
        av->buf = buf;
        av->data = buf->data;
    }
}

/* The oldest give their bytes away when too many are held: all before the cursor when the medium is
 * read again anyway. */
static void shed_bytes(struct packets *p)
{
    while (p->hollow_until != p->cursor && (p->lossless || p->kept_bytes > p->kept_bytes_max)) {
        hollow_out(p, packets_slot(p, p->hollow_until));
        p->hollow_until++;
    }
}

/* MP4 does not say in the packet that the last one is cut: its duration does. */
static void trim_last_of_mp4(const struct packets *p, struct packet *k)
{
    const AVStream *st = p->demux->stream;
    int64_t frame = p->is_opus ? k->lasts : p->frame;
    if (frame <= 0 || p->codec->flags & CODEC_ENDS || p->demux->times != DEMUX_TIMES_EXACT ||
        k->discard > 0 || st->time_base.den != p->rate || k->av->duration <= 0 ||
        k->av->duration >= frame || k->number < 0)
        return;
    if (avformat_index_get_entries_count(st) == k->number + 1)
        k->discard = (uint32_t)(frame - k->av->duration);
}

/* A setup of several packets holds from the first of them on. */
static int note_setup(struct packets *p)
{
    uint32_t i = p->last - 1;
    uint32_t n = (uint32_t)setup_look(&p->setup, p->demux->par, p->demux->stream->codecpar,
                                      packets_slot(p, i)->av);
    for (n = n > 0 ? n : 1; n > 0 && i + 1 != p->first; n--, i--) {
        if (av_buffer_replace(&packets_slot(p, i)->setup, p->setup.now) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* A chained stream begins with headers of its own, and its times start over. */
static void note_chain(struct packets *p)
{
    const struct packet *k = packets_slot(p, p->last - 1);
    const struct packet *before = packets_slot(p, p->last - 2);
    bool falls_back = p->demux->is_ogg && p->last - p->first > 1 && before->av &&
                      before->av->pts != AV_NOPTS_VALUE && k->av->pts != AV_NOPTS_VALUE &&
                      k->av->pts < before->av->pts;
    if (falls_back || (k->number > 0 && setup_is_vorbis_head(p->demux->par->codec_id, k->av)))
        packets_distrust_times(p);
}

/* One frame of a packet that holds several; only the first has the packet's time. */
static int read_frame(struct packets *p, AVPacket *av)
{
    AVPacket *bundle = p->bundle;
    if (!(p->codec->flags & CODEC_BUNDLED))
        return demux_read(p->demux, av);
    int r = bundle->size > 0 ? 1 : demux_read(p->demux, bundle);
    if (r <= 0)
        return r;
    int bytes = p->codec->frame_bytes(bundle->data, (size_t)bundle->size);
    if (bytes <= 0 || bytes >= bundle->size) {
        av_packet_move_ref(av, bundle);
        return 1;
    }
    if (av_packet_ref(av, bundle) < 0)
        return -ENOMEM;
    av->size = bytes;
    bundle->data += bytes;
    bundle->size -= bytes;
    bundle->pos += bundle->pos >= 0 ? bytes : 0;
    bundle->pts = bundle->dts = AV_NOPTS_VALUE;
    av->duration = bundle->duration = 0;
    return 1;
}

/* What is missing before a packet is counted as if it were there. */
static void pass_gap(struct packets *p, struct packet *k)
{
    k->gap = llrint(p->demux->hls.gap_s * p->rate);
    if (k->gap > 0 && p->frame > 0 && p->next_number >= 0)
        p->next_number += k->gap / p->frame;
    if (k->gap > 0 && p->placing != PLACE_PTS)
        p->next_sample += k->gap; /* of Opus */
}

int packets_read_one(struct packets *p)
{
    if (p->lost)
        return -EIO;
    if (p->last - p->first == p->capacity && grow(p) < 0)
        return -ENOMEM;
    struct packet k = { .av = av_packet_alloc() };
    if (!k.av)
        return -ENOMEM;
    p->fresh = false;
    int r = demux_is_open(p->demux) ? read_frame(p, k.av) : -EINTR;
    if (r <= 0) {
        p->at_end = r == 0;
        av_packet_free(&k.av);
        return r;
    }
    own_bytes(k.av);
    pass_gap(p, &k);
    k.number = p->next_number >= 0 ? p->next_number++ : -1;
    k.byte = k.av->pos;
    if (k.number == 0)
        p->first_byte = k.byte;
    read_trims(p, &k);
    packets_measure(p, &k);
    restore_last_block(p, &k);
    trim_last_of_mp4(p, &k);
    packets_place(p, &k);
    packets_survey(p, &k);
    *packets_slot(p, p->last) = k;
    p->last++;
    p->kept_bytes += cost(&k);
    note_chain(p);
    return note_setup(p) < 0 ? -ENOMEM : 1;
}

const AVBufferRef *packets_setup(const struct packets *p)
{
    return p->cursor != p->last ? packets_slot(p, p->cursor)->setup : p->setup.now;
}

int packets_next(struct packets *p, struct packet **ret)
{
    if (p->cursor == p->last) {
        int r = p->at_end ? 0 : packets_read_one(p);
        if (r <= 0)
            return r;
    }
    *ret = packets_slot(p, p->cursor++);
    /* The one handed out stays whole; its forerunners may go. */
    p->cursor--;
    shed_bytes(p);
    p->cursor++;
    return 1;
}

bool packets_has_given(const struct packets *p)
{
    return p->cursor != p->first && packets_slot(p, p->cursor - 1)->av;
}

void packets_forget(struct packets *p, int64_t sample)
{
    while (p->cursor - p->first > 1) {
        const struct packet *next = packets_slot(p, p->first + 1);
        if (next->sample < 0 || next->sample > sample)
            break;
        packets_drop_first(p);
    }
}

bool packets_calibrated(const struct packets *p)
{
    return p->calibrated;
}

int64_t packets_first_byte(const struct packets *p)
{
    return p->first_byte;
}

int64_t packets_time_before(const struct packets *p)
{
    const AVStream *st = p->demux->stream;
    if (!st) /* it could not be opened again */
        return 0;
    int64_t begin = st->start_time != AV_NOPTS_VALUE
                        ? av_rescale_q(st->start_time, st->time_base, (AVRational){ 1, p->rate })
                        : 0;
    /* Of Vorbis libavformat has left it out of the duration. */
    bool is_cut = p->demux->is_ogg && st->codecpar->codec_id != AV_CODEC_ID_VORBIS &&
                  begin > p->rate / 2 && begin < WMSG_POS_MAX;
    return (is_cut ? begin : 0) + (p->demux->counts_lead ? p->lead : 0);
}

int64_t packets_lead_samples(const struct packets *p)
{
    return p->lead;
}

size_t packets_kept_bytes(const struct packets *p)
{
    return p->kept_bytes;
}

bool packets_can_seek(const struct packets *p)
{
    if (p->demux->endless)
        return false;
    return source_can_seek(p->source) || source_is_hls(p->source);
}
