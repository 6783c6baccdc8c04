/*
 * An outlet is where one client's frames go. Sessions see this interface only; today it is an audio
 * socket, tomorrow it may be a voice connection. The owner of the outlet says in `flow` how frames
 * are wanted and tells the sessions when that changes.
 */
#ifndef TUTTI_PLAYOUT_OUTLET_H
#define TUTTI_PLAYOUT_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outlet_flow {
    OUTLET_HOLD,   /* nobody listens: sessions keep their position */
    OUTLET_PACED,  /* one frame every 20 ms of schedule */
    OUTLET_CREDIT, /* frames as credit allows, at once */
};

struct outlet;

struct outlet_ops {
    /* rt: takes a frame; it leaves at the next flush. packet_len 0 is the end marker. */
    void (*frame)(struct outlet *o, uint64_t channel, uint32_t sequence, const uint8_t *packet,
                  uint32_t packet_len);
    /* rt: says whose frames follow from `sequence` on, and from which place [samples at 48 kHz]. Is
     * called only where `marks` is not 0. */
    void (*mark)(struct outlet *o, uint64_t channel, uint32_t sequence, const char *play_id,
                 int64_t position);
    /* Credit flow: frames that may be sent to this channel now, 0 while the other side does not
     * read. */
    uint32_t (*credit)(struct outlet *o, uint64_t channel);
    /* Credit flow: one frame of it was used. */
    void (*spend)(struct outlet *o, uint64_t channel);
    /* rt: sends what was taken. */
    void (*flush)(struct outlet *o);
};

/* Embedded in its owner, which changes it; sessions only read it. */
struct outlet {
    const struct outlet_ops *ops;
    enum outlet_flow flow;
    uint64_t marks; /* numbers the connections that want marks; 0: this one wants none */
};

#endif
