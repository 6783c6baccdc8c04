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
    PLAYLIST_URL_MAX = 8192,
};

/* `text` is NUL-terminated. Writes the absolute http(s) URLs that are named to urls[0..max),
 * allocated; others are passed over. Of variants those with sound only come first, the best of them
 * before the rest; then the smallest, since their pictures are thrown away. Returns how many. */
size_t playlist_urls(const char *text, enum listing kind, const char *base, char *urls[],
                     size_t max);

/* Takes the next line of a text, without blanks around it; one that is too long is empty. Returns
 * false at its end. */
bool playlist_take_line(const char **at, char line[PLAYLIST_URL_MAX]);

/* Resolves `name` as found in a document at `base`. Returns it, allocated; NULL if it is not http
 * or https, too long, or memory is out. */
char *playlist_resolve(const char *base, const char *name);

#endif
