/*
 * A front is a way in for those who command: the Unix sockets are one, another server can be a
 * second. It gives a ticket with each command, and carries out what is said: the answers to its
 * tickets, and events to those who hear by it.
 */
#ifndef TUTTI_OWNER_FRONT_H
#define TUTTI_OWNER_FRONT_H

#include "proto/event.h"
#include "session/ticket.h"

#include <stdbool.h>
#include <stddef.h>

struct ear;
struct front;
struct news_log;
struct owner;

struct front_ops {
    /* Writes an event as those who hear by this front read it: [bytes], to be freed with free().
     * NULL without memory. */
    char *(*format)(const struct event *e, size_t *ret_len);
    /* Tells the answer to the command that the ticket came with, once for each ticket. Returns the
     * ear that heard it, or NULL. */
    struct ear *(*answer)(struct front *f, const struct ticket *ticket, const struct event *e);
    /* Tells an event, as `format` wrote it; the bytes are copied before anything else is done.
     * NULL: there was no memory to write it. */
    void (*event)(struct ear *ear, const char *bytes, size_t len);
    /* This owner of the front's is about to be forgotten; its plays have ended. */
    void (*gone)(struct owner *o);
};

/* Embedded in the front's own struct. */
struct front {
    const struct front_ops *ops;
};

/* One that hears by a front, a connection for example; embedded in it. The rest is news.c's. */
struct ear {
    struct front *front;
    bool subscribes;
    struct news_log *log; /* of the form in which it reads … */
    size_t n_told;        /* … of which it has been told so many bytes */
    struct ear *prev, *next;
};

#endif
