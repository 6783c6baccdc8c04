/*
 * The way to another place of a source: among the packets that are kept, by timestamps where those
 * are to be believed, at a segment of HLS, or by counting from the start.
 */
#include "media/packets_parts.h"

#include "base/log.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <math.h>

enum {
    FAR_PACKETS = 400,
    NEAR_S = 4, /* so far ahead decoding on is quicker than seeking */
};

/* What lies a little ahead is reached by decoding on; where nothing else helps, all of it is. */
static int64_t reach_ahead(const struct packets *p)
{
    bool count_only = p->times == DEMUX_TIMES_NONE && p->frame == 0;
    return count_only ? INT64_MAX : NEAR_S * (int64_t)p->rate;
}

/*
 * Looks for the place in what is kept: among packets whose bytes are there and that have a place,
 * and of which the next two have one too, because not every decoder yields something for the first
 * packet it gets.
 */
static bool go_kept(struct packets *p, int64_t sample)
{
    int n_behind = 0;
    for (uint32_t i = p->last; i != p->hollow_until; i--) {
        const struct packet *k = packets_slot(p, i - 1);
        if (k->sample < 0 || !k->av)
            continue;
        /* The very start is only where the first packet is: the next may have the same place. */
        bool fits = k->number == 0 || (k->sample <= sample && k->skip == 0 && sample > 0);
        if (fits && (n_behind >= 2 || k->number == 0)) {
            if (n_behind <= 2 && sample - k->sample > reach_ahead(p))
                return false;
            p->cursor = i - 1;
            return true;
        }
        n_behind++;
    }
    return false;
}

/* What is kept is let go only when there is more to come. */
static int start_over(struct packets *p)
{
    if (p->fresh && demux_is_open(p->demux))
        return 0;
    int r = packets_open(p);
    if (r == 0)
        packets_drop_all(p);
    return r;
}

/* Reads on until the first packet that has a place. Returns 1 if that is early enough, 0, or
 * -EINTR.
 */
static int landed_before(struct packets *p, int64_t sample)
{
    while (p->cursor == p->last || packets_slot(p, p->cursor)->sample < 0) {
        packets_drop_all(p);
        int r = packets_read_one(p);
        if (r <= 0)
            return r == -EINTR ? r : 0;
    }
    return packets_slot(p, p->cursor)->sample <= sample;
}

/* What times may tell in a list: they go on from the first packet's, but for what rounded durations
 * add up to; where they may start over they must agree better, or are counted from the list's. */
static bool agrees(const struct packets *p, double raw_s, double begin_s)
{
    double most = p->demux->hls.is_torn ? 0.5 + begin_s / 100 : 2 + begin_s / 20;
    return fabs(raw_s - begin_s) <= most;
}

/* Opens HLS at a segment and reads on to the first packet that has a place. Returns 1 if that is
 * early enough, 0 if it is not, -ESPIPE if the list does not tell or is not to be believed, -EINTR,
 * or what demux_seek_segment returns. */
static int land_in_segment(struct packets *p, int64_t raw, int64_t sample)
{
    double begin_s, rate = p->rate;
    int r = demux_seek_segment(p->demux, (double)raw / rate, 0, &begin_s);
    if (r <= 0)
        return r < 0 ? r : -ESPIPE;
    r = landed_before(p, sample);
    if (p->cursor == p->last)
        return r < 0 ? r : -ESPIPE;
    struct packet *first = packets_slot(p, p->cursor);
    double there_s = packets_raw_time(p, first) / rate;
    if (isnan(there_s))
        there_s = (double)(first->sample + p->lead) / rate;
    if (agrees(p, there_s, begin_s))
        return r;
    if (!p->demux->hls.is_torn)
        return -ESPIPE;
    p->placing = PLACE_PTS;
    p->time_shift = (there_s - begin_s) * rate;
    packets_place(p, first);
    log_debug("packets", "times start over: placed at %.3f s by the list", begin_s);
    return first->sample <= sample;
}

/* Where packets are numbered by an index, a place is found by it: what the index says of time need
 * not be what the packets last. */
static int64_t pts_at(const struct packets *p, int64_t raw)
{
    int64_t equal = packets_indexed_samples(p);
    int64_t pts =
        equal > 0 ? demux_packet_time(p->demux, p->first_number + raw / equal) : AV_NOPTS_VALUE;
    double s = ((double)raw + p->first_time) / p->rate;
    return pts != AV_NOPTS_VALUE ? pts : (int64_t)floor(s / av_q2d(p->demux->stream->time_base));
}

static int land_by_pts(struct packets *p, int64_t raw, int64_t sample)
{
    int r = demux_seek(p->demux, pts_at(p, raw));
    return r < 0 ? r : landed_before(p, sample);
}

static int go_by_time(struct packets *p, int64_t sample)
{
    int rate = p->rate;
    /* HLS goes to the packet behind what it is asked for. */
    int64_t first_back = source_is_hls(p->source) ? rate / 4 : 0;
    for (int64_t back = first_back; back < (int64_t)rate * 64; back = back * 4 + rate) {
        int64_t raw = sample + p->lead - back;
        if (raw <= 0)
            break;
        packets_lose_place(p);
        p->placing = PLACE_PTS;
        int r =
            p->demux->by_segment ? land_in_segment(p, raw, sample) : land_by_pts(p, raw, sample);
        if (r > 0 || r == -EINTR)
            return r < 0 ? r : 0;
        if (r < 0)
            break;
    }
    return start_over(p);
}

int packets_go_number(struct packets *p, int64_t number)
{
    bool ahead = p->next_number >= 0 && p->next_number <= number && p->first != p->last;
    int r = ahead && number - p->next_number < FAR_PACKETS ? 0 : packets_jump(p, number);
    if (r == 0 && (!ahead || p->next_number < 0))
        r = start_over(p);
    if (r < 0)
        return r;
    if (p->is_opus || !p->calibrated || p->frame == 0)
        return 0;
    p->cursor = p->last;
    if (number > 0) /* the wanted one may be the very next */
        p->placing = PLACE_NUMBER;
    while (p->next_number < number) {
        r = packets_read_one(p);
        if (r <= 0)
            return r;
        p->cursor = p->last;
        if (p->last - p->first > 32)
            packets_drop_first(p);
    }
    return 0;
}

/* Before times are followed for the first time: those of the first packets are looked at, if they
 * are the next ones still. Returns 0 or -EINTR. */
static int survey(struct packets *p)
{
    struct survey *v = &p->survey;
    int r = 1;
    while (r > 0 && !v->is_over && p->placing == PLACE_COUNT && v->next_number >= 0 &&
           v->n < SURVEY_PACKETS && p->next_number == v->next_number)
        r = packets_read_one(p);
    if (r == -EINTR)
        return r;
    packets_end_survey(p);
    return 0;
}

/* Before times are followed for the first time. Returns 0 or -EINTR. */
static int look_for_chain(struct packets *p)
{
    if (p->looked || !p->demux->is_ogg)
        return 0;
    packets_lose_place(p);
    p->placing = PLACE_PTS;
    int r = demux_look_for_chain(p->demux);
    if (r < 0)
        return r;
    p->looked = true;
    if (r == 1)
        packets_distrust_times(p);
    return 0;
}

int packets_go(struct packets *p, int64_t sample, int64_t warm_up)
{
    int64_t from = sample > warm_up ? sample - warm_up : 0;
    if (!demux_is_open(p->demux)) { /* an attempt to open it anew was given up */
        int r = start_over(p);
        if (r < 0)
            return r;
    }
    if (go_kept(p, from))
        return 0;
    if (!p->calibrated || from < p->rate)
        return start_over(p);
    int looked = p->times != DEMUX_TIMES_NONE ? survey(p) : 0;
    if (looked == 0 && p->times != DEMUX_TIMES_NONE)
        looked = look_for_chain(p);
    if (looked < 0)
        return looked;
    if (p->times != DEMUX_TIMES_NONE)
        return go_by_time(p, from);
    if (p->frame > 0)
        return packets_go_number(p, p->first_number + (from + p->lead) / p->frame);
    return start_over(p);
}
