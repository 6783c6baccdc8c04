/*
 * What is asked for of a feed, as a plain value: it can be compared, and written down. The URL,
 * which may be long, stands beside it.
 */
#ifndef TUTTI_FEED_WANT_H
#define TUTTI_FEED_WANT_H

#include "feed/clocks.h"
#include "proto/sound.h"

/* How the frames are to be made. */
struct make {
    uint32_t depth_frames; /* made ahead */
    uint32_t bitrate;      /* [bit/s] */
    uint32_t complexity;   /* 0 … 10 */
};

struct want {
    struct place begin; /* where the first frame is to begin */
    struct sound sound;
    struct make make;
};

#endif
