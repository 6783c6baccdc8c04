#include "base/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEEP_BYTES = 16384, FIRST_BYTES = 512 };

void buf_init(struct buf *b, size_t limit)
{
    *b = (struct buf){ .limit = limit, .keep = KEEP_BYTES };
}

void buf_done(struct buf *b)
{
    free(b->data);
    *b = (struct buf){ .limit = b->limit, .keep = b->keep };
}

static int buf_grow(struct buf *b, size_t need)
{
    assert(need > b->capacity);
    size_t capacity = b->capacity ? b->capacity : FIRST_BYTES;
    while (capacity < need)
        capacity *= 2;
    char *data = realloc(b->data, capacity);
    if (!data)
        return -ENOMEM;
    b->data = data;
    b->capacity = capacity;
    return 0;
}

char *buf_reserve(struct buf *b, size_t len)
{
    assert(b->start <= b->end && b->end <= b->capacity);
    if (len > b->limit || buf_len(b) > b->limit - len)
        return NULL;
    if (b->capacity - b->end < len && b->start > 0) {
        memmove(b->data, buf_head(b), buf_len(b));
        b->end -= b->start;
        b->start = 0;
    }
    if (b->capacity - b->end < len && buf_grow(b, b->end + len) < 0)
        return NULL;
    return b->data + b->end;
}

int buf_append(struct buf *b, const void *bytes, size_t len)
{
    if (len == 0)
        return 0;
    if (len > b->limit || buf_len(b) > b->limit - len)
        return -ENOBUFS;
    char *room = buf_reserve(b, len);
    if (!room)
        return -ENOMEM;
    memcpy(room, bytes, len);
    buf_commit(b, len);
    return 0;
}

const char *buf_find_newline(const struct buf *b, size_t *scanned)
{
    size_t len = buf_len(b);
    const char *newline =
        *scanned < len ? memchr(buf_head(b) + *scanned, '\n', len - *scanned) : NULL;
    *scanned = newline ? 0 : len;
    return newline;
}

char *buf_take(struct buf *b, size_t *ret_len)
{
    char *data = b->data;
    *ret_len = buf_len(b);
    if (*ret_len == 0)
        return NULL;
    if (b->start > 0)
        memmove(data, data + b->start, *ret_len);
    b->data = NULL;
    b->start = b->end = b->capacity = 0;
    return data;
}

void buf_consume(struct buf *b, size_t len)
{
    assert(len <= buf_len(b));
    b->start += len;
    if (b->start < b->end)
        return;
    b->start = b->end = 0;
    if (b->capacity > b->keep) {
        free(b->data);
        b->data = NULL;
        b->capacity = 0;
    }
}
