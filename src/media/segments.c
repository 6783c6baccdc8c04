#include "media/segments.h"

#include "base/cleanup.h"
#include "media/lav.h"
#include "media/list_line.h"
#include "media/renumber.h"

#include <libavformat/avio.h>
#include <libavutil/bprint.h>
#include <libavutil/mem.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUFFER_BYTES = 32 * 1024,
};

#define SEGMENT_S_MAX 1e5
#define GAP_MARK "#tutti-gap=" /* behind the URL of a segment that is missing, with its length */
#define GRID_SLACK 0.05        /* [grids]: three decimals leave 0.024 open in the shortest frames */

/* [s] what is written, as a whole number of grids; −1 if it is none. */
static double settle(double written_s, double grid_s)
{
    if (!(written_s > 0 && written_s < SEGMENT_S_MAX))
        return -1;
    if (grid_s <= 0)
        return written_s;
    double n = round(written_s / grid_s);
    return fabs(written_s / grid_s - n) <= GRID_SLACK ? n * grid_s : -1;
}

long segments_before(const char *text, double at_s, double grid_s, double *ret_s)
{
    double sum_s = 0, there_s = 0;
    const char *duration = NULL;
    bool is_missing = false;
    long n = 0, there = 0; /* the last one that is there */
    struct list_line l;
    while (list_next_line(&text, &l)) {
        const char *value = list_behind(&l, "#EXTINF:");
        if (value)
            duration = value;
        is_missing |= list_behind(&l, "#EXT-X-GAP") != NULL;
        if (!list_names_segment(&l))
            continue;
        double written_s = duration ? strtod(duration, NULL) : -1;
        if (!is_missing) {
            there = n;
            there_s = sum_s;
        }
        if (sum_s + written_s > at_s || !strstr(text, "#EXTINF:"))
            break; /* it stays, and may last as long as it likes */
        double s = settle(written_s, is_missing ? 0 : grid_s);
        if (s < 0)
            return -1;
        sum_s += s;
        n++;
        duration = NULL;
        is_missing = false;
    }
    *ret_s = there_s;
    return there;
}

/* "LENGTH[@START]": of one without a start it is where the one before has ended. Returns where it
 * ends. */
static int64_t range_end(const char *value, int64_t before, int64_t *ret_start)
{
    char *end;
    int64_t len = strtoll(value, &end, 10);
    *ret_start = *end == '@' ? strtoll(end + 1, NULL, 10) : before;
    bool sane = len >= 0 && *ret_start >= 0 && len < INT64_MAX / 2 && *ret_start < INT64_MAX / 2;
    return sane ? *ret_start + len : 0;
}

static void put_line(AVBPrint *out, const struct list_line *l)
{
    av_bprint_append_data(out, l->at, (unsigned)l->len);
    av_bprint_chars(out, '\n', 1);
}

/* The first byte range that stays says itself where it begins. */
static void put_range(AVBPrint *out, const char *value, int64_t start)
{
    av_bprintf(out, "#EXT-X-BYTERANGE:%lld@%lld\n", strtoll(value, NULL, 10), (long long)start);
}

/* What is known of the segment that the next URL names. */
struct coming {
    const char *duration;
    const char *range;
    bool is_missing;
};

static void put_segment(AVBPrint *out, const struct list_line *l, const struct coming *c)
{
    double s = c->duration ? strtod(c->duration, NULL) : 0;
    if (!c->is_missing) {
        put_line(out, l);
        return;
    }
    av_bprint_append_data(out, l->at, (unsigned)l->len);
    av_bprintf(out, GAP_MARK "%.6f\n", s > 0 && s < SEGMENT_S_MAX ? s : 0);
}

static bool is_recording(const char *text)
{
    return strstr(text, "#EXT-X-ENDLIST") || strstr(text, "#EXT-X-PLAYLIST-TYPE:VOD");
}

/* All behind the first n segments, and the tags before that hold on. */
static void put_rest(AVBPrint *out, const char *text, long n)
{
    bool marks = is_recording(text);
    struct coming c = { 0 };
    struct list_line l;
    const char *value;
    int64_t start = 0, end = 0;
    while (list_next_line(&text, &l)) {
        if (list_behind(&l, "#EXTM3U") || list_behind(&l, "#EXT-X-MEDIA-SEQUENCE:"))
            continue;
        value = list_behind(&l, "#EXTINF:");
        c.duration = value ? value : c.duration;
        c.is_missing |= marks && list_behind(&l, "#EXT-X-GAP");
        value = list_behind(&l, "#EXT-X-BYTERANGE:");
        if (value) {
            c.range = value;
            end = range_end(value, end, &start);
            if (n == 0)
                put_range(out, value, start);
        } else if (n == 0 && list_names_segment(&l)) {
            put_segment(out, &l, &c);
        } else if (n == 0 || !(list_names_segment(&l) || list_behind(&l, "#EXTINF:"))) {
            put_line(out, &l);
        }
        if (list_names_segment(&l)) {
            end = c.range ? end : 0;
            c = (struct coming){ 0 };
            n -= n > 0;
        }
    }
}

double segments_gap_s(const char *url)
{
    const char *mark = strstr(url, GAP_MARK);
    double s = mark ? strtod(mark + strlen(GAP_MARK), NULL) : 0;
    return s > 0 && s < SEGMENT_S_MAX ? s : 0;
}

char *segments_cut(const char *text, long n)
{
    const char *value = strstr(text, "#EXT-X-MEDIA-SEQUENCE:");
    long long number = value ? strtoll(value + strlen("#EXT-X-MEDIA-SEQUENCE:"), NULL, 10) : 0;
    if (number < 0 || number > INT64_MAX / 2)
        return NULL;
    AVBPrint out;
    char *cut;
    av_bprint_init(&out, 0, AV_BPRINT_SIZE_UNLIMITED);
    av_bprintf(&out, "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:%lld\n", number + n);
    put_rest(&out, text, n);
    bool whole = av_bprint_is_complete(&out);
    if (av_bprint_finalize(&out, &cut) < 0)
        return NULL;
    if (!whole)
        av_freep(&cut);
    return cut;
}

struct segments {
    char *text;
    size_t at;
    size_t len;
    AVIOContext *io;
};

size_t segments_read(struct segments *s, void *bytes, size_t len)
{
    size_t n = s->len - s->at < len ? s->len - s->at : len;
    memcpy(bytes, s->text + s->at, n);
    s->at += n;
    return n;
}

static int read_some(void *arg, uint8_t *bytes, int len)
{
    size_t n = segments_read(arg, bytes, (size_t)len);
    return n > 0 ? (int)n : AVERROR_EOF;
}

struct segments *segments_new(char *text)
{
    struct segments *s = calloc(1, sizeof *s);
    uint8_t *buffer = av_malloc(BUFFER_BYTES);
    if (s) {
        s->text = text;
        s->len = strlen(text);
        s->io =
            buffer ? avio_alloc_context(buffer, BUFFER_BYTES, 0, s, read_some, NULL, NULL) : NULL;
    }
    if (s && s->io)
        return s;
    free(s);
    av_free(buffer);
    av_free(text);
    return NULL;
}

/* libavformat knows no byte order mark, and nothing in front of "#EXTM3U". */
static const char *behind_mark(const char *text)
{
    return strncmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text;
}

/* Returns 1 with the whole text, 0 if it is too long, or negative errno. */
static int read_text(AVIOContext *io, char **ret)
{
    AVBPrint text;
    av_bprint_init(&text, 0, SEGMENTS_BYTES_MAX);
    int r = avio_read_to_bprint(io, &text, SEGMENTS_BYTES_MAX);
    bool whole = av_bprint_is_complete(&text);
    if (r < 0 || !whole) {
        (void)av_bprint_finalize(&text, NULL);
        return r >= 0 ? 0 : r == AVERROR_EXIT ? -EINTR : lav_errno(r);
    }
    return av_bprint_finalize(&text, ret) < 0 ? -ENOMEM : 1;
}

static bool has_tag(const char *text, const char *tag)
{
    struct list_line l;
    while (list_next_line(&text, &l)) {
        if (l.len == strlen(tag) && list_behind(&l, tag))
            return true;
    }
    return false;
}

static double lead_gap(const char *marked)
{
    double sum_s = 0, s;
    struct list_line l;
    while (list_next_line(&marked, &l)) {
        if (!list_names_segment(&l))
            continue;
        s = segments_gap_s(l.at);
        if (s == 0 || strcspn(l.at, "#") >= l.len)
            break;
        sum_s += s;
    }
    return sum_s;
}

int segments_open(AVIOContext *io, struct renumber *numbers, struct segments **ret,
                  struct segments_facts *ret_facts)
{
    char *all = NULL;
    int r = read_text(io, &all);
    if (r <= 0)
        return r;
    const char *text = behind_mark(all);
    bool recorded = is_recording(text);
    *ret_facts = (struct segments_facts){ .is_torn = has_tag(text, "#EXT-X-DISCONTINUITY"),
                                          .has_gaps = recorded && has_tag(text, "#EXT-X-GAP") };
    char *own = recorded ? segments_cut(text, 0) : renumber_text(numbers, text);
    av_free(all);
    ret_facts->lead_gap_s = own && ret_facts->has_gaps ? lead_gap(own) : 0;
    *ret = own ? segments_new(own) : NULL;
    return *ret != NULL;
}

int segments_open_at(AVIOContext *io, double at_s, double grid_s, struct segments **ret,
                     double *ret_s)
{
    char *all = NULL;
    int r = read_text(io, &all);
    if (r <= 0)
        return r;
    const char *text = behind_mark(all);
    long n = segments_before(text, at_s, grid_s, ret_s);
    char *cut = n > 0 ? segments_cut(text, n) : NULL;
    av_free(all);
    if (n <= 0)
        return 0;
    *ret = cut ? segments_new(cut) : NULL;
    return *ret ? 1 : -ENOMEM;
}

AVIOContext *segments_io(struct segments *s)
{
    return s->io;
}

void segments_free(struct segments *s)
{
    if (!s)
        return;
    av_freep(&s->io->buffer);
    avio_context_free(&s->io);
    av_free(s->text);
    free(s);
}
