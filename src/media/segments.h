/*
 * A list of HLS segments (RFC 8216) as libavformat is given it: whole, or beginning later than it
 * was written, which is how playback begins far into a recording where libavformat's own seek goes
 * wrong. In a recording what is said to be missing (EXT-X-GAP) is marked in its URL, so that nobody
 * asks for it. Pure, but for segments_open.
 */
#ifndef TUTTI_MEDIA_SEGMENTS_H
#define TUTTI_MEDIA_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>

struct AVIOContext;
struct renumber;
struct segments;

enum {
    SEGMENTS_BYTES_MAX = 8 << 20
}; /* two hours in ten-second segments with signed URLs take one */

/* What is said of the whole list. */
struct segments_facts {
    bool is_torn;      /* times may start over (EXT-X-DISCONTINUITY) */
    bool has_gaps;     /* it is a recording, and parts of it are missing */
    double lead_gap_s; /* [s] of those that are missing before the first one that is there */
};

/* How many segments of the list end at or before `at_s` [s from its beginning], or fewer, so that
 * the one that comes next is there; *ret_s is where that one begins. The last one always stays.
 * With `grid_s` > 0 each segment is taken to last a whole number of grids, so that nothing adds up
 * of what was rounded in writing. Returns −1 where the list does not tell: a duration is missing or
 * is no such number. */
long segments_before(const char *text, double at_s, double grid_s, double *ret_s);

/* Returns the list without its first `n` segments, for av_free: the keys and initialisations in
 * force stay, numbers and byte ranges go on. NULL if memory is out or it has no such number. */
char *segments_cut(const char *text, long n);

/* [s] that a URL of such a list says to be missing; 0: it is there. */
double segments_gap_s(const char *url);

/* Reads the list from `io` and opens it as it is, with its numbers going on (`numbers`). Returns 1
 * and a stream; 0 if it is longer than can be kept, or makes no sense; negative errno. */
int segments_open(struct AVIOContext *io, struct renumber *numbers, struct segments **ret,
                  struct segments_facts *ret_facts);

/* As segments_open, but cut so that it begins at or before `at_s`; 0 as well if nothing can be left
 * out. */
int segments_open_at(struct AVIOContext *io, double at_s, double grid_s, struct segments **ret,
                     double *ret_s);

/* A stream of the text, which is taken over, and freed by av_free. NULL without memory. */
struct segments *segments_new(char *text);

struct AVIOContext *segments_io(struct segments *s);

/* Reads what is left of it. Returns how many bytes, 0 at the end. */
size_t segments_read(struct segments *s, void *bytes, size_t len);

void segments_free(struct segments *s);

#endif
