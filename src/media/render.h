/*
 * Renders a track as frames: passes packets through or decodes, changes the volume and encodes, and
 * says where in the source each frame is. Knows no ring and no socket.
 *
 *   packets ─┬─ passthrough ──────────────────────┬─> frame
 *            └─ decode ─ resample ─ gain ─ encode ─┘
 *
 * Both ways keep the lag of the track: a frame at position p decodes to what begins at p − L.
 */
#ifndef TUTTI_MEDIA_RENDER_H
#define TUTTI_MEDIA_RENDER_H

#include "media/track.h"
#include "proto/wmsg.h"

struct render;

struct frame {
    struct ring_record record; /* all but the offset is filled in */
    const uint8_t *bytes;      /* valid until the next call */
};

int render_new(uint32_t bitrate, uint32_t complexity, struct render **ret);
void render_free(struct render *r);

/* Names the track that follows, under the daemon's number of its play; NULL: none (any more). At
 * the end of the current track comes an end marker with RING_JOIN, then the frames of the next.
 * Where both are encoded one encoder runs across the join and no sample is lost or added; otherwise
 * the next one begins with the next frame. */
void render_set_next(struct render *r, struct track *next, uint32_t play,
                     const struct wmsg_render *how);

/* True if the end of the current track is made already, or on its way without a next one: to be
 * joined it must be rendered again. */
bool render_is_late(const struct render *r);

/* The track whose frames come next: once the end marker with RING_JOIN is given, the next one. */
struct track *render_track(const struct render *r);

/* [samples] where the frame that comes next is expected, in the source that it is of. */
int64_t render_pos(const struct render *r);

/* The end of the current track may need the next one's first samples. Returns 0, or negative errno
 * if those could not be read: then the current one ends as if there were no next, which is to be
 * dropped. */
int render_next_error(const struct render *r);

/* After that marker: lets go of the current track, which the caller may free then. Returns 0 or
 * negative errno. */
int render_enter_next(struct render *r);

/* Begins to render `t`, the track of `play`, as told; whether it can be sought is asked before.
 * Returns 0 or negative errno; it is render_track in either case. */
int render_begin(struct render *r, struct track *t, uint32_t play, const struct wmsg_render *how);

/* Returns 1 with the next frame, which is the end marker after the last one; 0 when that has been
 * given; -EBADMSG if there is no sound in the source; or another negative errno. */
int render_next(struct render *r, struct frame *ret);

#endif
