/*
 * MP3 has no index, and its packets are counted from the start, which over a network means that all
 * of them are read. Where the bit rate is constant a packet's number tells its byte, and a byte the
 * number: exact, because a packet never begins more than a byte or so from where it should.
 */
#include "media/packets_parts.h"

#include "base/log.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <math.h>

enum {
    BACK_PACKETS = 3, /* the parser wants some headers before it believes one */
    TRIES = 8,        /* packets looked at after a jump */
    SLACK_PACKETS = 3,
    SLACK_BYTES = 2,
};

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

/* The number of the packet that begins at `byte`; −1: none does. */
static int64_t number_at(const struct packets *p, int64_t byte, double mean)
{
    double n = (double)(byte - p->first_byte) / mean;
    if (byte < p->first_byte || fabs(n - round(n)) * mean > SLACK_BYTES)
        return -1;
    return llrint(n);
}

/* Looks behind `byte` for a packet that begins where one must. Returns 1 with its place, 0 or
 * -EINTR.
 */
static int find_packet(struct packets *p, int64_t byte, double mean, int64_t *ret_number,
                       int64_t *ret_byte, int64_t *ret_next)
{
    packets_drop_all(p);
    p->fresh = p->at_end = false;
    p->next_number = -1;
    if (demux_seek_byte(p->demux, byte) < 0)
        return 0;
    for (int i = 0; i < TRIES; i++) {
        p->placing = PLACE_COUNT;
        int r = packets_read_one(p);
        if (r <= 0)
            return r == -EINTR ? r : 0;
        const struct packet *k = packets_slot(p, p->last - 1);
        *ret_number = number_at(p, k->byte, mean);
        *ret_byte = k->byte;
        *ret_next = k->byte + k->av->size;
        bool fits = *ret_number >= 0 && fabs(k->av->size - mean) <= SLACK_BYTES;
        packets_drop_all(p);
        if (fits)
            return 1;
    }
    return 0;
}

static int64_t pts_of(const struct packets *p, int64_t number)
{
    const AVStream *st = p->demux->stream;
    double samples = p->first_time + (double)((number - p->first_number) * p->frame);
    return llrint(samples / p->demux->par->sample_rate / av_q2d(st->time_base));
}

int packets_jump(struct packets *p, int64_t number)
{
    int64_t n, byte, next;
    double mean = source_is_remote(p->source) && demux_is_open(p->demux) ? packet_bytes(p) : 0;
    if (mean <= 0 || number <= BACK_PACKETS)
        return 0;
    byte = p->first_byte + (int64_t)((double)(number - BACK_PACKETS) * mean) - SLACK_BYTES;
    int r = find_packet(p, byte, mean, &n, &byte, &next);
    if (r <= 0 || n > number)
        return r < 0 ? r : 0;
    /* Once more, now that the demuxer can be told what time it is there: it cuts the end by it. */
    if (demux_seek_packet(p->demux, byte, next, pts_of(p, n), pts_of(p, n + 1)) < 0)
        return 0;
    log_debug("packets", "jumped to packet %lld", (long long)n);
    p->next_number = n;
    return 1;
}
