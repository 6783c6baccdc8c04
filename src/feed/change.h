/*
 * The change of a feed that is under way: what its worker is to render, and who waits for that. At
 * most one is; a newer one takes its place.
 *
 *            wanted            told                  in force, or refused
 *   NONE ───────────▶ WANTED ───────▶ SENT ────────────────────────────────▶ NONE
 *                       ▲  ◀───────────┘
 *                       └── a newer one, one that came late, or another worker
 *
 * Each who asks for a change gets a ticket. Tickets are numbers that rise; the change that is under
 * way serves all that were given until it was wanted, and one beyond: a change of sound that comes
 * meanwhile is made when this one is in force, with a ticket for the next. Pure.
 */
#ifndef TUTTI_FEED_CHANGE_H
#define TUTTI_FEED_CHANGE_H

#include "feed/clocks.h"
#include "proto/wmsg.h"

#include <stdbool.h>
#include <stdint.h>

enum change_state {
    CHANGE_NONE,   /* what is heard is what was asked for */
    CHANGE_WANTED, /* no worker was told yet */
    CHANGE_SENT,   /* its frames are being made */
    CHANGE_STATE_COUNT
};

/* Fields belong to change.c; anybody may read them. */
struct change {
    enum change_state state;
    struct wmsg_render render; /* what the worker is told; `gen` is the worker's */
    bool displaced;            /* it took the place of one that was under way */
    uint32_t number;           /* counts the changes that were wanted */
    unsigned n_late;         /* of late: those that came after the frame they were to begin with */
    struct place changed_at; /* where the last change began */
};

static inline bool change_is_under_way(const struct change *c)
{
    return c->state != CHANGE_NONE;
}

/* What lies ready when a change is planned. */
struct change_view {
    struct place next; /* of the next frame */
    uint32_t fill;     /* frames that lie ready */
    bool is_paced;     /* the pacer takes frames while the change is made */
    bool ramps;        /* the sound is to change */
};

/* Where a change of sound is to begin: at the next frame, or so far ahead that its first frame,
 * which bears the ramp, can be made before it is due; and not so soon after the last change that
 * the encoder and the listener's decoder have not converged again. */
struct place change_where(const struct change *c, const struct change_view *view);

/* Wants a change; any that is under way is displaced. */
void change_want(struct change *c, const struct wmsg_render *render);

/* The worker was told, by a render of this generation and lane. */
void change_sent(struct change *c, uint32_t gen, unsigned lane);

/* The worker that was told is gone: another is to be. Does nothing where none is under way. */
void change_unsent(struct change *c);

/* It is to begin elsewhere. It was not told yet, or is to be told anew. */
void change_move(struct change *c, struct place begin);

/* It is in force; its first frame begins at `at`. */
void change_done(struct change *c, struct place at);

/* It cannot be made, or nobody wants it any more. */
void change_cancel(struct change *c);

/* Its first frame came too late: the next one begins farther ahead. */
void change_note_late(struct change *c);

/* Another change of sound is asked for: what made the last ones late may be over. */
void change_calm_down(struct change *c, struct place next);

/* A ticket: of the change that was wanted last or, with `next`, of the one that will follow it. */
uint32_t change_ticket(const struct change *c, bool next);

/* True if what the ticket waits for is in force, or will not come any more. */
bool change_serves(const struct change *c, uint32_t ticket);

#endif
