/*
 * The numbers of a live HLS list (EXT-X-MEDIA-SEQUENCE), which its reader follows. They start over
 * when an encoder is started anew, and the reader would wait for the old ones for ever; here they
 * go on. Pure.
 */
#ifndef TUTTI_MEDIA_RENUMBER_H
#define TUTTI_MEDIA_RENUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RENUMBER_SEGMENTS_MAX = 512 }; /* of a list that are compared with the next one's */

/* Zeroed before the first list. */
struct renumber {
    bool is_begun;
    unsigned n_lower; /* lists in a row whose number is lower, and nothing else says why */
    long long own;    /* the last list's number, as written */
    long long shift;  /* what is added to it */
    size_t n;         /* segments of the last list, */
    uint64_t hashes[RENUMBER_SEGMENTS_MAX]; /* and of the URLs of the first of them */
};

/* Returns the next list as its reader is to see it, for av_free; NULL without memory. A list with a
 * lower number than the one before goes on where a URL is found again; without any in common it
 * goes on behind the last segment, once it was there twice: a server may have shown an old one. */
char *renumber_text(struct renumber *r, const char *text);

#endif
