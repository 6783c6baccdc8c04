/*
 * A source: the fetcher's end of a socketpair, and the streams that a worker reads over it
 * (proto/smsg.h). Stream 0 is the root resource and there from the start.
 */
#ifndef TUTTI_FETCH_SOURCE_H
#define TUTTI_FETCH_SOURCE_H

#include "fetch/stream.h"
#include "proto/fmsg.h"

#include <stdint.h>

struct served_source;

struct served_source_ops {
    /* News of the root resource for the daemon. */
    void (*say)(const struct fmsg *m, void *arg);
    void *arg;
};

/* Begins the source that `m` (FMSG_SOURCE) describes: its request leaves at once, unless it is
 * resumed. Takes `sock` whatever comes. Returns 0 or negative errno. */
int served_source_new(const struct transfer_context *context, const struct fmsg *m, int sock,
                      const struct served_source_ops *ops, struct served_source **ret_source);

/* Closes the socket; the memory goes when the loop has closed the handle. */
void served_source_free(struct served_source *s);

uint32_t served_source_id(const struct served_source *s);

/* Another link for the root (FMSG_RELINK). Returns 0 or -ENOMEM. */
int served_source_relink(struct served_source *s, const char *url, const char *headers);

/* How many streams it has, the root included. */
unsigned served_source_count_streams(const struct served_source *s);

#endif
