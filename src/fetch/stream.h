/*
 * A stream: one resource as a reader sees it, bytes at any place, one read at a time. Reads from
 * one transfer; from a second one while the reader still looks around (a container's end is read
 * before its beginning), so that it goes on where it was without another request.
 */
#ifndef TUTTI_FETCH_STREAM_H
#define TUTTI_FETCH_STREAM_H

#include "fetch/transfer.h"
#include "proto/smsg.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

enum { STREAM_TRANSFERS = 2, STREAM_TITLES = 8 };

struct stream;

struct stream_ops {
    /* Sends a message, and the data if it is DATA. Returns 0; -EAGAIN if the peer's queue is full:
     * stream_flush is due when there is room; or another negative errno. */
    int (*send)(const struct smsg *m, const struct iovec *data, size_t n_data, void *arg);
    /* What the resource is, is known: once. Not called for one that is placed. */
    void (*known)(struct stream *s, void *arg);
    /* It is over: it failed (once; where a read is waiting for what cannot come, or at first). */
    void (*failed)(struct stream *s, const struct judgement *why, void *arg);
    void (*changed)(struct stream *s, void *arg);
    void (*expired)(struct stream *s, unsigned status, const char *why, void *arg);
    void (*reconnected)(struct stream *s, const char *why, void *arg);
    void (*live)(struct stream *s, void *arg); /* it is, though `known` did not say so */
    void *arg;
};

struct stream_title {
    int64_t at;
    char text[ICY_TITLE_MAX + 1];
};

struct stream {
    uint32_t id; /* as the messages name it */
    struct resource resource;
    struct stream_ops ops;
    const struct transfer_context *context;
    struct transfer *transfer[STREAM_TRANSFERS];
    unsigned current;
    uint64_t start_ns;
    bool is_known_told;
    bool is_failed; /* for good: `failure` */
    struct judgement failure;
    bool is_reading;
    struct smsg_read read;
    struct stream_title *titles; /* STREAM_TITLES of them; NULL until there is one */
    unsigned first_title, n_titles;
};

/* Returns 0 or -ENOMEM. Nothing is requested yet: stream_start, or a first read after
 * stream_place. The caller may set what it knows in `resource` before. */
int stream_new(const struct transfer_context *context, uint32_t id, const char *url,
               const char *headers, const struct stream_ops *ops, struct stream **ret_stream);
void stream_free(struct stream *s);

void stream_start(struct stream *s, int64_t at);
void stream_place(struct stream *s);

/* A read, which is answered by one message. Returns -EPROTO if another is waiting. */
int stream_read(struct stream *s, const struct smsg_read *read);
void stream_forget_read(struct stream *s);

/* There is a new reader. A live stream of which it cannot have the beginning is joined anew. */
void stream_begin_again(struct stream *s);

/* There is room in the peer's queue again. */
void stream_flush(struct stream *s);

/* Another link, which ends the waiting for one. Returns 0 or -ENOMEM. */
int stream_relink(struct stream *s, const char *url, const char *headers);

#endif
