/*
 * The frames that a descriptor could not take at once, in order. So many of one channel
 * wait: beyond that the channel's oldest goes. So many bytes wait in all, of channels that have
 * long ended as well: beyond that the oldest of all goes. End markers and marks are never dropped,
 * nor is a frame of which a part has left.
 */
#ifndef TUTTI_OUTLET_OUTQUEUE_H
#define TUTTI_OUTLET_OUTQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LIMIT_WAITING_CHANNEL_FRAMES = 25,
    LIMIT_WAITING_MARKERS = 65536,  /* one that lets more than this wait does not read at all */
    LIMIT_WAITING_BYTES = 64 << 20, /* half a second of 4,096 channels is 42 MB */
};

struct outqueue;
struct iovec;

/* What it takes of memory is counted in *total, too, which several queues may share and which
 * outlives them. NULL without memory. */
struct outqueue *outqueue_new(size_t *total);
void outqueue_free(struct outqueue *q);

bool outqueue_is_empty(const struct outqueue *q);

/* The memory that it takes, frames and what they are kept in. */
size_t outqueue_bytes(const struct outqueue *q);

/* Adds a whole frame (head and packet), of which `sent` bytes have left already: sent > 0 only for
 * the first one of an empty queue. With `may_drop` frames are dropped for it where a limit asks for
 * that, and added to *n_dropped. Returns 0, -ENOMEM, or -ENOBUFS where too much waits that may not
 * be dropped: the queue is of no use then. */
int outqueue_add(struct outqueue *q, const uint8_t *frame, size_t size, size_t sent, bool may_drop,
                 uint64_t *n_dropped);

/* Drops the oldest frame. Returns false if there is none that may be dropped. */
bool outqueue_drop(struct outqueue *q);

/* Shows the first bytes to send: at most `max` pieces. Returns how many. */
size_t outqueue_peek(const struct outqueue *q, struct iovec *iov, size_t max);

/* Forgets the first `n_bytes`, which have left. */
void outqueue_consume(struct outqueue *q, size_t n_bytes);

#endif
