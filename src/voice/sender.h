/*
 * The sending thread: takes batches of frames from the daemon, encrypts each frame when it is due
 * and sends the batch with one sendmmsg for each UDP socket. It makes no other system call, takes
 * no memory, and waits for nothing but the next batch. Everything that may take its time (names,
 * TLS, the gateway) runs in the main thread, which changes what the sending thread knows under a
 * lock that is held for microseconds and inherits precedence.
 *
 * A wire is where the packets of a connection go. The server must hear "speaking" (gateway op 5)
 * before the first packet of a talk:
 *
 *             frame               sender_allow
 *    QUIET ──────────▶ ASKS ───────────────────▶ TALKS ◀─────┐
 *      ▲                │ rest                     │ rest    │ frame
 *      │◀───────────────┘                          ▼         │
 *      └────────────────────────────────────────── RESTS ────┘
 *                    five packets of silence
 *
 * The frames that ask are kept, at most the newest three, and sent by sender_allow, as a rule a
 * millisecond later.
 */
#ifndef TUTTI_VOICE_SENDER_H
#define TUTTI_VOICE_SENDER_H

#include "proto/vmsg.h"
#include "voice/outbox.h"

#include <stdbool.h>
#include <stdint.h>

struct sender;

struct wire_config {
    int fd; /* UDP; borrowed, must stay open as long as the sender is there */
    union udp_address to;
    enum vmsg_mode mode;
    uint8_t key[VMSG_KEY_BYTES];
    uint32_t ssrc;
    bool is_speaking; /* the server has heard so already */
};

enum sender_news {
    SENDER_ASKS,   /* tell the server that it speaks, then sender_allow */
    SENDER_RESTED, /* tell the server that it speaks no more */
};

/* `wake` is called in the sending thread when there is news. Returns 0 or negative errno. */
int sender_new(void (*wake)(void *arg), void *arg, struct sender **ret_sender);

/* Begins: `audio` is the socket of the batches, which it owns from now on. Once. Returns 0 or
 * negative errno; then the caller still owns the socket. */
int sender_start(struct sender *s, int audio);

/* Ends the thread. NULL is fine. */
void sender_free(struct sender *s);

/* Makes the wire of a connection, or puts another in its place. Returns 0 or negative errno: then
 * nothing has changed. */
int sender_put(struct sender *s, uint32_t id, const struct wire_config *config);

/* No packet leaves for this connection any more. */
void sender_drop(struct sender *s, uint32_t id);

/* The server has heard that the connection speaks. */
void sender_allow(struct sender *s, uint32_t id);

/* Takes the oldest news. Returns false if there is none. */
bool sender_take_news(struct sender *s, uint32_t *ret_id, enum sender_news *ret_news);

/* Whether the server has to believe that it speaks: it talks, or its silence is on the way. */
bool sender_is_speaking(struct sender *s, uint32_t id);

struct vmsg_counts sender_counts(struct sender *s);

#endif
