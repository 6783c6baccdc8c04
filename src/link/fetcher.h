/*
 * The daemon's side of tutti-fetch: the process that does all HTTP, and the sources it reads.
 *
 * The program is started when the first source is wanted. When it dies it is started again, at once
 * or after a pause; every source is announced to it anew and goes on at its byte. A source is a
 * socketpair whose other end is the fetcher's: its descriptor goes to a worker, which reads by
 * smsg.h; what the fetcher says of the source besides comes by the callbacks. One loop's thread.
 */
#ifndef TUTTI_LINK_FETCHER_H
#define TUTTI_LINK_FETCHER_H

#include "base/errors.h"
#include "link/fetch_process.h"
#include "proto/fetch_msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

struct fetcher;
struct fetch_source;

/* What the answer to the first request told. The texts live as long as the call. */
struct fetch_head {
    int64_t length; /* [bytes]; −1: unknown */
    unsigned flags; /* enum fetch_flag */
    enum fetch_kind kind;
    const char *content_type;
    const char *url;  /* after all redirects */
    const char *name; /* a radio station's, or empty */
};

/* Called from the loop, never from inside a call of this module, and not after fetch_source_free,
 * which may be called from any of them. Any may be NULL. After failed and changed the source is
 * over: only fetch_source_free remains. */
struct fetch_source_ops {
    void (*head)(const struct fetch_head *head, void *arg);
    void (*failed)(enum tutti_error code, unsigned http_status, const char *why, void *arg);
    /* The link is not accepted any more (401, 403, 404, 410; 0: the fetcher cannot tell). Reads
     * wait for fetch_source_relink or fetch_source_free. Only where `relinkable` was given. */
    void (*expired)(unsigned http_status, void *arg);
    /* What is there now is another resource: nothing of it is delivered. */
    void (*changed)(void *arg);
    /* Data flows again after a connection that was lost or stalled. */
    void (*reconnected)(const char *why, void *arg);
    /* The fetcher died and another has the source: `fd` is the worker's new end, the callee's from
     * now on; the old one is at its end of file. The worker says RESET on it and reads on. */
    void (*replaced)(int fd, void *arg);
    void *arg;
};

/* Starts nothing yet. Returns 0 or -ENOMEM. */
int fetcher_new(uv_loop_t *loop, const struct fetcher_config *config, struct fetcher **ret_fetcher);

/* Ends the process and closes the handles; the memory goes when the loop has closed them. Its
 * sources must have been freed. */
void fetcher_free(struct fetcher *f);

pid_t fetcher_pid(const struct fetcher *f); /* −1 while none runs */

/* How many sources there are. */
size_t fetcher_count(const struct fetcher *f);

/* Begins to fetch `url`. `headers`: "Name: value\n" each, or NULL. `relinkable`: a refusal means
 * that the link is old, see `expired`. Returns 0; -EINVAL if the fetcher would not understand the
 * URL or the headers (too long, a control character); or another negative errno. */
int fetch_source_new(struct fetcher *f, const char *url, const char *headers, bool relinkable,
                     const struct fetch_source_ops *ops, struct fetch_source **ret_source);

/* Ends it; NULL is fine. A worker that reads from its descriptor comes to the end of file. */
void fetch_source_free(struct fetch_source *s);

/* From now on these are called instead. What happened before is not told again, but for what still
 * holds: that it failed, changed, or waits for another link. */
void fetch_source_set_ops(struct fetch_source *s, const struct fetch_source_ops *ops);

/* A new descriptor of the worker's end, the caller's; or negative errno. */
int fetch_source_fd(struct fetch_source *s);

/* A new link for the same resource, in answer to `expired`. Returns 0 or -EINVAL, as above. */
int fetch_source_relink(struct fetch_source *s, const char *url, const char *headers);

bool fetch_source_is_relinkable(const struct fetch_source *s);

/* The URL and headers that it has now. */
const char *fetch_source_url(const struct fetch_source *s);

#endif
