#include "server/outqueue.h"

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
    struct channel *channel;                     /* NULL for end markers */
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
    struct channel *channels; /* those of which frames wait */
    unsigned n_markers;
};

struct outqueue *outqueue_new(void)
{
    return calloc(1, sizeof(struct outqueue));
}

bool outqueue_is_empty(const struct outqueue *q)
{
    return q->all == NULL;
}

static void remove_waiting(struct outqueue *q, struct waiting *w)
{
    DL_DELETE(q->all, w);
    struct channel *c = w->channel;
    if (c) {
        DL_DELETE2(c->frames, w, channel_prev, channel_next);
        if (--c->n == 0) {
            HASH_DEL(q->channels, c);
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
    return c;
}

/* Makes room in a full channel; a frame that has begun to leave must leave. */
static bool drop_oldest(struct outqueue *q, struct channel *c)
{
    struct waiting *oldest = c->frames;
    if (oldest->sent > 0)
        oldest = oldest->channel_next;
    if (!oldest)
        return false;
    remove_waiting(q, oldest);
    return true;
}

static int add_to_channel(struct outqueue *q, struct waiting *w, bool may_drop, bool *ret_dropped)
{
    struct channel *c = channel_for(q, frame_channel(w->bytes));
    if (!c)
        return -ENOMEM;
    if (may_drop && c->n >= OUTQUEUE_CHANNEL_FRAMES && drop_oldest(q, c))
        *ret_dropped = true;
    w->channel = c;
    c->n++;
    DL_APPEND2(c->frames, w, channel_prev, channel_next);
    return 0;
}

int outqueue_add(struct outqueue *q, const uint8_t *frame, size_t size, size_t sent, bool may_drop,
                 bool *ret_dropped)
{
    bool is_marker = size == FRAME_HEAD_BYTES;
    if (is_marker && q->n_markers >= OUTQUEUE_MARKERS_MAX)
        return -ENOBUFS;
    struct waiting *w = calloc(1, sizeof *w + size);
    if (!w)
        return -ENOMEM;
    memcpy(w->bytes, frame, size);
    w->size = size;
    w->sent = sent;
    int r = is_marker ? 0 : add_to_channel(q, w, may_drop, ret_dropped);
    if (r < 0) {
        free(w);
        return r;
    }
    q->n_markers += is_marker;
    DL_APPEND(q->all, w);
    return 0;
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
            return;
        }
        n_bytes -= left;
        remove_waiting(q, w);
    }
}
