/* The worker's side of the frame ring. See ring/layout.h. One thread; no allocation. */
#ifndef TUTTI_RING_PRODUCER_H
#define TUTTI_RING_PRODUCER_H

#include "ring/layout.h"

#include <stdbool.h>

/* Visible because a worker embeds it; the fields belong to producer.c. */
struct ring_producer {
    struct ring_header *header;
    struct ring_shape shape;
    uint32_t depth; /* [records] that the caller means to keep waiting at the most */
    struct ring_producer_lane {
        struct ring_record *records;
        uint8_t *bytes;
        uint32_t write; /* our own index; the shared one is only written */
        uint32_t at;    /* [bytes] where the next packet goes */
        bool wrapped;   /* the live packets run over the end of the bytes */
    } lane[RING_LANES];
};

/* Maps `fd` (which may be closed afterwards). Returns 0, -EPROTO if it is no ring of this shape, or
 * the errno of the system. */
int ring_producer_init(struct ring_producer *p, int fd, const struct ring_shape *shape);
void ring_producer_done(struct ring_producer *p);

/* Says how many records the caller means to have waiting at the most; a lane then touches little
 * more memory than they need. Until it is said, lanes use all they have. */
void ring_producer_set_depth(struct ring_producer *p, uint32_t depth);

/* Records in the lane that the consumer has not taken yet. */
uint32_t ring_producer_fill(const struct ring_producer *p, unsigned lane);

/* Appends one frame; `record->offset` is filled in here, `record->len` says how many `bytes`.
 * Returns 0, or -EAGAIN when there is no room: nothing has changed then. */
int ring_put(struct ring_producer *p, unsigned lane, const struct ring_record *record,
             const void *bytes);

/* True once if the consumer has said that it waits for frames: ring its bell then. To be asked
 * after ring_put; a run of frames may share one question. */
bool ring_consumer_waits(struct ring_producer *p);

/* Announces that the producer will sleep until the lane holds at most `wake_fill` records. Returns
 * true if it may sleep (the bell will ring), false if there is room already. */
bool ring_producer_sleep(struct ring_producer *p, unsigned lane, uint32_t wake_fill);

void ring_set_state(struct ring_producer *p, enum ring_worker_state state);

#endif
