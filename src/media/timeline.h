/*
 * The time of a source: its own samples against samples at 48 kHz. One stretch of one rate, or
 * several: chained streams may change it.
 */
#ifndef TUTTI_MEDIA_TIMELINE_H
#define TUTTI_MEDIA_TIMELINE_H

#include <stdint.h>

enum { TIMELINE_STRETCHES_MAX = 64 };

struct timeline {
    struct stretch {
        int64_t sample; /* [samples of the source] where it begins */
        int64_t pos;    /* [samples at 48 kHz] the same instant */
        int rate;
    } stretches[TIMELINE_STRETCHES_MAX];
    int n;
};

void timeline_init(struct timeline *t, int rate);

/* [samples at 48 kHz] of a sample of the source, rounded up: the grid points before it. */
int64_t timeline_pos(const struct timeline *t, int64_t sample);

/* [samples of the source] at or before a position. */
int64_t timeline_sample(const struct timeline *t, int64_t pos);

/* The rate at a sample of the source. */
int timeline_rate(const struct timeline *t, int64_t sample);

/* [samples of the source] Where a resampler must begin to be fed for what comes at `pos`: early
 * enough for its filter, and so that its output falls on the 48 kHz grid. */
int64_t timeline_feed(const struct timeline *t, int64_t pos);

/* From `sample` on the rate is another one. What was thought to lie behind is forgotten: its place
 * was counted from a wrong rate. Who changes it more often than there is room for loses the oldest
 * stretch but the first; who goes back there counts from the start and finds the change again. */
void timeline_change_rate(struct timeline *t, int64_t sample, int rate);

#endif
