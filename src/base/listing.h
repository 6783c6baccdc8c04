/*
 * What a text is by which resources name others: lists of many kinds, or a page. Its bytes decide,
 * for servers call lists what they like; only where they say nothing its labels do, the content
 * type and the name. Pure.
 */
#ifndef TUTTI_BASE_LISTING_H
#define TUTTI_BASE_LISTING_H

#include <stdbool.h>
#include <stddef.h>

enum listing {
    LISTING_NONE,     /* something else */
    LISTING_PAGE,     /* HTML */
    LISTING_SEGMENTS, /* HLS (RFC 8216): segments of one stream */
    LISTING_VARIANTS, /* HLS: the same in several qualities */
    LISTING_M3U,      /* a name a line */
    LISTING_PLS,      /* "File1=name", and "Ref1=name" as Windows Media has it */
    LISTING_XML,      /* XSPF, ASX, SMIL and WPL, Winamp's B4S, the episodes of RSS */
};

/* `text` may be the first bytes only. `type`: a content type; `url`: where it comes from; both may
 * be "". */
enum listing listing_of(const char *text, size_t len, const char *type, const char *url);

/* True if a content type is one of those, whatever its parameters: each a whole type, or its first
 * part with a slash. The list ends with NULL. */
bool listing_type_is(const char *type, const char *const *types);

/* True if it cannot be text (https://mimesniff.spec.whatwg.org/#binary-data-byte). */
bool listing_is_binary(const char *bytes, size_t len);

#endif
