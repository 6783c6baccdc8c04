/*
 * Opus packets of a source as 20 ms frames, unchanged: shorter packets are put together, longer
 * ones taken apart, where Opus allows that without decoding.
 *
 * Frames lie on the grid of the packets: frame k of the source has position k × 960, its whole
 * packets of pre-skip dropped, and the rest of the pre-skip is the lag of the play.
 */
#ifndef TUTTI_MEDIA_PASSTHROUGH_H
#define TUTTI_MEDIA_PASSTHROUGH_H

#include "media/track.h"

struct passthrough;

struct passed {
    const uint8_t *bytes; /* valid until the next call */
    int len;
    int64_t pos; /* [samples at 48 kHz] of the frame */
};

int passthrough_new(struct passthrough **ret);
void passthrough_free(struct passthrough *p);

/* The next frame will be the one at or just before `pos`. Returns 0 or negative errno. */
int passthrough_go(struct passthrough *p, struct track *t, int64_t pos);

/* Returns 1 with the next frame; 0 at the end, which is then known to the track; -ENOTSUP when the
 * next frame cannot be made from the packets (decode from *ret_pos on); or negative errno. */
int passthrough_next(struct passthrough *p, struct passed *ret, int64_t *ret_pos);

#endif
