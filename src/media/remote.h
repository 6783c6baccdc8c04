/*
 * A worker's side of proto/smsg.h: resources that tutti-fetch reads for it. Never waits: what is
 * not there yet is -EAGAIN, and remote_fd becomes readable when it is worth asking again. Whatever
 * the fetcher says is checked against what was asked.
 */
#ifndef TUTTI_MEDIA_REMOTE_H
#define TUTTI_MEDIA_REMOTE_H

#include "media/failure.h"
#include "proto/smsg.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct remote;
struct remote_stream;

enum { REMOTE_READ_MAX = 32 * 1024 }; /* [bytes] that one read brings at the most */

struct remote_facts {
    int64_t length; /* [bytes]; −1 unknown */
    unsigned flags; /* enum fetch_flag */
    enum fetch_kind kind;
    const char *content_type;
    const char *url; /* after all redirects */
};

/* Takes the socket over on success, and begins to read. Returns 0 or negative errno. */
int remote_new(int sock, struct remote **ret);
void remote_free(struct remote *r);

/* To wait for; −1 while the fetcher is gone. */
int remote_fd(const struct remote *r);

/* The fetcher died: from now on `sock` (taken over) leads to another. What is open is opened
 * anew, what was asked for is asked again, at the same byte. */
void remote_replace(struct remote *r, int sock);

/* A live stream is joined anew at now: its next byte counts as its first. */
void remote_join_again(struct remote *r, struct remote_stream *s);

/* The source's own resource. */
struct remote_stream *remote_root(struct remote *r);

/* Begins to open another resource, of which the bytes from..end are wanted (end −1: all). Returns
 * NULL if too many are open, or without memory. An entry of a list of links may be a station. */
struct remote_stream *remote_open(struct remote *r, const char *url, int64_t from, int64_t end);
struct remote_stream *remote_open_entry(struct remote *r, const char *url);
void remote_close(struct remote *r, struct remote_stream *s); /* the root: does nothing */

/* Returns 1 when what is known of the resource stands in *ret (valid until the next call), -EAGAIN,
 * or another negative errno: it cannot be had, see remote_failure. */
int remote_get_facts(struct remote *r, struct remote_stream *s, struct remote_facts *ret);

/* Reads at most `len` bytes at `at`. Returns how many, 0 at the end, -EAGAIN, or another negative
 * errno: there will be no more. */
ssize_t remote_read(struct remote *r, struct remote_stream *s, void *bytes, size_t len, int64_t at);

/* It goes on at now, as far as is known by now. */
bool remote_is_live(const struct remote_stream *s);

/* True if the resource's end was met, and nobody can say that it was the end. */
bool remote_was_cut(const struct remote_stream *s);

/* Why a stream failed; valid as long as the stream. */
const struct failure *remote_failure(const struct remote_stream *s);

/* The title a radio station gave last, or NULL if it is not newer than the last call's. */
const char *remote_new_title(struct remote *r);

#endif
