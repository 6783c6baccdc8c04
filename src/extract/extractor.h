/*
 * The extractor finds the stream behind a page or a search term with yt-dlp: as a child process
 * with limits on its time, output and memory; a bounded number at a time, the rest in order; what
 * was found is kept for a while. Requests for the same thing share one run.
 *
 * Where Python can import yt_dlp, helpers that have it loaded answer instead of the program: its
 * start costs most of a second of processor time.
 */
#ifndef TUTTI_EXTRACT_EXTRACTOR_H
#define TUTTI_EXTRACT_EXTRACTOR_H

#include "base/errors.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct extractor;
struct extract_request;

enum { EXTRACT_WHY_MAX = 256 };

/* What lies behind a page. The texts live for the call. */
struct extraction {
    const char *url;       /* http(s), checked as far as its letters go */
    const char *headers;   /* "Name: value\n" each; may be empty */
    const char *title;     /* or NULL */
    const char *thumbnail; /* http(s), or NULL */
    double duration_s;     /* −1 unknown */
    bool is_live;
    bool first_entry; /* of a list */
    bool cached;      /* nothing was run for it: the link may have expired meanwhile */
};

/* TUTTI_OK and what was found; or an error, a sentence, and NULL. */
typedef void (*extract_fn)(enum tutti_error error, const char *why, const struct extraction *found,
                           void *arg);

struct extractor_config {
    uv_loop_t *loop;
    const char *program;      /* yt-dlp; NULL: from PATH */
    const char *helper_path;  /* the helpers' script; NULL: the program alone is used */
    const char *confine_path; /* the program that confines the others; NULL: they run as they are */
    const char *proxy;        /* NULL: what the environment says */
    unsigned jobs;            /* at a time */
    uint64_t timeout_ms;      /* for one extraction */
};

/* The texts are copied. Soon after, and without anybody waiting, looks whether there is a yt-dlp
 * and how old it is, which is logged when something is to be done about it. Returns 0 or negative
 * errno. */
int extractor_new(const struct extractor_config *config, struct extractor **ret_extractor);

/* Ends every process. Every request must have been answered or cancelled. The memory goes when the
 * loop has collected them; NULL is fine. */
void extractor_free(struct extractor *x);

/* Finds the stream behind `what`, a page's URL or a search term, which the caller has checked. With
 * `fresh` nothing that was found earlier is good enough. `fn` is called later, never from inside
 * this call, unless the request is cancelled before. Returns 0 or -ENOMEM. */
int extractor_start(struct extractor *x, const char *what, bool fresh, extract_fn fn, void *arg,
                    struct extract_request **ret_request);

/* Forgets the request: `fn` is not called. A run that nobody waits for any more is ended. */
void extractor_cancel(struct extract_request *q);

struct extractor_stats {
    unsigned running, queued;
    uint64_t hits, misses; /* of the cache; a request that shares a run counts as a hit */
};

struct extractor_stats extractor_get_stats(const struct extractor *x);

#endif
