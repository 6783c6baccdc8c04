/*
 * How far a live stream is heard behind its station, as far as that can be known here. What has
 * come and was not heard yet lies ready as frames, but for what waits before the worker. While the
 * worker waits for its source nothing does: the frames that lie ready are the whole lag. From such
 * a moment on the lag grows by the time in which no frame is taken. Pure.
 */
#ifndef TUTTI_FEED_LAG_H
#define TUTTI_FEED_LAG_H

#include <stdbool.h>
#include <stdint.h>

struct lag {
    uint64_t since_ns; /* when it was known last; 0: never */
    uint64_t frames;   /* that had been heard by then */
    int64_t samples;   /* [samples at 48 kHz] what it was then */
};

/* It is known: `ready` [samples at 48 kHz] lie ready and `frames` have been heard. */
void lag_know(struct lag *lag, uint64_t now_ns, uint64_t frames, int64_t ready);

/* [samples at 48 kHz] what it is now; −1 before lag_know. */
int64_t lag_now(const struct lag *lag, uint64_t now_ns, uint64_t frames, int64_t ready);

/* True if it has grown so much since it was known that the station is to be joined anew. */
bool lag_has_grown(const struct lag *lag, uint64_t now_ns, uint64_t frames);

#endif
