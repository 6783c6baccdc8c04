#include "media/hls.h"

#include <errno.h>
#include <libavutil/common.h>
#include <math.h>

enum { GAP_PACKETS_MAX = 500 }; /* behind which nothing jumps any more */

#define GAP_JUMP_S 0.25

static void begin(struct hls *h)
{
    h->host.gap_s = 0;
    h->has_begun = false;
    hls_jump(h);
}

int hls_open(struct hls *h)
{
    struct segments_facts facts = { 0 };
    AVIOContext *io = source_rewind(h->host.source);
    begin(h);
    h->host.numbers = (struct renumber){ 0 };
    int r = io ? segments_open(io, &h->host.numbers, &h->list, &facts) : -ENOMEM;
    h->is_torn = facts.is_torn;
    h->has_gaps = facts.has_gaps;
    h->host.gap_s = -facts.lead_gap_s; /* what is missing before the start is left out */
    return r < 0 ? r : 0;
}

int hls_open_at(struct hls *h, double at_s, double grid_s, double *ret_s)
{
    AVIOContext *io = source_rewind(h->host.source);
    begin(h);
    int r = io ? segments_open_at(io, at_s, grid_s, &h->list, ret_s) : -ENOMEM;
    h->is_cut = r > 0;
    return r;
}

void hls_close(struct hls *h)
{
    segments_free(h->list);
    h->list = NULL;
    h->is_cut = false;
}

void hls_jump(struct hls *h)
{
    h->last_pts = AV_NOPTS_VALUE;
    h->step = 0;
    h->n_since_gap = 0;
}

/* Only the time base of their demuxers tells. */
bool hls_is_bare(const AVStream *st)
{
    return st->time_base.num == 1 &&
           (st->time_base.den == 14112000 || st->time_base.den == 28224000);
}

/* What an edit list leaves out lies at the start. Of MP4 libavformat wants the first segment behind
 * a discontinuity left out as well, if its times are lower than those before. */
static void keep_wanted(struct hls *h, AVPacket *packet)
{
    if (h->has_begun)
        packet->flags &= ~AV_PKT_FLAG_DISCARD;
    h->has_begun = h->has_begun || !(packet->flags & AV_PKT_FLAG_DISCARD);
}

/* That something is missing is met while the last packets before it are still to come. Where it is
 * the times tell, as far as there are any: they jump. */
static void note_gap(struct hls *h, const AVStream *st, const AVPacket *packet)
{
    double missing_s = h->host.gap_s, tb = av_q2d(st->time_base);
    bool timed = packet->pts != AV_NOPTS_VALUE && h->last_pts != AV_NOPTS_VALUE;
    int64_t step = timed ? av_sat_sub64(packet->pts, h->last_pts) : 0;
    double jump_s = timed ? (double)av_sat_sub64(step, h->step) * tb : 0;
    h->gap_s = 0;
    h->last_pts = packet->pts;
    if (missing_s <= 0) {
        h->step = step;
        return;
    }
    bool jumps = fabs(jump_s) > fmin(GAP_JUMP_S, missing_s / 2);
    if (!jumps && ++h->n_since_gap <= (hls_is_bare(st) ? 1 : GAP_PACKETS_MAX))
        return;
    bool agrees = fabs(jump_s - missing_s) < fmax(2 * GAP_JUMP_S, missing_s / 4);
    h->gap_s = jumps && agrees ? jump_s : missing_s;
    h->host.gap_s = 0;
    h->n_since_gap = 0;
}

void hls_note_packet(struct hls *h, const AVStream *st, AVPacket *packet)
{
    keep_wanted(h, packet);
    note_gap(h, st, packet);
}
