/*
 * A window of a resource: bytes [begin, end), read ahead of the reader, and a little that it has
 * read already. Kept in blocks, so that it costs what it holds. Pure.
 */
#ifndef TUTTI_FETCH_WINDOW_H
#define TUTTI_FETCH_WINDOW_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum {
    WINDOW_BLOCK_BYTES = 16384,
    WINDOW_BLOCKS = 32,
    /* What always fits, wherever in a block it begins. */
    WINDOW_BYTES_MAX = WINDOW_BLOCK_BYTES * (WINDOW_BLOCKS - 1),
};

struct window {
    int64_t begin; /* [bytes] of the resource */
    int64_t end;
    size_t head;                   /* [bytes] of the first block that are gone */
    unsigned first, n_blocks;      /* of the ring below */
    uint8_t *block[WINDOW_BLOCKS]; /* n_blocks of them, from `first` on */
};

/* An empty window at `at`. Whatever `w` held is freed: it must have been zero or in use. */
void window_restart(struct window *w, int64_t at);

/* Appends at the end. Returns 0; -ENOBUFS if more than WINDOW_BYTES_MAX would be held, or -ENOMEM:
 * nothing has changed then. */
int window_append(struct window *w, const void *bytes, size_t len);

/* Forgets what lies before `at` (no more than there is). Whole blocks are freed. */
void window_trim(struct window *w, int64_t at);

/* Where the bytes from `at` on are, at most `len`: fills up to *n_iov entries. Returns how many
 * bytes these are, and how many entries in *n_iov; 0 where `at` is not inside. */
size_t window_view(const struct window *w, int64_t at, size_t len, struct iovec *iov,
                   size_t *n_iov);

/* Compares those of bytes[0..len), which lie from `at` on, that the window holds too. Returns 0 if
 * they are the same. */
int window_compare(const struct window *w, int64_t at, const void *bytes, size_t len);

static inline size_t window_len(const struct window *w)
{
    return (size_t)(w->end - w->begin);
}

#endif
