/*
 * Control connections: lines in, events out. What a line means is the dispatcher's business.
 * However much clients send at once, others and the pacer have their turn in between: see
 * server/client_limits.h.
 */
#ifndef TUTTI_SERVER_CONTROL_H
#define TUTTI_SERVER_CONTROL_H

#include "base/buf.h"
#include "base/complaints.h"
#include "owner/front.h"
#include "server/turn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>
#include <uv.h>

struct controls;
struct owner;

/* Visible to the server folder only. */
struct control_conn {
    uint64_t number;     /* never used twice */
    struct owner *owner; /* for which it speaks, or NULL; the dispatcher's, as the next */
    struct ear ear;

    /* control.c's own */
    struct controls *all;
    uv_pipe_t pipe;
    bool closing;
    bool skipping; /* the rest of a line that is too long */
    struct control_conn *prev, *next;
    bool waits;      /* for its turn: in the list of those that do, and not read from */
    struct buf rest; /* what was read and waits */
    bool is_writing;
    bool finishing; /* it is closed when all is written */
    struct buf in_flight, unsent;
    struct control_conn *tell_prev, *tell_next;
    bool tells; /* in the list of those that have something to tell */
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct line_buf {
        char *data;
        size_t len;
    } line;
    UT_hash_handle hh;
};

struct control_ops {
    void (*opened)(struct control_conn *c, void *arg);
    /* A line without its newline. */
    void (*line)(struct control_conn *c, const char *line, size_t len, void *arg);
    void (*line_too_long)(struct control_conn *c, void *arg);
    void (*closed)(struct control_conn *c, void *arg); /* it is about to go */
    void *arg;
};

struct controls {
    uv_loop_t *loop;
    struct control_ops ops;
    unsigned max_connections;
    struct control_conn *by_number; /* uthash */
    uint64_t last_number;
    struct complaints complaints;
    struct control_conn *waiting; /* utlist: those that have more to say than a turn allows */
    struct control_conn *telling; /* utlist: those that have something to tell */
    uv_idle_t idle;               /* runs while somebody waits or has something to tell */
    struct turn turn;
};

void controls_init(struct controls *all, uv_loop_t *loop, const struct control_ops *ops,
                   unsigned max_connections);

/* Takes over an accepted socket; closes it when it cannot. */
void control_accept(struct controls *all, int fd);

struct control_conn *control_find(struct controls *all, uint64_t number);

/* Sends a line (with its newline), which is copied: it leaves soon, in one write with those that
 * follow. NULL is an event that memory did not suffice for, after which the connection is closed. A
 * connection that leaves too much unread is closed, too. */
void control_send(struct control_conn *c, const char *line, size_t len);

void control_close(struct control_conn *c);

/* Closes it once what was sent has left, or at once where it cannot. No line of it is heard any
 * more. */
void control_finish(struct control_conn *c);

/* Closes every connection once what was sent has left, or at once where it cannot. No line is heard
 * any more. */
void controls_finish(struct controls *all);

#endif
