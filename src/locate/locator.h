/*
 * The locator finds the source behind a URL: it answers with a descriptor that a worker can read.
 * Local files are opened on libuv's thread pool, so that a slow disk holds nobody up. A URL of the
 * network is asked for once, by the fetcher: media and playlists are the source themselves, a page
 * goes to the extractor, and so do search terms.
 */
#ifndef TUTTI_LOCATE_LOCATOR_H
#define TUTTI_LOCATE_LOCATOR_H

#include "base/errors.h"
#include "locate/roots.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct address_policy;
struct extractor;
struct fetch_source;
struct fetcher;
struct locate_request;
struct locator;

enum { LOCATE_WHY_MAX = ROOTS_ERROR_MAX };

enum located_kind {
    LOCATED_FILE,     /* fd is a regular file */
    LOCATED_MEDIA,    /* fd is the worker's end of a source of the fetcher's */
    LOCATED_PLAYLIST, /* likewise; what comes is HLS, M3U or PLS */
};

/* What was found. The texts live for the call. */
struct located {
    enum located_kind kind;
    int fd; /* the callee's from now on */
    struct fetch_source
        *source;           /* the callee's from now on, which sets its own ops; NULL: a file */
    const char *title;     /* of the page, or NULL */
    const char *station;   /* what a radio station calls itself, or NULL */
    const char *thumbnail; /* an http(s) URL, or NULL */
    int64_t duration;      /* [samples at 48 kHz] as the page declares; −1 unknown */
    bool is_live;
    bool first_entry; /* the page was a list: this is its first entry, the client is to be warned */
};

/* TUTTI_OK and what was found; or an error, a sentence, and NULL. */
typedef void (*locate_fn)(enum tutti_error error, const char *why, const struct located *found,
                          void *arg);

/* TUTTI_OK: the source has its new link and goes on; or an error and a sentence: it is of no use
 * any more. */
typedef void (*relink_fn)(enum tutti_error error, const char *why, void *arg);

/* All of it stays the caller's and must outlive the locator. */
struct locator_config {
    uv_loop_t *loop;
    const struct roots *roots;
    struct fetcher *fetcher;             /* NULL: there is no network */
    struct extractor *extractor;         /* NULL: pages and search terms are refused */
    const struct address_policy *policy; /* which hosts may be asked for */
};

/* NULL without memory. */
struct locator *locator_new(const struct locator_config *config);

/* Every request must have been answered or cancelled. Work that is still on the thread pool keeps
 * the loop alive until it is done. */
void locator_free(struct locator *l);

/* Starts to look for `url`. Returns TUTTI_OK: `fn` is called later, never from inside this call,
 * unless the request is cancelled before. Or refuses at once with an error and a sentence in
 * ret_why. With `fresh` it is known to be a page or a search term, of which what was found earlier
 * is not good enough. */
enum tutti_error locator_start(struct locator *l, const char *url, bool fresh, locate_fn fn,
                               void *arg, struct locate_request **ret_request,
                               char ret_why[LOCATE_WHY_MAX]);

/* The link of `source`, which came from the page or search term `url`, has expired: finds a new one
 * and gives it to the source. As locator_start; the source must outlive the request. */
enum tutti_error locator_relink(struct locator *l, const char *url, struct fetch_source *source,
                                relink_fn fn, void *arg, struct locate_request **ret_request,
                                char ret_why[LOCATE_WHY_MAX]);

/* Forgets the request: `fn` is not called. An extraction that nobody else waits for is ended. */
void locator_cancel(struct locate_request *request);

#endif
