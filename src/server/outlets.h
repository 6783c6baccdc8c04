/*
 * Where the frames of an owner go that speaks over Unix sockets: to the audio connection that is
 * attached for it or, until one ever was, to every connection that never attached. There is an
 * outlet for each channel in which it has a play; all of them flow alike.
 */
#ifndef TUTTI_SERVER_OUTLETS_H
#define TUTTI_SERVER_OUTLETS_H

#include "call/calls.h"
#include "outlet/batch.h"
#include "outlet/outlet.h"
#include "server/credits.h"

#include <stdbool.h>
#include <stdint.h>

struct outlet_set;
struct channel_outlet;

/* What an audio connection takes frames by; embedded in it. The first three are its own, the rest
 * belongs to outlets.c. */
struct tap {
    struct batch batch;
    struct credits credits;
    bool is_credit_flow;
    struct outlet_set *set; /* that it is attached to, or NULL */
    bool is_open;           /* it has never attached */
    struct tap *prev, *next;
};

/* Everything that frames leave by. Zeroed, it is ready. */
struct taps {
    struct batches batches;
    struct tap *open;        /* utlist: those that never attached */
    struct outlet_set *sets; /* utlist */
    uint64_t last_marks;     /* of the connections that wanted them */
    struct bot_calls *calls; /* they come before all taps; NULL: there are none */
};

/* The outlets of one owner. */
struct outlet_set {
    struct taps *taps;
    uint64_t owner;
    struct tap *tap; /* that is attached, or NULL */
    bool ever_attached;
    bool is_away; /* there is nobody who commands: frames wait */
    enum outlet_flow flow;
    uint64_t marks;                    /* as of an outlet */
    struct channel_outlet *by_channel; /* uthash */
    struct outlet_set *prev, *next;
};

void outlet_set_init(struct outlet_set *s, struct taps *taps, uint64_t owner);

/* No outlet of it is held any more; its tap has been taken off. */
void outlet_set_done(struct outlet_set *s);

/* The owner's outlet for a channel, held for the caller. NULL without memory. */
struct outlet *outlet_set_get(struct outlet_set *s, uint64_t channel);

/* Whether there is nobody who commands. */
void outlet_set_away(struct outlet_set *s, bool is_away);

/* A connection that has not attached yet takes the frames of all that never attached either, … */
void tap_open(struct taps *taps, struct tap *tap);

/* … then, taken off, those of one owner, whose tap before it has been taken off as well. A tap that
 * is attached to this owner already may have another flow now. */
void tap_attach(struct tap *tap, struct outlet_set *s, bool wants_marks);

/* Takes it off: it is about to be closed, or to attach elsewhere. */
void tap_off(struct taps *taps, struct tap *tap);

/* A channel that is heard by a voice connection takes no credit. */
bool tap_has_call(const struct taps *taps, uint64_t channel);

/* A channel has a call now, has none any more, or its call flows otherwise. */
void taps_reroute(struct taps *taps, uint64_t channel);

/* Frames are taken again (channel 0), or there is credit for a channel. */
void tap_go_on(const struct tap *tap, uint64_t channel);

#endif
