/*
 * The frames that an audio connection could not take at once, in order. At most
 * OUTQUEUE_CHANNEL_FRAMES of one channel wait: beyond that the channel's oldest goes. End markers
 * are never dropped, nor is a frame of which a part has left.
 */
#ifndef TUTTI_SERVER_OUTQUEUE_H
#define TUTTI_SERVER_OUTQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outqueue;
struct iovec;

enum {
    OUTQUEUE_CHANNEL_FRAMES = 25,
    OUTQUEUE_MARKERS_MAX = 65536, /* a client that lets more than this wait does not read at all */
};

struct outqueue *outqueue_new(void);
void outqueue_free(struct outqueue *q);

bool outqueue_is_empty(const struct outqueue *q);

/* Adds a whole frame (head and packet), of which `sent` bytes have left already: sent > 0 only for
 * the first one of an empty queue. With `may_drop` a full channel's oldest frame is dropped first
 * and *ret_dropped set. Returns 0, -ENOMEM, or -ENOBUFS for too many end markers. */
int outqueue_add(struct outqueue *q, const uint8_t *frame, size_t size, size_t sent, bool may_drop,
                 bool *ret_dropped);

/* Shows the first bytes to send: at most `max` pieces. Returns how many. */
size_t outqueue_peek(const struct outqueue *q, struct iovec *iov, size_t max);

/* Forgets the first `n_bytes`, which have left. */
void outqueue_consume(struct outqueue *q, size_t n_bytes);

#endif
