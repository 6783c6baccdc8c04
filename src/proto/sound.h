/* What is to be heard of a source: a plain value. Two are the same if they sound the same. */
#ifndef TUTTI_PROTO_SOUND_H
#define TUTTI_PROTO_SOUND_H

#include <math.h>
#include <stdbool.h>

#define SOUND_VOLUME_MAX 2.0

struct sound {
    double volume; /* 0 … SOUND_VOLUME_MAX; 1 is the source's own */
};

#define SOUND_PLAIN ((struct sound){ .volume = 1 })

/* For what comes from another process. */
static inline bool sound_is_sane(const struct sound *s)
{
    return isfinite(s->volume) && s->volume >= 0 && s->volume <= SOUND_VOLUME_MAX;
}

/* The source as it is: its packets may be passed through. */
static inline bool sound_is_plain(const struct sound *s)
{
    return s->volume == 1;
}

static inline bool sound_is_same(const struct sound *a, const struct sound *b)
{
    return a->volume == b->volume;
}

#endif
