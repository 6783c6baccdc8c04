#include "fetch/inflate.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <zlib.h>

enum {
    ANY_HEADER = 15 + 32, /* the largest dictionary; gzip or zlib, as the first bytes say */
    GZIP_FIRST_BYTE = 0x1f,
};

struct inflate {
    z_stream z;
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
}

/* Files of several parts, one behind the other, are good gzip. */
static bool is_at_end(struct inflate *i)
{
    z_stream *z = &i->z;
    if (!i->is_over || z->avail_in == 0)
        return i->is_over;
    i->is_closed = i->is_closed || *z->next_in != GZIP_FIRST_BYTE;
    if (i->is_closed) {
        z->next_in += z->avail_in;
        z->avail_in = 0;
    } else {
        inflate_restart(i);
    }
    return i->is_closed;
}

ssize_t inflate_some(struct inflate *i, const uint8_t **bytes, size_t *len, uint8_t *out,
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
