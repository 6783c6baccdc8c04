/*
 * The calls: which of Tutti's channels are heard in which of Discord's voice channels. A call is a
 * bot's place in a guild, of which Discord grants one: it is keyed by user and guild, and bound to
 * one channel. It belongs to an owner and outlives the owner's connection by the grace time.
 *
 * While a channel has a call, the call is where its frames go: one every 20 ms while it stands,
 * none (the play keeps its place) while it is on the way or over.
 */
#ifndef TUTTI_CALL_CALLS_H
#define TUTTI_CALL_CALLS_H

#include "link/voice.h"
#include "outlet/outlet.h"
#include "proto/event.h"

#include <stdbool.h>
#include <stdint.h>

struct bot_calls;
struct bot_call;

struct calls_ops {
    /* Says an event about a call to its owner. */
    void (*said)(const struct event *e, uint64_t owner, void *arg);
    /* The frames of this channel go elsewhere from now on, or flow otherwise. */
    void (*rerouted)(uint64_t channel, void *arg);
    void *arg;
};

/* NULL without memory. `voice` must stay. */
struct bot_calls *calls_new(struct voice *voice, const struct calls_ops *ops);

/* Hangs up what is left, without a word. NULL is fine. */
void calls_free(struct bot_calls *all);

/* Connects a channel, or moves the call that it has to another server. A call of the same user and
 * guild on another channel, and another call on this one, end; of them it is told. Returns as
 * voice_call does. */
int calls_connect(struct bot_calls *all, uint64_t owner, uint64_t channel,
                  const struct voice_credentials *credentials);

/* Leaves. Returns false if the channel has no call. Nothing is told: it was asked for. */
bool calls_disconnect(struct bot_calls *all, uint64_t channel);

/* The owner does not come back: its calls end. */
void calls_owner_gone(struct bot_calls *all, uint64_t owner);

bool calls_have_of(const struct bot_calls *all, uint64_t owner);

/* NULL if the channel has none. It is valid until `rerouted` tells of another. */
struct bot_call *calls_find(struct bot_calls *all, uint64_t channel);

enum outlet_flow call_flow(const struct bot_call *call); /* OUTLET_PACED or OUTLET_HOLD */

/* rt: as voice_put and voice_rest. */
void call_frame(struct bot_call *call, const uint8_t *packet, uint32_t len);
void call_rest(struct bot_call *call);

uint64_t call_owner(const struct bot_call *call);
struct call_info call_info(const struct bot_call *call);

/* Calls `fn` for the call of one channel (0: all) of one owner (0: any). */
void calls_list(const struct bot_calls *all, uint64_t channel, uint64_t owner,
                void (*fn)(const struct call_info *info, void *arg), void *arg);

#endif
