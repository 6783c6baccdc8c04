#include "fetch/readahead.h"

#include <assert.h>

enum { BEHIND_PARTS = 4 }; /* a quarter of the read-ahead is kept behind the reader */

int64_t readahead_bytes(const struct transfer *t)
{
    return t->window.end - t->pos;
}

int64_t readahead_limit(const struct transfer *t)
{
    assert(t->context->ahead_bytes_min <= t->context->ahead_bytes);
    /* What is live must not lag behind: an eighth of a megabyte is some seconds of it. */
    const struct transfer_context *c = t->context;
    bool is_scarce = *c->held_bytes >= c->memory_bytes;
    int64_t limit = (int64_t)(is_scarce ? c->ahead_bytes_min : c->ahead_bytes);
    return t->resource->facts & FETCH_LIVE && limit > 131072 ? 131072 : limit;
}

/* After each change of the window. */
static void count_held(struct transfer *t)
{
    assert(*t->context->held_bytes >= t->held);
    size_t now = (size_t)t->window.n_blocks * WINDOW_BLOCK_BYTES;
    *t->context->held_bytes += now - t->held;
    t->held = now;
}

void readahead_trim(struct transfer *t)
{
    window_trim(&t->window, t->pos - (int64_t)t->context->ahead_bytes / BEHIND_PARTS);
    count_held(t);
}

void readahead_restart(struct transfer *t, int64_t at)
{
    window_restart(&t->window, at);
    count_held(t);
}

int readahead_append(struct transfer *t, const uint8_t *bytes, size_t len)
{
    readahead_trim(t);
    int r = window_append(&t->window, bytes, len);
    count_held(t);
    return r;
}
