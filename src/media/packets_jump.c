/*
 * Where packets are found by counting, all that lie before would have to be read, over a network as
 * well. Two ways lead past them: another reader that has counted may have left a mark, a packet's
 * number and its byte; and in an MP3 of constant bit rate a packet's number tells its byte,
 * exactly, because a packet never begins more than a byte or so from where it should. HLS is begun
 * at a later segment, where the list tells how many packets lie before it.
 */
#include "media/packets_parts.h"

#include "base/log.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <math.h>

enum {
    BACK_PACKETS = 3,         /* the parser wants some headers before it believes one */
    TRIES = 8,                /* packets looked at after a jump */
    MARK_REACH_PACKETS = 400, /* read from a mark on until the packet that is wanted */
    SLACK_PACKETS = 3,
    SLACK_BYTES = 2,
};

/* What HLS is made of has bytes of its own. */
static bool has_bytes(const struct packets *p)
{
    return source_can_seek(p->source) && !source_is_hls(p->source);
}

bool packets_mark(const struct packets *p, int64_t sample, int64_t *ret_number, int64_t *ret_byte)
{
    if (p->times != DEMUX_TIMES_NONE || p->frame <= 0 || p->is_opus || !has_bytes(p) ||
        p->last - p->first < 3)
        return false;
    int64_t number = p->first_number + (sample + p->lead) / p->frame;
    int64_t i = number - packets_slot(p, p->first)->number;
    if (i < 1 || i + 1 >= (int64_t)(p->last - p->first))
        return false;
    const struct packet *k = packets_slot(p, p->first + (uint32_t)i);
    int64_t before = packets_slot(p, p->first + (uint32_t)i - 1)->byte;
    int64_t behind = packets_slot(p, p->first + (uint32_t)i + 1)->byte;
    if (k->number != number || before < 0 || k->byte <= before || k->byte >= behind)
        return false;
    *ret_number = k->number;
    *ret_byte = k->byte;
    return true;
}

void packets_take_mark(struct packets *p, int64_t number, int64_t byte)
{
    p->mark_number = number;
    p->mark_byte = byte;
}

static bool mark_leads_to(const struct packets *p, int64_t number)
{
    return p->mark_byte >= 0 && p->mark_number <= number &&
           number - p->mark_number <= MARK_REACH_PACKETS && has_bytes(p);
}

/* [bytes] of a packet on average, exactly; 0 if the bit rate is not known to be constant: the
 * number of packets that the container declares must be the one that fits into the bytes, and the
 * packets that are at hand must be of that size. */
static double packet_bytes(const struct packets *p)
{
    const struct demux *d = p->demux;
    int64_t bytes = source_size(p->source) - p->first_byte;
    if (d->par->codec_id != AV_CODEC_ID_MP3 || p->frame <= 0 || d->declared <= 0 ||
        p->first_byte < 0 || bytes <= 0)
        return 0;
    double n = (double)d->declared / (double)p->frame;
    double kbits = 8 * (double)bytes / n / (double)p->frame * d->par->sample_rate / 1000;
    double mean = (double)p->frame / 8 * round(kbits) * 1000 / d->par->sample_rate;
    if (mean < 1 || fabs((double)bytes / mean - n) > SLACK_PACKETS)
        return 0;
    for (uint32_t i = p->first; i != p->last; i++) {
        const struct packet *k = packets_slot(p, i);
        if (k->av && fabs(k->av->size - mean) > SLACK_BYTES)
            return 0;
    }
    return mean;
}

/* The number of a packet found behind a jump, −1 if it is not to be told. `mean` 0: by the mark. */
static int64_t number_of(const struct packets *p, const struct packet *k, double mean)
{
    if (mean == 0)
        return k->byte == p->mark_byte ? p->mark_number : -1;
    double n = (double)(k->byte - p->first_byte) / mean;
    if (k->byte < p->first_byte || fabs(n - round(n)) * mean > SLACK_BYTES ||
        fabs(k->av->size - mean) > SLACK_BYTES)
        return -1;
    return llrint(n);
}

struct landing {
    int64_t number;
    int64_t byte; /* where it begins */
    int64_t next; /* where it ends */
};

/* Looks behind `byte` for a packet whose number can be told. Returns 1, 0 or -EINTR. */
static int land(struct packets *p, int64_t byte, double mean, struct landing *ret)
{
    packets_lose_place(p);
    if (demux_seek_byte(p->demux, byte) < 0)
        return 0;
    for (int i = 0; i < TRIES; i++) {
        p->placing = PLACE_COUNT;
        int r = packets_read_one(p);
        if (r <= 0)
            return r == -EINTR ? r : 0;
        const struct packet *k = packets_slot(p, p->last - 1);
        *ret = (struct landing){ number_of(p, k, mean), k->byte, k->byte + k->av->size };
        packets_drop_all(p);
        if (ret->number >= 0)
            return 1;
    }
    return 0;
}

static int64_t pts_of(const struct packets *p, int64_t number)
{
    const AVStream *st = p->demux->stream;
    double samples = p->first_time + (double)((number - p->first_number) * p->frame);
    return llrint(samples / p->rate / av_q2d(st->time_base));
}

/* Once more, to be before the packet again; of MP3 the demuxer must be told what time it is there,
 * because it cuts the end by it. */
static int go_back_to(struct packets *p, const struct landing *at)
{
    if (p->demux->par->codec_id != AV_CODEC_ID_MP3)
        return demux_seek_byte(p->demux, at->byte);
    return demux_seek_packet(p->demux, at->byte, at->next, pts_of(p, at->number),
                             pts_of(p, at->number + 1));
}

static int jump_to_segment(struct packets *p, int64_t number)
{
    double begin_s, packet_s = (double)p->frame / p->rate;
    if (p->frame <= 0)
        return 0;
    packets_lose_place(p);
    int r = demux_seek_segment(p->demux, ((double)number - 1.5) * packet_s, packet_s, &begin_s);
    if (r > 0) {
        p->placing = PLACE_COUNT;
        r = packets_read_one(p);
    }
    if (r <= 0)
        return r == -EINTR ? r : 0;
    struct packet *first = packets_slot(p, p->last - 1);
    /* A segment with a head of its own has a frame more than its duration tells. */
    if (first->own_skip > 0)
        return 0;
    first->number = llrint(begin_s / packet_s);
    p->next_number = first->number + 1;
    p->cursor = p->last;
    log_debug("packets", "jumped to the segment of packet %lld", (long long)first->number);
    return 1;
}

int packets_jump(struct packets *p, int64_t number)
{
    if (p->demux->by_segment)
        return jump_to_segment(p, number);
    struct landing at;
    double mean = 0;
    int64_t byte = p->mark_byte;
    if (!demux_is_open(p->demux))
        return 0;
    if (!mark_leads_to(p, number)) {
        mean = source_is_remote(p->source) ? packet_bytes(p) : 0;
        if (mean <= 0 || number <= BACK_PACKETS)
            return 0;
        byte = p->first_byte + (int64_t)((double)(number - BACK_PACKETS) * mean) - SLACK_BYTES;
    }
    int r = land(p, byte, mean, &at);
    if (r == 0 && mean == 0)
        p->mark_byte = -1; /* it is none */
    if (r <= 0 || at.number > number)
        return r < 0 ? r : 0;
    if (go_back_to(p, &at) < 0)
        return 0;
    log_debug("packets", "jumped to packet %lld", (long long)at.number);
    p->next_number = at.number;
    return 1;
}
