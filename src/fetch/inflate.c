#include "fetch/inflate.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    ANY_HEADER = 15 + 32, /* the largest dictionary; gzip or zlib, as the first bytes say */
    GZIP_SECOND_BYTE = 0x8b,
    HEAD_BYTES = 2,
};

struct inflate {
    z_stream z;
    enum inflate_look look;
    uint8_t head[HEAD_BYTES]; /* the first ones, while they are all there is */
    size_t n_head;
    bool is_over;   /* at the end of a part */
    bool is_closed; /* what is behind it is none */
};

int inflate_new(struct inflate **ret_inflate)
{
    struct inflate *i = calloc(1, sizeof *i);
    if (!i)
        return -ENOMEM;
    if (inflateInit2(&i->z, ANY_HEADER) != Z_OK) {
        free(i);
        return -ENOMEM;
    }
    *ret_inflate = i;
    return 0;
}

void inflate_free(struct inflate *i)
{
    if (!i)
        return;
    (void)inflateEnd(&i->z);
    free(i);
}

void inflate_restart(struct inflate *i)
{
    (void)inflateReset(&i->z);
    i->is_over = i->is_closed = false;
    i->look = INFLATE_UNSEEN;
    i->n_head = 0;
}

enum inflate_look inflate_look(const struct inflate *i)
{
    return i->look;
}

/* gzip: RFC 1952 section 2.3.1. zlib: RFC 1950 section 2.2. */
static bool is_packed(const uint8_t head[HEAD_BYTES])
{
    bool zlib =
        (head[0] & 0x0f) == Z_DEFLATED && head[0] >> 4 <= 7 && (head[0] << 8 | head[1]) % 31 == 0;
    return zlib || (head[0] == INFLATE_GZIP_BYTE && head[1] == GZIP_SECOND_BYTE);
}

/* Returns false while there is too little of it. */
static bool look(struct inflate *i, const uint8_t **bytes, size_t *len)
{
    for (; i->n_head<HEAD_BYTES && * len> 0; (*bytes)++, (*len)--)
        i->head[i->n_head++] = **bytes;
    if (i->n_head == HEAD_BYTES)
        i->look = is_packed(i->head) ? INFLATE_PACKED : INFLATE_PLAIN;
    return i->n_head == HEAD_BYTES;
}

static ssize_t copy_plain(const uint8_t **bytes, size_t *len, uint8_t *out, size_t size)
{
    size_t n = *len < size ? *len : size;
    memcpy(out, *bytes, n);
    *bytes += n;
    *len -= n;
    return (ssize_t)n;
}

/* Files of several parts, one behind the other, are good gzip. */
static bool is_at_end(struct inflate *i)
{
    z_stream *z = &i->z;
    if (!i->is_over || z->avail_in == 0)
        return i->is_over;
    i->is_closed = i->is_closed || *z->next_in != INFLATE_GZIP_BYTE;
    if (i->is_closed) {
        z->next_in += z->avail_in;
        z->avail_in = 0;
    } else {
        (void)inflateReset(z);
        i->is_over = false;
    }
    return i->is_closed;
}

static ssize_t unpack(struct inflate *i, const uint8_t **bytes, size_t *len, uint8_t *out,
                      size_t size)
{
    z_stream *z = &i->z;
    z->next_in = (Bytef *)*bytes; /* it does not write there */
    z->avail_in = (uInt)*len;
    z->next_out = out;
    z->avail_out = (uInt)size;
    int r = Z_OK;
    while (r == Z_OK && z->avail_out > 0 && !is_at_end(i)) {
        r = inflate(z, Z_NO_FLUSH);
        i->is_over = r == Z_STREAM_END;
        r = i->is_over ? Z_OK : r;
    }
    *bytes = z->next_in;
    *len = z->avail_in;
    if (r == Z_MEM_ERROR)
        return -ENOMEM;
    return r == Z_OK || r == Z_BUF_ERROR ? (ssize_t)(size - z->avail_out) : -EBADMSG;
}

ssize_t inflate_some(struct inflate *i, const uint8_t **bytes, size_t *len, uint8_t *out,
                     size_t size)
{
    assert(size > 0);
    if (i->look == INFLATE_UNSEEN && !look(i, bytes, len))
        return 0;
    bool plain = i->look == INFLATE_PLAIN;
    ssize_t n = 0;
    if (i->n_head > 0) { /* packed, nothing comes of so little */
        const uint8_t *head = i->head + HEAD_BYTES - i->n_head;
        n = plain ? copy_plain(&head, &i->n_head, out, size)
                  : unpack(i, &head, &i->n_head, out, size);
    }
    if (n != 0)
        return n;
    return plain ? copy_plain(bytes, len, out, size) : unpack(i, bytes, len, out, size);
}
