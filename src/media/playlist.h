/*
 * The text of playlists: what kind it is and which URLs it names, the best first. Pure.
 */
#ifndef TUTTI_MEDIA_PLAYLIST_H
#define TUTTI_MEDIA_PLAYLIST_H

#include <stddef.h>

enum playlist_kind {
    PLAYLIST_NONE,     /* something else */
    PLAYLIST_SEGMENTS, /* HLS: segments of one stream */
    PLAYLIST_VARIANTS, /* HLS: the same in several qualities */
    PLAYLIST_M3U,
    PLAYLIST_PLS,
};

enum {
    PLAYLIST_BYTES_MAX = 256 * 1024, /* of a text that is looked at */
    PLAYLIST_ENTRIES_MAX = 16,
    PLAYLIST_URL_MAX = 8192,
};

/* `text` is NUL-terminated. `content_type` decides where the text itself does not. */
enum playlist_kind playlist_kind(const char *text, const char *content_type);

/* Writes the absolute http(s) URLs that are named to urls[0..max), allocated; others are passed
 * over. Of variants those with sound only come first, the best of them before the rest; then the
 * smallest, since their pictures are thrown away. Returns how many. */
size_t playlist_urls(const char *text, enum playlist_kind kind, const char *base, char *urls[],
                     size_t max);

/* Resolves `name` as found in a document at `base`. Returns it, allocated; NULL if it is not http
 * or https, too long, or memory is out. */
char *playlist_resolve(const char *base, const char *name);

#endif
