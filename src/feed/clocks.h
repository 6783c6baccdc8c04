/*
 * The two clocks of a feed. An ordinal counts the frames that were delivered. A place is where in
 * its source a frame begins. Today a frame of the output takes 20 ms of the source; this header is
 * the only one that says so. What alters the speed of a source alters these functions.
 */
#ifndef TUTTI_FEED_CLOCKS_H
#define TUTTI_FEED_CLOCKS_H

#include "base/audio.h"

#include <stdint.h>

struct ordinal {
    uint64_t n; /* [frames] */
};

struct place {
    int64_t samples; /* [samples at 48 kHz] of the source */
};

/* Where the frame begins that lies n_frames behind the one that begins at `p`. */
static inline struct place place_after(struct place p, int64_t n_frames)
{
    return (struct place){ p.samples + n_frames * AUDIO_FRAME_SAMPLES };
}

/* How many whole frames lie between two places; negative if `to` is the earlier one. */
static inline int64_t place_frames_between(struct place from, struct place to)
{
    return (to.samples - from.samples) / AUDIO_FRAME_SAMPLES;
}

/* [samples at 48 kHz] of the source that so many frames of the output hold. */
static inline int64_t place_samples_of(uint32_t n_frames)
{
    return (int64_t)n_frames * AUDIO_FRAME_SAMPLES;
}

#endif
