#include "fetch/window.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *block_at(const struct window *w, unsigned i)
{
    assert(i < w->n_blocks);
    return w->block[(w->first + i) % WINDOW_BLOCKS];
}

static void drop_first_block(struct window *w)
{
    assert(w->n_blocks > 0 && w->block[w->first]);
    free(w->block[w->first]);
    w->block[w->first] = NULL;
    w->first = (w->first + 1) % WINDOW_BLOCKS;
    w->n_blocks--;
}

void window_restart(struct window *w, int64_t at)
{
    while (w->n_blocks > 0)
        drop_first_block(w);
    *w = (struct window){ .begin = at, .end = at };
}

/* Makes sure that `len` bytes more have a place. */
static int make_room(struct window *w, size_t len)
{
    assert(w->n_blocks <= WINDOW_BLOCKS && w->head <= WINDOW_BLOCK_BYTES);
    unsigned had = w->n_blocks;
    size_t filled = w->head + window_len(w);
    while ((size_t)w->n_blocks * WINDOW_BLOCK_BYTES < filled + len) {
        uint8_t *block = w->n_blocks < WINDOW_BLOCKS ? malloc(WINDOW_BLOCK_BYTES) : NULL;
        if (!block) {
            int r = w->n_blocks < WINDOW_BLOCKS ? -ENOMEM : -ENOBUFS;
            while (w->n_blocks > had)
                free(w->block[(w->first + --w->n_blocks) % WINDOW_BLOCKS]);
            return r;
        }
        w->block[(w->first + w->n_blocks++) % WINDOW_BLOCKS] = block;
    }
    return 0;
}

int window_append(struct window *w, const void *bytes, size_t len)
{
    if (len > WINDOW_BYTES_MAX || window_len(w) > WINDOW_BYTES_MAX - len)
        return -ENOBUFS;
    int r = make_room(w, len);
    if (r < 0)
        return r;
    const uint8_t *from = bytes;
    while (len > 0) {
        size_t place = w->head + window_len(w);
        size_t in_block = place % WINDOW_BLOCK_BYTES;
        size_t n = WINDOW_BLOCK_BYTES - in_block;
        n = n < len ? n : len;
        memcpy(block_at(w, (unsigned)(place / WINDOW_BLOCK_BYTES)) + in_block, from, n);
        w->end += (int64_t)n;
        from += n;
        len -= n;
    }
    return 0;
}

void window_trim(struct window *w, int64_t at)
{
    if (at > w->end)
        at = w->end;
    if (at <= w->begin)
        return;
    w->head += (size_t)(at - w->begin);
    w->begin = at;
    while (w->n_blocks > 0 && w->head >= WINDOW_BLOCK_BYTES) {
        drop_first_block(w);
        w->head -= WINDOW_BLOCK_BYTES;
    }
    if (w->begin == w->end)
        window_restart(w, at);
}

size_t window_view(const struct window *w, int64_t at, size_t len, struct iovec *iov, size_t *n_iov)
{
    assert(w->begin <= w->end);
    size_t max = *n_iov, total = 0;
    *n_iov = 0;
    if (at < w->begin || at >= w->end)
        return 0;
    if (len > (size_t)(w->end - at))
        len = (size_t)(w->end - at);
    size_t place = w->head + (size_t)(at - w->begin);
    while (total < len && *n_iov < max) {
        size_t in_block = place % WINDOW_BLOCK_BYTES;
        size_t n = WINDOW_BLOCK_BYTES - in_block;
        n = n < len - total ? n : len - total;
        iov[(*n_iov)++] =
            (struct iovec){ block_at(w, (unsigned)(place / WINDOW_BLOCK_BYTES)) + in_block, n };
        total += n;
        place += n;
    }
    return total;
}

int window_compare(const struct window *w, int64_t at, const void *bytes, size_t len)
{
    int64_t from = at > w->begin ? at : w->begin;
    int64_t to = at + (int64_t)len < w->end ? at + (int64_t)len : w->end;
    const uint8_t *b = bytes;
    while (from < to) {
        struct iovec iov;
        size_t n_iov = 1;
        size_t n = window_view(w, from, (size_t)(to - from), &iov, &n_iov);
        int r = memcmp(iov.iov_base, b + (from - at), n);
        if (r != 0)
            return r;
        from += (int64_t)n;
    }
    return 0;
}
