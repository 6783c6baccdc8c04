/*
 * Where the bytes of a medium come from: a descriptor that somebody else opened. A file is read
 * with pread(2) only, so that no other holder of the same open file disturbs us, nor we them. A
 * socket leads to tutti-fetch, which reads from the network for us (media/remote.h); what names
 * other resources, a playlist, is followed to what can be played.
 *
 * A read of a remote source may have to wait. How it waits is the caller's affair: source_wait.
 */
#ifndef TUTTI_MEDIA_SOURCE_H
#define TUTTI_MEDIA_SOURCE_H

#include "media/failure.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct AVIOContext;
struct fiber;
struct remote_stream;
struct source;

/* Waits until source_poll_fd is readable, but no longer than timeout_ms (−1: no limit). It may
 * return early. Returns 0 to look again, or -EINTR: the read is to be given up. */
struct source_wait {
    int (*fn)(struct source *s, int timeout_ms, void *arg);
    void *arg;
};

/* Takes `fd` over on success. `wait` is copied. Returns 0 or negative errno. */
int source_new(int fd, const struct source_wait *wait, struct source **ret);
void source_free(struct source *s);

/* From now on it is waited in this way. */
void source_set_wait(struct source *s, const struct source_wait *wait);

bool source_is_remote(const struct source *s);
int source_poll_fd(const struct source *s); /* −1: nothing to wait for */

/* A remote source: the socket leads to another fetcher from now on. Takes `fd` over. */
void source_replace(struct source *s, int fd);

/* A remote source: waits until it is known what it is, and follows playlists to the first entry
 * that can be opened. To be called once, before all that follows. Returns 0 or negative errno. */
int source_prepare(struct source *s);

/* What cannot be read from another place may have been joined anywhere, in the middle of a frame:
 * finds where its first frame begins, which is the first byte that is read from then on. To be
 * called before source_rewind. Returns 0 with the name by which libavformat knows it in
 * *ret_format, NULL: it must find out itself; or negative errno. */
int source_find_start(struct source *s, const char **ret_format);

/* The stream for libavformat, from the first byte. Owned by the source; asking again rewinds it. */
struct AVIOContext *source_rewind(struct source *s);

/* [bytes] when it was opened; −1 unknown. */
int64_t source_size(const struct source *s);

/* What can be read from another place without reading all that lies before. */
bool source_can_seek(const struct source *s);
bool source_is_live(const struct source *s); /* endless, it goes on at now */

/* A live source: reading goes on at now, and what comes is read from its first byte. */
void source_join_again(struct source *s);

/* HLS: a list of segments, that the demuxer opens itself by source_open_nested. */
bool source_is_hls(const struct source *s);
const char *source_url(const struct source *s); /* after redirects; "" for a file */

/* Reads beside the stream. Returns the number of bytes, 0 at the end, or negative errno. */
ssize_t source_read_at(struct source *s, void *bytes, size_t len, int64_t at);

/* True if a read failed, or the bytes ended before source_size: more was there, or should be. */
bool source_was_cut(const struct source *s);

/* A remote source ended, and nobody can say whether that was its end. */
bool source_end_is_open(const struct source *s);

/* Why the source failed, if it did; valid as long as the source. */
const struct failure *source_failure(const struct source *s);

/* It is found to be nothing that can be played; `why` is one line for people. */
void source_refuse(struct source *s, const char *why);

/* A part of it that cannot be done without could not be had: nothing behind that is read. */
void source_lose(struct source *s);
bool source_is_lost(const struct source *s);

/* A radio station's new title, or NULL; valid until the next call. */
const char *source_new_title(struct source *s);

/* While `f` is set, a read that must wait yields it instead. NULL: no more. */
void source_set_fiber(struct source *s, struct fiber *f);

/* Everything that waits in the fiber gives up (-EINTR) until this is taken back. */
void source_set_aborting(struct source *s, bool aborting);

/* True if a wait was given up since source_wait_again: what was to be done is not to go on, even
 * where libavformat would, and whatever comes of it may be half of what there is. */
bool source_gave_up(const struct source *s);
void source_wait_again(struct source *s);

/* The caller of a fiber that yielded waits here for what it waits for, and runs it again. Returns 0
 * or -EINTR. */
int source_wait_more(struct source *s);

/* Waits for a while, as a read would; to be called by who must wait for time to pass. */
int source_pause(struct source *s, int ms); /* 0 or -EINTR */

/* Other resources of a remote source, and reading from them; as remote_open and remote_read, but
 * they wait. source_nested_open must have returned 0 before reading. source_limit_nested says how
 * many more may be opened (−1: any number): a demuxer that tries another one loses the source. */
struct remote_stream *source_open_nested(struct source *s, const char *url, int64_t from,
                                         int64_t end);
void source_limit_nested(struct source *s, int n);
void source_close_nested(struct source *s, struct remote_stream *n);
int source_nested_open(struct source *s, struct remote_stream *n, int64_t *ret_length);
ssize_t source_nested_read(struct source *s, struct remote_stream *n, void *bytes, size_t len,
                           int64_t at);

#endif
