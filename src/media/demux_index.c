/* The index of all packets that some containers have. */
#include "media/demux.h"

enum { SAME_TIME_MAX = 64 };

/* Packets of the same time lie side by side in an index; only their bytes differ. */
int64_t demux_packet_number(struct demux *d, const AVPacket *packet)
{
    AVStream *st = d->context->streams[d->stream->index];
    if (d->n_indexed == 0 || packet->dts == AV_NOPTS_VALUE || packet->pos < 0)
        return -1;
    int flags = AVSEEK_FLAG_BACKWARD | AVSEEK_FLAG_ANY;
    int at = av_index_search_timestamp(st, packet->dts, flags);
    for (int i = 0; at >= 0 && i < SAME_TIME_MAX; i++) {
        for (int n = at - i; n <= at + i; n += i > 0 ? 2 * i : 1) {
            const AVIndexEntry *e = n >= 0 ? avformat_index_get_entry(st, n) : NULL;
            if (e && e->pos == packet->pos && n < d->n_indexed)
                return n;
        }
    }
    return -1;
}

int64_t demux_packet_time(struct demux *d, int64_t number)
{
    AVStream *st = d->context->streams[d->stream->index];
    const AVIndexEntry *e = NULL;
    if (number >= 0 && number < d->n_indexed)
        e = avformat_index_get_entry(st, (int)number);
    return e ? e->timestamp : AV_NOPTS_VALUE;
}
