#include "server/outlets.h"

#include "base/container.h"
#include "proto/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

struct channel_outlet {
    struct outlet outlet;
    uint64_t channel;
    struct outlet_set *set;
    struct bot_call *call; /* that takes the frames of this channel, or NULL */
    UT_hash_handle hh;
};

static struct channel_outlet *from_outlet(struct outlet *o)
{
    return CONTAINER_OF(o, struct channel_outlet, outlet);
}

/* A call has no use for the end markers of plays: it is told of rests. */
static void on_frame(struct outlet *o, uint32_t sequence, const uint8_t *packet, uint32_t len)
{
    const struct channel_outlet *c = from_outlet(o);
    const struct outlet_set *s = c->set;
    struct tap *tap, *tmp;
    if (c->call) {
        if (len > 0)
            call_frame(c->call, packet, len);
        return;
    }
    if (s->tap)
        batch_put(&s->tap->batch, s->owner, o->channel, sequence, packet, len);
    if (s->ever_attached)
        return;
    DL_FOREACH_SAFE(s->taps->open, tap, tmp)
    {
        batch_put(&tap->batch, s->owner, o->channel, sequence, packet, len);
    }
}

static void on_mark(struct outlet *o, uint32_t sequence, const char *play_id, int64_t position)
{
    const struct outlet_set *s = from_outlet(o)->set;
    uint8_t mark[FRAME_MARK_MAX];
    if (s->tap)
        batch_put(&s->tap->batch, s->owner, 0, sequence, mark,
                  frame_put_mark(mark, o->channel, position, play_id));
}

static uint32_t on_credit(struct outlet *o)
{
    const struct tap *tap = from_outlet(o)->set->tap;
    return tap && !batch_is_blocked(&tap->batch) ? credits_of(&tap->credits, o->channel) : 0;
}

static void on_spend(struct outlet *o)
{
    struct tap *tap = from_outlet(o)->set->tap;
    if (tap)
        credits_spend(&tap->credits, o->channel);
}

static void on_unused(struct outlet *o)
{
    struct channel_outlet *c = from_outlet(o);
    HASH_DEL(c->set->by_channel, c);
    free(c);
}

/* A client hears of a rest from the events. */
static void on_rest(struct outlet *o)
{
    const struct channel_outlet *c = from_outlet(o);
    if (c->call)
        call_rest(c->call);
}

static const struct outlet_ops ops = {
    .frame = on_frame,
    .mark = on_mark,
    .rest = on_rest,
    .credit = on_credit,
    .spend = on_spend,
    .unused = on_unused,
};

/* ---- the outlets of an owner ---- */

static enum outlet_flow flow_of(const struct outlet_set *s)
{
    if (s->is_away)
        return OUTLET_HOLD;
    if (s->tap)
        return s->tap->is_credit_flow ? OUTLET_CREDIT : OUTLET_PACED;
    return !s->ever_attached && s->taps->open ? OUTLET_PACED : OUTLET_HOLD;
}

/* Tells the session that plays into it if frames flow otherwise now. */
static void update_channel(struct channel_outlet *c)
{
    enum outlet_flow flow = c->call ? call_flow(c->call) : c->set->flow;
    c->outlet.marks = c->call ? 0 : c->set->marks;
    if (flow == c->outlet.flow)
        return;
    c->outlet.flow = flow;
    outlet_tell(&c->outlet);
}

/* Works out anew how frames flow. */
static void update(struct outlet_set *s)
{
    struct channel_outlet *c, *tmp;
    s->flow = flow_of(s);
    HASH_ITER(hh, s->by_channel, c, tmp) update_channel(c);
}

void outlet_set_init(struct outlet_set *s, struct taps *taps, uint64_t owner)
{
    *s = (struct outlet_set){ .taps = taps, .owner = owner };
    DL_APPEND(taps->sets, s);
    s->flow = flow_of(s);
}

void outlet_set_done(struct outlet_set *s)
{
    assert(!s->by_channel && !s->tap);
    DL_DELETE(s->taps->sets, s);
}

static struct channel_outlet *find(const struct outlet_set *s, uint64_t channel)
{
    struct channel_outlet *c;
    HASH_FIND(hh, s->by_channel, &channel, sizeof channel, c);
    return c;
}

static struct channel_outlet *add(struct outlet_set *s, uint64_t channel)
{
    struct channel_outlet *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->outlet = (struct outlet){ .ops = &ops, .channel = channel };
    c->channel = channel;
    c->set = s;
    c->call = s->taps->calls ? calls_find(s->taps->calls, channel) : NULL;
    update_channel(c);
    HASH_ADD(hh, s->by_channel, channel, sizeof c->channel, c);
    if (!c->hh.tbl) {
        free(c);
        return NULL;
    }
    return c;
}

struct outlet *outlet_set_get(struct outlet_set *s, uint64_t channel)
{
    struct channel_outlet *c = find(s, channel);
    if (!c)
        c = add(s, channel);
    return c ? outlet_hold(&c->outlet) : NULL;
}

void outlet_set_away(struct outlet_set *s, bool is_away)
{
    s->is_away = is_away;
    update(s);
}

/* ---- connections ---- */

static void update_all(struct taps *taps)
{
    struct outlet_set *s;
    DL_FOREACH(taps->sets, s)
    {
        update(s);
    }
}

void tap_open(struct taps *taps, struct tap *tap)
{
    bool is_first = !taps->open;
    tap->is_open = true;
    DL_APPEND(taps->open, tap);
    if (is_first)
        update_all(taps);
}

void tap_off(struct taps *taps, struct tap *tap)
{
    struct outlet_set *s = tap->set;
    tap->set = NULL;
    if (s) {
        s->tap = NULL;
        update(s);
    }
    if (!tap->is_open)
        return;
    tap->is_open = false;
    DL_DELETE(taps->open, tap);
    if (!taps->open)
        update_all(taps);
}

void tap_attach(struct tap *tap, struct outlet_set *s, bool wants_marks)
{
    assert(!tap->is_open && (!tap->set || tap->set == s) && (!s->tap || s->tap == tap));
    tap->set = s;
    s->tap = tap;
    s->ever_attached = true;
    s->marks = wants_marks ? ++s->taps->last_marks : 0;
    update(s);
}

bool tap_has_call(const struct taps *taps, uint64_t channel)
{
    return taps->calls && calls_find(taps->calls, channel);
}

/* What a client has credited before means nothing behind a call, nor in one. */
void taps_reroute(struct taps *taps, uint64_t channel)
{
    struct bot_call *call = taps->calls ? calls_find(taps->calls, channel) : NULL;
    struct outlet_set *s;
    DL_FOREACH(taps->sets, s)
    {
        struct channel_outlet *c = find(s, channel);
        if (s->tap)
            credits_take(&s->tap->credits, channel);
        if (!c)
            continue;
        if (c->call != call)
            c->outlet.sounds = false; /* where it goes now, nothing has sounded yet */
        c->call = call;
        update_channel(c);
    }
}

void tap_go_on(const struct tap *tap, uint64_t channel)
{
    const struct outlet_set *s = tap->set;
    struct channel_outlet *c, *tmp;
    if (!s || !tap->is_credit_flow)
        return;
    if (channel != 0) {
        c = find(s, channel);
        if (c)
            outlet_tell(&c->outlet);
        return;
    }
    HASH_ITER(hh, s->by_channel, c, tmp)
    {
        outlet_tell(&c->outlet);
    }
}
