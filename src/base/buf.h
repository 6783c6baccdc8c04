/* A byte queue that grows up to a limit: bytes are appended at the end and consumed at the front.
 */
#ifndef TUTTI_BASE_BUF_H
#define TUTTI_BASE_BUF_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data; /* the first unconsumed byte is data[start] */
    size_t start;
    size_t end;
    size_t capacity; /* [bytes] allocated */
    size_t limit;    /* [bytes] that may wait at once */
    size_t keep;     /* [bytes] that an emptied buffer does not give back */
};

/* An emptied buffer keeps a little memory; one that is filled time and again may be told to keep
 * more, by setting `keep`. */
void buf_init(struct buf *b, size_t limit);
void buf_done(struct buf *b);

static inline size_t buf_len(const struct buf *b)
{
    return b->end - b->start;
}

static inline char *buf_head(const struct buf *b)
{
    return b->data + b->start;
}

/* Makes room for `len` bytes and returns where to write them; buf_commit takes them in.
 * Returns NULL when the limit would be passed or memory is out: nothing has changed then. */
char *buf_reserve(struct buf *b, size_t len);

/* rt: the same where there is room already, else NULL. */
static inline char *buf_room(const struct buf *b, size_t len)
{
    bool has_room = len <= b->capacity - b->end && b->end + len <= b->limit;
    return has_room ? b->data + b->end : NULL;
}

static inline void buf_commit(struct buf *b, size_t len)
{
    assert(len <= b->capacity - b->end);
    b->end += len;
}

/* Returns 0, -ENOBUFS at the limit, or -ENOMEM; on failure nothing has changed. */
int buf_append(struct buf *b, const void *bytes, size_t len);

/* The first newline, or NULL. The caller keeps *scanned [bytes], 0 for a new line: so many at the
 * front are known to hold none, so that a line which comes in many parts is looked at once. */
const char *buf_find_newline(const struct buf *b, size_t *scanned);

/* Empties it and hands over the memory, whose first *ret_len bytes are what waited: to be given to
 * free. NULL where nothing waited. */
char *buf_take(struct buf *b, size_t *ret_len);

/* Forgets the first `len` bytes (len ≤ buf_len). An emptied buffer gives back more than it
 * is to keep. */
void buf_consume(struct buf *b, size_t len);

#endif
