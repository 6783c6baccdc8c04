/*
 * Frames on their way to a descriptor. All that fall due together leave in one write; what the
 * socket does not take waits in a bounded queue behind it. A batch knows descriptors and channels:
 * whose frames they are is a number that comes with them.
 */
#ifndef TUTTI_OUTLET_BATCH_H
#define TUTTI_OUTLET_BATCH_H

#include "base/buf.h"
#include "outlet/outqueue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* [bytes] that may wait for all descriptors together. */
#define LIMIT_WAITING_BYTES_ALL ((size_t)256 << 20)

struct batch;

struct batch_ops {
    /* It is of no use any more: call batch_done. `e` is why: -ENOMEM, -ENOBUFS where too much waits
     * that may not be dropped, or what the socket said. */
    void (*broken)(struct batch *b, int e);
    /* Something waits: call batch_resume when the descriptor takes more. Or nothing does. */
    void (*waits)(struct batch *b, bool waits);
    /* Frames were dropped: so many in all since this was said last, at most once a second; one of
     * them was of this channel and had come with this number. */
    void (*slow)(struct batch *b, uint64_t whose, uint64_t channel, uint64_t n_dropped);
};

/* Those that leave together. Zeroed, it is ready. */
struct batches {
    struct batch *all;   /* utlist */
    struct batch *dirty; /* rt: those to flush */
    uint64_t n_dropped;  /* frames, ever */
    size_t n_waiting_bytes;
};

/* Embedded in what owns the descriptor; the fields belong to batch.c. */
struct batch {
    struct batch *prev, *next;
    struct batch *next_dirty;
    struct batches *of;
    const struct batch_ops *ops;
    int fd;
    bool is_done;
    bool may_drop;
    struct {
        bool is_dirty;
        struct buf frames;      /* taken since the last flush */
        struct outqueue *queue; /* that the socket did not take */
        int socket_bytes;       /* asked for as the socket's buffer */
        uint64_t n_dropped;     /* since it was last said */
        uint64_t whose;         /* the frame that was taken last */
        uint64_t dropped_whose, dropped_channel;
        uint64_t said_ns;
    } rt;
};

/* Frames of it may be dropped until batch_keep_all. The descriptor stays the caller's, who closes
 * it behind batch_done. Returns 0 or -ENOMEM. */
int batch_init(struct batch *b, struct batches *of, int fd, const struct batch_ops *ops);

/* What is in hand leaves if the socket takes it. May be called from all operations, and again. */
void batch_done(struct batch *b);

/* Whether frames that wait are kept, however many, or the oldest may be dropped. */
void batch_keep_all(struct batch *b, bool keep_all);

/* rt: takes a frame, or with len 0 an end marker. */
void batch_put(struct batch *b, uint64_t whose, uint64_t channel, uint32_t sequence,
               const uint8_t *packet, uint32_t len);

/* rt: sends everything that was taken. */
void batches_flush(struct batches *of);

/* The descriptor takes more. */
void batch_resume(struct batch *b);

/* Whether frames wait. */
bool batch_is_blocked(const struct batch *b);

/* [bytes] of memory that what waits takes. */
size_t batch_waiting_bytes(const struct batch *b);

#endif
