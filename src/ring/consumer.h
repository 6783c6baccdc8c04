/* The daemon's side of the frame ring. See ring/layout.h. It believes nothing that it reads. */
#ifndef TUTTI_RING_CONSUMER_H
#define TUTTI_RING_CONSUMER_H

#include "ring/layout.h"

#include <stdbool.h>

struct ring_consumer;

/* Makes a ring in a new sealed memfd, which the caller passes to the producer and closes.
 * Returns 0 or negative errno. */
int ring_consumer_new(const struct ring_shape *shape, struct ring_consumer **ret_ring, int *ret_fd);
void ring_consumer_free(struct ring_consumer *c);

const struct ring_shape *ring_consumer_shape(const struct ring_consumer *c);

/* Looks at the lane's oldest record. Returns 1 with a checked copy of it in *ret_record and its
 * packet at *ret_packet (inside the shared memory, record->len bytes: copy it once, it may change),
 * 0 if the lane is empty, -EPROTO if the producer has written nonsense: the ring is dead then. */
int ring_peek(struct ring_consumer *c, unsigned lane, struct ring_record *ret_record,
              const uint8_t **ret_packet);

/* Whether the lane's oldest record looks like an end: cheaper than ring_peek, which has the word.
 */
bool ring_may_end(const struct ring_consumer *c, unsigned lane);

/* Takes the record that the last ring_peek of this lane showed. */
void ring_pop(struct ring_consumer *c, unsigned lane);

/* Takes every record of the lane that has been written so far. */
void ring_discard(struct ring_consumer *c, unsigned lane);

/* Copies the newest record of the lane. Returns false if there is none, or it makes no sense. */
bool ring_newest(const struct ring_consumer *c, unsigned lane, struct ring_record *ret_record);

/* The same, but it may have been taken already. */
bool ring_last_made(const struct ring_consumer *c, unsigned lane, struct ring_record *ret_record);

/* Frames made since the ring is there, as the worker counts them; only a hint. */
uint32_t ring_frames_made(const struct ring_consumer *c);

/* Records waiting in the lane, at most n_slots whatever the producer claims. */
uint32_t ring_consumer_fill(const struct ring_consumer *c, unsigned lane);

/* True once when the producer sleeps and the lane holds little enough: ring its bell then. To be
 * asked after ring_pop. */
bool ring_producer_wants_bell(struct ring_consumer *c, unsigned lane);

/* True while the lane holds more than three quarters of what the producer wants to be woken at. */
bool ring_producer_has_time(const struct ring_consumer *c, unsigned lane);

/* Asks for a bell at the producer's next record, in whichever lane. Returns false if there is a
 * record in this lane already; the bell may ring all the same. */
bool ring_consumer_wait(struct ring_consumer *c, unsigned lane);

/* True while the producer says that it sleeps until its bell is rung; only a hint. */
bool ring_producer_sleeps(const struct ring_consumer *c);

/* What the worker says it does; only a hint. */
enum ring_worker_state ring_worker_state(const struct ring_consumer *c);

#endif
