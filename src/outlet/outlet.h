/*
 * An outlet is where the frames of one channel go: today it is a socket of the channel's owner,
 * tomorrow it may be a voice connection. Its maker says in which flow frames are wanted; the
 * session that plays into it is plugged in, and is told of a change.
 */
#ifndef TUTTI_OUTLET_OUTLET_H
#define TUTTI_OUTLET_OUTLET_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outlet_flow {
    OUTLET_HOLD,   /* nobody listens: the session keeps its position */
    OUTLET_PACED,  /* one frame every 20 ms of schedule */
    OUTLET_CREDIT, /* frames as credit allows, at once */
};

struct outlet;
struct outlet_plug;

struct outlet_ops {
    /* rt: takes a frame; it leaves at the next flush. packet_len 0 is the end marker. */
    void (*frame)(struct outlet *o, uint32_t sequence, const uint8_t *packet, uint32_t packet_len);
    /* rt: says whose frames follow from `sequence` on, and from which place [samples at 48 kHz]. Is
     * called only where `marks` is not 0. */
    void (*mark)(struct outlet *o, uint32_t sequence, const char *play_id, int64_t position);
    /* rt: nothing follows for now: a pause, a drought, the end of all. May be NULL. */
    void (*rest)(struct outlet *o);
    /* Credit flow: frames that may be sent now, 0 while the other side does not read. */
    uint32_t (*credit)(struct outlet *o);
    /* Credit flow: one frame of it was used. */
    void (*spend)(struct outlet *o);
    /* The last one that held it has let go. */
    void (*unused)(struct outlet *o);
};

/* Embedded in the session. */
struct outlet_plug {
    /* The flow is another one, there is credit, or frames are taken again. */
    void (*changed)(struct outlet_plug *plug);
};

/* Embedded in its maker's struct, zeroed but for the first two. */
struct outlet {
    const struct outlet_ops *ops;
    uint64_t channel;
    enum outlet_flow flow;    /* changed by its maker, who then calls outlet_tell */
    uint64_t marks;           /* numbers the connections that want marks; 0: this one wants none */
    struct outlet_plug *plug; /* of the session that plays into it, or NULL */
    unsigned n_holders;
    bool sounds; /* frames were given since the last rest */
};

static inline struct outlet *outlet_hold(struct outlet *o)
{
    o->n_holders++;
    return o;
}

static inline void outlet_release(struct outlet *o)
{
    assert(o->n_holders > 0);
    if (--o->n_holders == 0)
        o->ops->unused(o);
}

static inline void outlet_tell(const struct outlet *o)
{
    if (o->plug)
        o->plug->changed(o->plug);
}

/* rt */
static inline void outlet_frame(struct outlet *o, uint32_t sequence, const uint8_t *packet,
                                uint32_t packet_len)
{
    o->sounds = true;
    o->ops->frame(o, sequence, packet, packet_len);
}

/* rt: said once after frames, however often it is so. */
static inline void outlet_rest(struct outlet *o)
{
    if (o->sounds && o->ops->rest)
        o->ops->rest(o);
    o->sounds = false;
}

#endif
