/* The audio socket as its client sees it: the parser of its byte stream, and the connection. */
#ifndef TUTTI_CLI_FRAMES_H
#define TUTTI_CLI_FRAMES_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct received_frame {
    uint64_t channel;
    uint32_t sequence;
    const uint8_t *packet; /* in the parser's buffer: valid until the next call */
    size_t len;            /* [bytes] of the packet; 0: the end of a play */
};

/* The body is open so that a test can fill the buffer as it likes. */
struct frames {
    struct buf in;
    size_t held_bytes; /* at the front of `in`: the frame given out last */
};

void frames_init(struct frames *f);
void frames_done(struct frames *f);

/* Takes the first whole frame off the buffer. Returns 1, 0 if more bytes are needed, or -EPROTO if
 * these bytes cannot be a frame: nothing after them can be trusted then. */
int frames_take(struct frames *f, struct received_frame *ret);

struct receiver;

/* Connects to the audio socket as the client `client_id`, in credit flow or paced, and waits until
 * the daemon confirms. Returns 0 and a connection to be freed with receiver_free, or negative
 * errno: -EPIPE if the daemon refused, -ETIMEDOUT, -EPROTO. */
int receiver_open(const char *path, const char *client_id, bool credit_flow, struct receiver **ret);
void receiver_free(struct receiver *a);

/* To poll for input; owned by the connection. */
int receiver_fd(const struct receiver *a);

/* The next frame, without waiting. Returns 1, 0 if none has arrived, -EPIPE when the daemon has
 * gone or another connection has taken this one's place, or negative errno. */
int receiver_next(struct receiver *a, struct received_frame *ret);

/* Permits `n_frames` more frames of the channel. Returns 0 or negative errno. */
int receiver_credit(struct receiver *a, uint64_t channel, unsigned n_frames);

#endif
