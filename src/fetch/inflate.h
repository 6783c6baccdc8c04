/*
 * Undoes gzip and zlib ("deflate") piece by piece, no more at a time than somebody has room for:
 * a few bytes may become a thousand times as many. What does not begin as either does is not
 * packed, and comes out as it is. Pure.
 */
#ifndef TUTTI_FETCH_INFLATE_H
#define TUTTI_FETCH_INFLATE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct inflate;

enum { INFLATE_GZIP_BYTE = 0x1f }; /* the first one of gzip; no medium begins so */

/* Returns 0 or -ENOMEM. */
int inflate_new(struct inflate **ret_inflate);
void inflate_free(struct inflate *i);

/* At the beginning again. */
void inflate_restart(struct inflate *i);

enum inflate_look {
    INFLATE_UNSEEN, /* its first two bytes are not there yet */
    INFLATE_PACKED,
    INFLATE_PLAIN,
};

enum inflate_look inflate_look(const struct inflate *i);

/* Takes from the *len bytes at *bytes, which are moved on, and fills out[0..size).
 * Returns how many bytes it became; 0 if all are taken and more are needed, or the end was reached,
 * behind which all is ignored; -EBADMSG for what is no such encoding, or -ENOMEM. */
ssize_t inflate_some(struct inflate *i, const uint8_t **bytes, size_t *len, uint8_t *out,
                     size_t size);

#endif
