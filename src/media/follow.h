/*
 * Playlists: text that names other resources. M3U, PLS and the list of variants of an HLS stream
 * are followed to the first entry that can be opened; a list of HLS segments is where it stops, for
 * the demuxer reads that itself. Bounded in depth, in size and in tries.
 */
#ifndef TUTTI_MEDIA_FOLLOW_H
#define TUTTI_MEDIA_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct remote_stream;

/* A resource that is open. The texts are valid until the next call that opens or reads. */
struct follow_place {
    struct remote_stream *stream;
    const char *url; /* after redirects */
    const char *content_type;
    bool is_playlist; /* as its first bytes and its type look from afar */
};

struct follow_ops {
    /* Opens `url`, or where everything begins (NULL). Returns 0 or negative errno; the place is
     * closed in either case. */
    int (*open)(const char *url, struct follow_place *ret, void *arg);
    ssize_t (*read)(void *bytes, size_t len, int64_t at, const struct follow_place *place,
                    void *arg);
    void (*close)(struct follow_place *place, void *arg);
};

/* Returns 0 with the place that is to be played, still open, and whether it is a list of HLS
 * segments; -EINTR; -EBADMSG when no entry leads anywhere; or why the last one could not be had. */
int follow_playlists(const struct follow_ops *ops, void *arg, struct follow_place *ret,
                     bool *ret_hls);

#endif
