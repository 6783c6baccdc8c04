/*
 * One play: a feed, and what its client asked for and is owed. Visible to the session folder only.
 */
#ifndef TUTTI_SESSION_PLAY_H
#define TUTTI_SESSION_PLAY_H

#include "feed/feed.h"
#include "proto/event.h"
#include "session/sessions.h"

#include <stdbool.h>
#include <stdint.h>

/* A command that waits for a change to be in force. */
struct waiter {
    struct waiter *next;
    enum command_type type; /* COMMAND_SEEK or COMMAND_VOLUME */
    struct ticket ticket;
    double level;
    bool keep;       /* the level is the channel's */
    uint32_t change; /* the feed's ticket for it */
};

enum { PLAY_WAITERS_MAX = 256 };

struct play {
    struct session *session;
    struct feed *feed; /* owned */
    char id[COMMAND_PLAY_ID_MAX + 1];
    struct ticket ticket;
    uint64_t owner;
    struct outlet *outlet; /* held */
    bool paused;
    bool announced; /* its client has been told that it is ready */
    struct {
        uint32_t sequence; /* of the next frame */
        uint64_t underruns;
        uint64_t marks; /* the connection that was told whose frames these are; 0: none was … */
        int64_t origin; /* … and where frame 0 would lie, by what it was told */
    } rt;
    struct waiter *waiters;
    unsigned n_waiters;
};

/* `request` is copied. Returns NULL without memory. */
struct play *play_new(const struct feed_ops *ops, struct session *session,
                      const struct sessions_deps *deps, const struct play_request *request);

/* Waiters must have been answered. NULL is fine. */
void play_free(struct play *p);

/* Notes a waiter, which is copied. Returns 0, -ENOBUFS or -ENOMEM. */
int play_add_waiter(struct play *p, const struct waiter *waiter);

/* Takes one waiter: any, or one whose change is in force. Returns NULL when there is none. */
struct waiter *play_take_waiter(struct play *p);
struct waiter *play_take_served(struct play *p);

/* [samples at 48 kHz] of the next frame. */
int64_t play_position(const struct play *p);

const char *play_state_name(const struct play *p);

#endif
