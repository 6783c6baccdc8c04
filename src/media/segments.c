#include "media/segments.h"

#include "base/cleanup.h"
#include "media/lav.h"

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
    LIST_BYTES_MAX = 8 << 20, /* two hours in ten-second segments whose URLs are signed take one */
    BUFFER_BYTES = 32 * 1024,
};

#define SEGMENT_S_MAX 1e5
#define GRID_SLACK 0.05 /* [grids]: three decimals leave 0.024 open in the shortest frames */

struct line {
    const char *at;
    size_t len; /* without what ends it */
};

static bool next_line(const char **text, struct line *l)
{
    if (**text == '\0')
        return false;
    l->at = *text;
    l->len = strcspn(l->at, "\r\n");
    *text = l->at + l->len + strspn(l->at + l->len, "\r\n");
    return true;
}

/* What stands behind the tag, NULL if the line is another. */
static const char *behind(const struct line *l, const char *tag)
{
    size_t n = strlen(tag);
    return l->len >= n && memcmp(l->at, tag, n) == 0 ? l->at + n : NULL;
}

static bool names_segment(const struct line *l)
{
    return l->len > 0 && l->at[0] != '#';
}

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
    double sum_s = 0;
    const char *duration = NULL;
    long n = 0;
    struct line l;
    if (strstr(text, "#EXT-X-DISCONTINUITY\n") || strstr(text, "#EXT-X-DISCONTINUITY\r"))
        return -1;
    while (next_line(&text, &l)) {
        const char *value = behind(&l, "#EXTINF:");
        if (value)
            duration = value;
        if (!names_segment(&l))
            continue;
        double written_s = duration ? strtod(duration, NULL) : -1;
        if (sum_s + written_s > at_s || !strstr(text, "#EXTINF:"))
            break; /* it stays, and may last as long as it likes */
        double s = settle(written_s, grid_s);
        if (s < 0)
            return -1;
        sum_s += s;
        n++;
        duration = NULL;
    }
    *ret_s = sum_s;
    return n;
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

static void put_line(AVBPrint *out, const struct line *l)
{
    av_bprint_append_data(out, l->at, (unsigned)l->len);
    av_bprint_chars(out, '\n', 1);
}

/* The first byte range that stays says itself where it begins. */
static void put_range(AVBPrint *out, const char *value, int64_t start)
{
    av_bprintf(out, "#EXT-X-BYTERANGE:%lld@%lld\n", strtoll(value, NULL, 10), (long long)start);
}

static void put_rest(AVBPrint *out, const char *text, long n)
{
    struct line l;
    const char *value, *range = NULL;
    int64_t start = 0, end = 0;
    while (next_line(&text, &l)) {
        if (behind(&l, "#EXTM3U") || behind(&l, "#EXT-X-MEDIA-SEQUENCE:"))
            continue;
        value = behind(&l, "#EXT-X-BYTERANGE:");
        if (value) {
            range = value;
            end = range_end(value, end, &start);
            if (n == 0)
                put_range(out, value, start);
        } else if (n == 0 || !(names_segment(&l) || behind(&l, "#EXTINF:"))) {
            put_line(out, &l);
        }
        if (names_segment(&l)) {
            end = range ? end : 0;
            range = NULL;
            n -= n > 0;
        }
    }
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

static int read_some(void *arg, uint8_t *bytes, int len)
{
    struct segments *s = arg;
    size_t n = s->len - s->at;
    if (n > (size_t)len)
        n = (size_t)len;
    memcpy(bytes, s->text + s->at, n);
    s->at += n;
    return n > 0 ? (int)n : AVERROR_EOF;
}

/* Takes the text over. */
static struct segments *new_stream(char *text)
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

static int open_cut(const char *text, double at_s, double grid_s, struct segments **ret,
                    double *ret_s)
{
    long n = segments_before(text, at_s, grid_s, ret_s);
    if (n <= 0)
        return 0;
    char *cut = segments_cut(text, n);
    *ret = cut ? new_stream(cut) : NULL;
    return *ret ? 1 : -ENOMEM;
}

int segments_open(AVIOContext *io, double at_s, double grid_s, struct segments **ret, double *ret_s)
{
    AVBPrint text;
    av_bprint_init(&text, 0, LIST_BYTES_MAX);
    int r = avio_read_to_bprint(io, &text, LIST_BYTES_MAX);
    if (r < 0)
        r = r == AVERROR_EXIT ? -EINTR : lav_errno(r);
    else if (!av_bprint_is_complete(&text))
        r = 0;
    else
        r = open_cut(text.str, at_s, grid_s, ret, ret_s);
    (void)av_bprint_finalize(&text, NULL);
    return r;
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
