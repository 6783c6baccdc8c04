/*
 * The volumes that are kept for channels (`volume` with `keep`), whether anything plays there or
 * not. Each belongs to the owner that set it last and goes with that owner. Beyond a limit the
 * one that was set longest ago is forgotten.
 */
#ifndef TUTTI_SESSION_VOLUMES_H
#define TUTTI_SESSION_VOLUMES_H

#include <stdint.h>

enum { VOLUMES_MAX = 16384 }; /* channels: as many as a connection's credit */

struct kept_volume;

struct volumes {
    struct kept_volume *by_channel; /* uthash, the one set longest ago first */
};

/* Returns 0, or -ENOMEM: then none is kept for the channel. */
int volumes_set(struct volumes *v, uint64_t channel, uint64_t owner, double level);

/* 1 where none is kept. */
double volumes_get(const struct volumes *v, uint64_t channel);

/* The owner is gone. */
void volumes_forget(struct volumes *v, uint64_t owner);

void volumes_done(struct volumes *v);

#endif
