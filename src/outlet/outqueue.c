#include "outlet/outqueue.h"

#include "proto/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <uthash.h>
#include <utlist.h>

struct waiting {
    struct waiting *prev, *next;                 /* of the connection, in order */
    struct waiting *channel_prev, *channel_next; /* of its channel, in order */
    struct channel *channel;                     /* NULL for end markers and marks */
    size_t size;
    size_t sent;
    uint8_t bytes[];
};

struct channel {
    uint64_t id;
    unsigned n;
    struct waiting *frames;
    UT_hash_handle hh;
};

struct outqueue {
    struct waiting *all;
    struct waiting *oldest;   /* the first that may be dropped */
    struct channel *channels; /* those of which frames wait */
    unsigned n_markers;
    size_t bytes;
    size_t *total; /* of all queues */
};

struct outqueue *outqueue_new(size_t *total)
{
    struct outqueue *q = calloc(1, sizeof *q);
    if (q)
        q->total = total;
    return q;
}

size_t outqueue_bytes(const struct outqueue *q)
{
    return q->bytes;
}

static void count_bytes(struct outqueue *q, size_t n)
{
    q->bytes += n;
    *q->total += n;
}

static void discount_bytes(struct outqueue *q, size_t n)
{
    q->bytes -= n;
    *q->total -= n;
}

bool outqueue_is_empty(const struct outqueue *q)
{
    return q->all == NULL;
}

/* A frame that has begun to leave must leave. */
static bool may_be_dropped(const struct waiting *w)
{
    return w->channel && w->sent == 0;
}

/* Nothing that comes before the oldest becomes one that may be dropped, so that each is passed over
 * once. */
static void pass_over(struct outqueue *q, const struct waiting *w)
{
    if (q->oldest != w)
        return;
    do
        q->oldest = q->oldest->next;
    while (q->oldest && !may_be_dropped(q->oldest));
}

static void remove_waiting(struct outqueue *q, struct waiting *w)
{
    pass_over(q, w);
    discount_bytes(q, sizeof *w + w->size);
    DL_DELETE(q->all, w);
    struct channel *c = w->channel;
    if (c) {
        DL_DELETE2(c->frames, w, channel_prev, channel_next);
        if (--c->n == 0) {
            HASH_DEL(q->channels, c);
            discount_bytes(q, sizeof *c);
            free(c);
        }
    } else {
        q->n_markers--;
    }
    free(w);
}

void outqueue_free(struct outqueue *q)
{
    if (!q)
        return;
    while (q->all)
        remove_waiting(q, q->all);
    free(q);
}

static struct channel *channel_for(struct outqueue *q, uint64_t id)
{
    struct channel *c;
    HASH_FIND(hh, q->channels, &id, sizeof id, c);
    if (c)
        return c;
    c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->id = id;
    HASH_ADD(hh, q->channels, id, sizeof id, c);
    if (!c->hh.tbl) {
        free(c);
        return NULL;
    }
    count_bytes(q, sizeof *c);
    return c;
}

/* Makes room in a full channel. */
static void drop_of_channel(struct outqueue *q, struct channel *c, uint64_t *n_dropped)
{
    struct waiting *oldest = c->frames;
    if (!may_be_dropped(oldest))
        oldest = oldest->channel_next;
    if (!oldest)
        return;
    remove_waiting(q, oldest);
    ++*n_dropped;
}

bool outqueue_drop(struct outqueue *q)
{
    if (!q->oldest)
        return false;
    remove_waiting(q, q->oldest);
    return true;
}

static int make_room(struct outqueue *q, bool may_drop, uint64_t *n_dropped)
{
    while (q->bytes > LIMIT_WAITING_BYTES) {
        if (!may_drop || !outqueue_drop(q))
            return -ENOBUFS;
        ++*n_dropped;
    }
    return 0;
}

static int add_to_channel(struct outqueue *q, struct waiting *w, bool may_drop, uint64_t *n_dropped)
{
    struct channel *c = channel_for(q, frame_channel(w->bytes));
    if (!c)
        return -ENOMEM;
    if (may_drop && c->n >= LIMIT_WAITING_CHANNEL_FRAMES)
        drop_of_channel(q, c, n_dropped);
    w->channel = c;
    c->n++;
    DL_APPEND2(c->frames, w, channel_prev, channel_next);
    return 0;
}

int outqueue_add(struct outqueue *q, const uint8_t *frame, size_t size, size_t sent, bool may_drop,
                 uint64_t *n_dropped)
{
    bool is_marker = size == FRAME_HEAD_BYTES || frame_channel(frame) == 0;
    if (is_marker && q->n_markers >= LIMIT_WAITING_MARKERS)
        return -ENOBUFS;
    struct waiting *w = calloc(1, sizeof *w + size);
    if (!w)
        return -ENOMEM;
    memcpy(w->bytes, frame, size);
    w->size = size;
    w->sent = sent;
    int r = is_marker ? 0 : add_to_channel(q, w, may_drop, n_dropped);
    if (r < 0) {
        free(w);
        return r;
    }
    q->n_markers += is_marker;
    count_bytes(q, sizeof *w + size);
    DL_APPEND(q->all, w);
    if (!q->oldest && may_be_dropped(w))
        q->oldest = w;
    return make_room(q, may_drop, n_dropped);
}

size_t outqueue_peek(const struct outqueue *q, struct iovec *iov, size_t max)
{
    size_t n = 0;
    struct waiting *w;
    DL_FOREACH(q->all, w)
    {
        if (n == max)
            break;
        iov[n++] = (struct iovec){ .iov_base = w->bytes + w->sent, .iov_len = w->size - w->sent };
    }
    return n;
}

void outqueue_consume(struct outqueue *q, size_t n_bytes)
{
    while (n_bytes > 0 && q->all) {
        struct waiting *w = q->all;
        size_t left = w->size - w->sent;
        if (n_bytes < left) {
            w->sent += n_bytes;
            pass_over(q, w);
            return;
        }
        n_bytes -= left;
        remove_waiting(q, w);
    }
}
