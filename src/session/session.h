/*
 * One channel: which of its plays is audible, which will be, and what that means for the clock.
 * Visible to the session folder only.
 */
#ifndef TUTTI_SESSION_SESSION_H
#define TUTTI_SESSION_SESSION_H

#include "base/complaints.h"
#include "session/play.h"
#include "session/post.h"
#include "session/sessions.h"
#include "session/volumes.h"

#include <uthash.h>

struct session {
    struct sessions *all;
    uint64_t channel;
    struct play *current; /* ready, audible or paused */
    struct play *pending; /* accepted, not ready; takes over from `current` */
    struct play *next;    /* follows whatever plays */
    bool held_volume;     /* the pending play's volume is to hold for the current one if it fails */
    struct pacer_slot slot;
    struct outlet_plug plug;
    struct outlet *outlet; /* that it is plugged into: held; NULL while nothing is audible */
    bool wants_visit;
    struct session *prev, *next_to_visit; /* of those that want it */
    bool dry;                             /* there is credit, but the source brings nothing … */
    uint64_t dry_frames;                  /* … since so many frames had been delivered */
    UT_hash_handle hh;
};

struct sessions {
    struct sessions_deps deps;
    struct session *by_channel; /* uthash */
    struct volumes volumes;
    struct player *player;
    struct post *post; /* everything that is said goes this way */
    /* Sessions that want to be looked at from the loop: a render that is there already, credit. */
    uv_idle_t visit;
    struct session *to_visit; /* utlist */
    uv_timer_t drought;       /* runs while a session is dry */
    bool shutting_down;
    struct complaints failures;
    uint64_t frames_sent;
    uint64_t underruns;
};

extern const struct feed_ops session_feed_ops;
extern const struct outlet_plug session_plug;

/* The play that commands address: the newest accepted one. */
static inline struct play *session_target(const struct session *s)
{
    return s->pending ? s->pending : s->current;
}

/* Joins or leaves the schedule, or uses credit, according to what is so now. */
void session_update(struct session *s);

/* Says an event about a play to its owner and, where it answers something, to the commander. */
void session_say(const struct session *s, const struct play *p, struct event *e,
                 const struct ticket *answer);

/* Ends a play before its own end: in-band end, `stopped`, memory. The caller has cleared the
 * pointer that held it. `answer` may be NULL; a play that was not ready answers its own command. */
void session_stop_play(struct session *s, struct play *p, enum stop_reason reason,
                       const struct ticket *answer);

/* Ends the play in `place` (current, pending or next), if there is one. */
void session_drop(struct session *s, struct play **place, enum stop_reason reason);

/* Has the next play opened ahead of time by the worker of the one that is heard, if it follows that
 * one: a pending play comes first. */
void session_offer_next(struct session *s);

/* Lets the next play move up, or lets go of a session that has none left. Returns false if the
 * session is gone. */
bool session_settle(struct session *s);

/* The drought timer: a client whose session has been dry for as long as it runs is told so. */
void session_on_drought(uv_timer_t *timer);

/* rt: up to n_frames frames of the current play into its outlet; returns how many. The session may
 * be gone afterwards. */
unsigned session_deliver(struct session *s, unsigned n_frames);

/* rt: those frames have left: wakes the worker if it waits for their room, though not yet when
 * `enough` were woken and it has time. Returns true if it did. */
bool session_delivered(struct session *s, bool enough);

#endif
