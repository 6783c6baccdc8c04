/*
 * Where the bytes of a medium come from: a descriptor that somebody else opened. It is read with
 * pread(2) only, so that no other holder of the same open file disturbs us, nor we them.
 */
#ifndef TUTTI_MEDIA_SOURCE_H
#define TUTTI_MEDIA_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct AVIOContext;
struct source;

/* Takes `fd` over on success. Returns 0 or negative errno. */
int source_new(int fd, struct source **ret);
void source_free(struct source *s);

/* The stream for libavformat, from the first byte. Owned by the source; asking again rewinds it. */
struct AVIOContext *source_rewind(struct source *s);

/* [bytes] when it was opened; −1 unknown. */
int64_t source_size(const struct source *s);

/* Reads beside the stream. Returns the number of bytes, 0 at the end, or negative errno. */
ssize_t source_read_at(struct source *s, void *bytes, size_t len, int64_t at);

/* True if a read failed, or the bytes ended before source_size: more was there, or should be. */
bool source_was_cut(const struct source *s);

#endif
