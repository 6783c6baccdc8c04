/*
 * A list of HLS segments (RFC 8216) that begins later than it was written: how playback begins far
 * into a recording where libavformat's own seek goes wrong. Pure, but for segments_open.
 */
#ifndef TUTTI_MEDIA_SEGMENTS_H
#define TUTTI_MEDIA_SEGMENTS_H

#include <stddef.h>

struct AVIOContext;
struct segments;

/* How many segments of the list end at or before `at_s` [s from its beginning]; *ret_s is where the
 * next one begins. The last one always stays. With `grid_s` > 0 each segment is taken to last a
 * whole number of grids, so that nothing adds up of what was rounded in writing. Returns −1 where
 * the list does not tell: times start over in it, a duration is missing or is no such number. */
long segments_before(const char *text, double at_s, double grid_s, double *ret_s);

/* Returns the list without its first `n` segments, for av_free: the keys and initialisations in
 * force stay, numbers and byte ranges go on. NULL if memory is out or it has no such number. */
char *segments_cut(const char *text, long n);

/* Reads the list from `io` and cuts it so that it begins at or before `at_s`. Returns 1 and a
 * stream of what is left; 0 if nothing can be left out; negative errno. */
int segments_open(struct AVIOContext *io, double at_s, double grid_s, struct segments **ret,
                  double *ret_s);
struct AVIOContext *segments_io(struct segments *s);
void segments_free(struct segments *s);

#endif
