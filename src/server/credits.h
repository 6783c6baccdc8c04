/* The credit that a client in credit flow has given its channels: how many more frames of each may
 * be sent. */
#ifndef TUTTI_SERVER_CREDITS_H
#define TUTTI_SERVER_CREDITS_H

#include <stdint.h>

struct credit;

/* Embedded in the connection that the client is attached by; zeroed, it is empty. */
struct credits {
    struct credit *by_channel; /* uthash */
};

/* Takes all of it back. */
void credits_clear(struct credits *k);

/* Gives a channel more; beyond LIMIT_CREDIT_CHANNELS the one that has had none for longest loses
 * what it has. Returns 0 or -ENOMEM. */
int credits_give(struct credits *k, uint64_t channel, uint32_t n_frames);

uint32_t credits_of(const struct credits *k, uint64_t channel);

/* Takes back what a channel has. */
void credits_take(struct credits *k, uint64_t channel);

/* One frame of it was used. */
void credits_spend(struct credits *k, uint64_t channel);

#endif
