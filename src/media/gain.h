/*
 * Volume: a constant factor, reached by a ramp of 10 ms, and above 1.0 a limiter that looks ahead.
 *
 * The limiter turns the level down in time before a peak instead of cutting the peak off. To see
 * what comes it needs GAIN_AHEAD samples more than it gives back: its caller reads ahead by
 * that much, so that nothing is delayed.
 */
#ifndef TUTTI_MEDIA_GAIN_H
#define TUTTI_MEDIA_GAIN_H

#include <stdbool.h>
#include <stdint.h>

enum { GAIN_AHEAD = 240, GAIN_RAMP = 480 }; /* [samples] */

struct gain;

int gain_new(struct gain **ret);
void gain_free(struct gain *g);

/* Begins anew. `from` holds for the first `n_before` samples fed, then comes the ramp to `to`. */
void gain_begin(struct gain *g, float from, float to, int64_t n_before);

/* Ramps to `to` from the next sample fed on. What is kept back is not lost; a limiter stays, and
 * one that is needed is not begun. */
void gain_turn(struct gain *g, float to);

/* How many samples come out fewer than went in, once: GAIN_AHEAD or 0. */
int gain_ahead(const struct gain *g);

/* Changes n stereo samples in place. Returns how many come out, which is n but for what gain_ahead
 * keeps back at the beginning. */
int gain_run(struct gain *g, float *samples, int n);

#endif
