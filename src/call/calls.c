#include "call/calls.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* A bot's place in a guild. Compared as bytes: it has no holes. */
struct guild_place {
    uint64_t user, guild;
};

struct bot_call {
    struct bot_calls *all;
    uint64_t owner, channel;
    struct guild_place place;
    uint64_t voice_channel;
    struct voice_call *voice;
    UT_hash_handle by_channel, by_place;
};

struct bot_calls {
    struct voice *voice;
    struct calls_ops ops;
    struct bot_call *by_channel, *by_place;
};

struct bot_calls *calls_new(struct voice *voice, const struct calls_ops *ops)
{
    struct bot_calls *all = calloc(1, sizeof *all);
    if (!all)
        return NULL;
    *all = (struct bot_calls){ .voice = voice, .ops = *ops };
    return all;
}

/* ---- what is told ---- */

uint64_t call_owner(const struct bot_call *call)
{
    return call->owner;
}

struct call_info call_info(const struct bot_call *call)
{
    return (struct call_info){
        .channel = call->channel,
        .guild = call->place.guild,
        .user = call->place.user,
        .voice_channel = call->voice_channel,
        .state = (enum call_state)voice_state(call->voice),
        .ping_ms = voice_ping_ms(call->voice),
    };
}

_Static_assert((int)CALL_CONNECTING == VMSG_CONNECTING && (int)CALL_READY == VMSG_READY &&
                   (int)CALL_RESUMING == VMSG_RESUMING && (int)CALL_CLOSED == VMSG_CLOSED,
               "the states of a call are those of its connection, and one more");

static void say(const struct bot_call *call, enum call_state state, unsigned close_code,
                const char *why)
{
    struct call_info info = call_info(call);
    info.state = state;
    struct event e = { .type = EVENT_VOICE,
                       .channel = call->channel,
                       .call = &info,
                       .close_code = close_code,
                       .message = why && *why ? why : NULL };
    call->all->ops.said(&e, call->owner, call->all->ops.arg);
}

static void on_changed(enum vmsg_state state, unsigned close_code, const char *why, void *arg)
{
    struct bot_call *call = arg;
    struct bot_calls *all = call->all;
    uint64_t channel = call->channel;
    say(call, (enum call_state)state, close_code, why);
    all->ops.rerouted(channel, all->ops.arg);
}

/* ---- calls ---- */

static struct bot_call *find_place(struct bot_calls *all, const struct guild_place *place)
{
    struct bot_call *call = NULL;
    HASH_FIND(by_place, all->by_place, place, sizeof *place, call);
    return call;
}

struct bot_call *calls_find(struct bot_calls *all, uint64_t channel)
{
    struct bot_call *call = NULL;
    HASH_FIND(by_channel, all->by_channel, &channel, sizeof channel, call);
    return call;
}

static void end(struct bot_call *call)
{
    struct bot_calls *all = call->all;
    uint64_t channel = call->channel;
    HASH_DELETE(by_channel, all->by_channel, call);
    HASH_DELETE(by_place, all->by_place, call);
    voice_hang_up(call->voice);
    free(call);
    all->ops.rerouted(channel, all->ops.arg);
}

static void replace(struct bot_call *call, const char *why)
{
    say(call, CALL_DISCONNECTED, 0, why);
    end(call);
}

/* Into both tables, or into none. */
static int add(struct bot_calls *all, struct bot_call *call)
{
    HASH_ADD(by_channel, all->by_channel, channel, sizeof call->channel, call);
    if (!call->by_channel.tbl)
        return -ENOMEM;
    HASH_ADD(by_place, all->by_place, place, sizeof call->place, call);
    if (call->by_place.tbl)
        return 0;
    HASH_DELETE(by_channel, all->by_channel, call);
    return -ENOMEM;
}

static int begin(struct bot_calls *all, uint64_t owner, uint64_t channel,
                 const struct voice_credentials *credentials)
{
    assert(owner != 0 && channel != 0 && !calls_find(all, channel));
    struct bot_call *call = calloc(1, sizeof *call);
    if (!call)
        return -ENOMEM;
    *call = (struct bot_call){ .all = all,
                               .owner = owner,
                               .channel = channel,
                               .place = { credentials->user, credentials->guild },
                               .voice_channel = credentials->channel };
    int r = add(all, call);
    if (r == 0) {
        r = voice_call(all->voice, credentials, on_changed, call, &call->voice);
        if (r < 0) {
            HASH_DELETE(by_channel, all->by_channel, call);
            HASH_DELETE(by_place, all->by_place, call);
        }
    }
    if (r < 0) {
        free(call);
        return r;
    }
    all->ops.rerouted(channel, all->ops.arg);
    return 0;
}

int calls_connect(struct bot_calls *all, uint64_t owner, uint64_t channel,
                  const struct voice_credentials *credentials)
{
    const struct guild_place place = { credentials->user, credentials->guild };
    struct bot_call *there = find_place(all, &place);
    if (there && there->channel == channel) {
        int r = voice_move(there->voice, credentials);
        if (r < 0)
            return r;
        there->owner = owner;
        there->voice_channel = credentials->channel;
        all->ops.rerouted(channel, all->ops.arg);
        return 0;
    }
    int r = voice_check(all->voice, credentials);
    if (r < 0)
        return r;
    if (there)
        replace(there, "the bot has connected another channel in this guild");
    struct bot_call *here = calls_find(all, channel);
    if (here)
        replace(here, "another bot or guild has connected this channel");
    return begin(all, owner, channel, credentials);
}

bool calls_disconnect(struct bot_calls *all, uint64_t channel)
{
    struct bot_call *call = calls_find(all, channel);
    if (call)
        end(call);
    return call != NULL;
}

void calls_owner_gone(struct bot_calls *all, uint64_t owner)
{
    struct bot_call *call, *next;
    HASH_ITER(by_channel, all->by_channel, call, next)
    {
        if (call->owner == owner)
            end(call);
    }
}

bool calls_have_of(const struct bot_calls *all, uint64_t owner)
{
    const struct bot_call *call = all->by_channel;
    while (call && call->owner != owner)
        call = call->by_channel.next;
    return call != NULL;
}

void calls_free(struct bot_calls *all)
{
    if (!all)
        return;
    struct bot_call *call, *next;
    HASH_ITER(by_channel, all->by_channel, call, next) end(call);
    free(all);
}

void calls_list(const struct bot_calls *all, uint64_t channel, uint64_t owner,
                void (*fn)(const struct call_info *info, void *arg), void *arg)
{
    for (const struct bot_call *call = all->by_channel; call; call = call->by_channel.next) {
        if ((channel != 0 && call->channel != channel) || (owner != 0 && call->owner != owner))
            continue;
        struct call_info info = call_info(call);
        fn(&info, arg);
    }
}

/* ---- frames ---- */

enum outlet_flow call_flow(const struct bot_call *call)
{
    enum vmsg_state state = voice_state(call->voice);
    return state == VMSG_READY || state == VMSG_RESUMING ? OUTLET_PACED : OUTLET_HOLD;
}

void call_frame(struct bot_call *call, const uint8_t *packet, uint32_t len)
{
    voice_put(call->voice, packet, len);
}

void call_rest(struct bot_call *call)
{
    voice_rest(call->voice);
}
