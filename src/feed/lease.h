/*
 * A lease: a worker that was borrowed from the pool, and the feeds that it serves: the one that is
 * heard, and one that follows it. The worker opens the follower's source ahead of time and, at the
 * end of its own, goes on with the follower's frames; when that mark is passed the follower is the
 * one that is heard (lease_join). Feeds know a lease by pointer; each that is on it clears its own
 * when it leaves.
 */
#ifndef TUTTI_FEED_LEASE_H
#define TUTTI_FEED_LEASE_H

#include "pool/pool.h"

#include <stdbool.h>
#include <stdint.h>

struct feed;
struct lease;

struct lease_ops {
    /* About this feed, which is on the lease; a bell is for the one that is heard. */
    void (*message)(const struct wmsg *m, struct feed *feed);
    /* The worker died and the lease is over, for both. `ring` is the callee's, who may read on what
     * lies in it. `why` is one line. */
    void (*died)(const char *why, struct ring_consumer *ring, struct feed *heard,
                 struct feed *follower);
};

/* Opens `heard` (m->play is its number) with a worker that the pool gave. Returns 0; -ENOMEM, or
 * another negative errno if the worker had died unnoticed. Where it fails the worker is the pool's
 * again. */
int lease_new(struct pool *pool, struct worker *w, const struct lease_ops *ops, struct feed *heard,
              struct wmsg *open, int source_fd, struct lease **ret_lease);

/* The one that is heard is over: gives the worker back. There must be no follower. */
void lease_release(struct lease *l);

struct feed *lease_heard(const struct lease *l);
struct feed *lease_follower(const struct lease *l); /* NULL: none */
struct ring_consumer *lease_ring(const struct lease *l);

/* Has the follower's source opened ahead. Returns 0 or negative errno: it does not follow then. */
int lease_follow(struct lease *l, struct feed *follower, struct wmsg *next, int source_fd);

/* The follower has nothing to do with the worker any more, which is told so with `tell`. */
void lease_unfollow(struct lease *l, bool tell);

/* The mark between the two was passed: the follower is the one that is heard. */
void lease_join(struct lease *l);

/* As worker_render: the generation is set. */
int lease_render(struct lease *l, struct wmsg_render *render);

/* The source of `feed`, of that number, has a new descriptor. */
void lease_replace_source(struct lease *l, uint32_t number, int source_fd);

bool lease_wake(struct lease *l, unsigned lane);
void lease_hear_words(struct lease *l);

/* Ends a worker that broke its contract: `died` follows from the loop. */
void lease_kill(struct lease *l, const char *why);

#endif
