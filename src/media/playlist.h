/*
 * The text of playlists: which URLs it names, the best first. What kind it is base/listing.h tells.
 * Pure.
 */
#ifndef TUTTI_MEDIA_PLAYLIST_H
#define TUTTI_MEDIA_PLAYLIST_H

#include "base/listing.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    PLAYLIST_BYTES_MAX = 256 * 1024, /* of a text that is looked at */
    PLAYLIST_ENTRIES_MAX = 16,
};

/* `text` is NUL-terminated. Writes the absolute http(s) URLs that are named to urls[0..max),
 * allocated; others are passed over. Of variants those with sound only come first, the best of them
 * before the rest; then the smallest, since their pictures are thrown away. Returns how many. */
size_t playlist_urls(const char *text, enum listing kind, const char *base, char *urls[],
                     size_t max);

#endif
