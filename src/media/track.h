/*
 * One source as 48 kHz stereo float, addressable by the sample.
 *
 * Time is counted in samples at 48 kHz of audible sound: 0 is the first sample after encoder delay
 * and pre-skip. Whatever way one gets to an instant, from the start, by a seek or from kept
 * packets, the sample there is the same to within what a decoder's warming up leaves.
 */
#ifndef TUTTI_MEDIA_TRACK_H
#define TUTTI_MEDIA_TRACK_H

#include "media/failure.h"
#include "media/packets.h"
#include "proto/duration.h"
#include "ring/layout.h"

struct track;

struct track_info {
    struct duration duration; /* up to WMSG_POS_MAX */
    uint32_t lag;             /* [samples] constant lag L of frames made from it */
    bool seekable;
    bool endless;  /* live: it goes on at now, wherever one was */
    bool passable; /* plain Opus, whose packets may go through as they are */
};

/* Opens the source (taken over in any case). Returns 0, or negative errno and why in *ret_failure;
 * -EINTR, and TUTTI_OK as the code there: waiting for it was given up. */
int track_new(struct source *s, size_t keep_bytes_max, struct track **ret,
              struct failure *ret_failure);
void track_free(struct track *t);

/* Live: goes on where the source is now, and counts from 0 again. Returns 0 or negative errno;
 * -EINTR: to be called again. */
int track_join_again(struct track *t);

void track_get_info(const struct track *t, struct track_info *ret);

/* Makes the next sample read the one at `pos`, which may be negative: silence until 0. Returns 0 or
 * negative errno. */
int track_go(struct track *t, int64_t pos);

/* Makes sure that a place far from the start can be found: decodes the first frame if none has been
 * decoded yet. track_go does it by itself. Returns 0 or negative errno. */
int track_calibrate(struct track *t);

/* Reads n stereo samples; fewer only at the end. Returns how many, or negative errno. */
int track_read(struct track *t, float *dst, int n);

/* [samples at 48 kHz] the exact end; −1 while it has not been reached. */
int64_t track_end(const struct track *t);

/* Finds the exact end if it is not known, by reading to it; the reading place is undefined then.
 * Returns 0 or negative errno. */
int track_find_end(struct track *t);

/* Says that the end is at `pos`, when packets were passed and not decoded. */
void track_set_end(struct track *t, int64_t pos);

/* Where a new reader of the same source may begin for what comes after `pos`, which must lie in
 * what was read lately; and a new reader is told so, before it goes anywhere. What is told is
 * checked as far as that can be. */
struct ring_hint track_hint(const struct track *t, int64_t pos);
void track_take_hint(struct track *t, const struct ring_hint *hint);

/* What was rendered before `pos` will not be asked for again, except to warm up. */
void track_forget(struct track *t, int64_t pos);

/* A packet was passed through instead of decoded. */
void track_note_passed(struct track *t, const struct packet *k);

/* Packets for passing through; track_go must be called before reading samples again. */
struct packets *track_packets(struct track *t);

/* After the end: is the source incomplete, as far as one can tell? */
bool track_was_cut(const struct track *t);

struct source *track_source(const struct track *t);

/* True if anything was decoded (or passed) at all. */
bool track_has_sound(const struct track *t);

#endif
