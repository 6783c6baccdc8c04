/*
 * The player runs the pacer on the event loop: a timerfd at the next deadline, one pass over the
 * sessions of the phase that is due, one flush. It owns the lateness histogram.
 */
#ifndef TUTTI_PLAYOUT_PLAYER_H
#define TUTTI_PLAYOUT_PLAYER_H

#include "playout/lateness.h"
#include "playout/pacer.h"

#include <uv.h>

struct player;

/* rt: delivers up to `n_frames` frames of the session that owns `slot`; returns how many it did. */
typedef unsigned (*player_deliver_fn)(struct pacer_slot *slot, unsigned n_frames, void *arg);
/* rt: a pass begins; everything delivered in it is to leave now; it is over. */
typedef void (*player_pass_fn)(void *arg);

/* rt: the frames of the pass have left; what delivering them entails and can wait is done now.
 * Returns true if somebody was woken to work for it. `enough` says that this pass has woken as many
 * as it should: a session that has time is left for a later one. Sessions that began together would
 * have all their workers woken in one instant otherwise, who then take the processor from each
 * other. */
typedef bool (*player_after_fn)(struct pacer_slot *slot, bool enough, void *arg);

struct player_ops {
    player_pass_fn begin; /* may be NULL */
    player_deliver_fn deliver;
    player_pass_fn flush;
    player_after_fn after; /* may be NULL */
    player_pass_fn done;   /* may be NULL; not rt: there is time until the next pass */
    void *arg;
};

/* Returns 0 or negative errno. */
int player_new(uv_loop_t *loop, const struct player_ops *ops, struct player **ret_player);

/* Closes its handle on the loop; the memory goes when the loop has closed it. */
void player_free(struct player *p);

/* Puts a slot on the schedule or takes it off; both do nothing if it is so already. */
void player_join(struct player *p, struct pacer_slot *slot);
void player_leave(struct player *p, struct pacer_slot *slot);

const struct lateness *player_lateness(const struct player *p);
uint64_t player_stalls(const struct player *p);

#endif
