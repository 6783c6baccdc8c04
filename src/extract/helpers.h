/*
 * Processes that have yt-dlp loaded and answer one request after another (tutti_extract.py). None
 * is started before the first request, and one that has had nothing to do for a while is ended, so
 * that a bot that plays no pages pays nothing. One loop's thread.
 */
#ifndef TUTTI_EXTRACT_HELPERS_H
#define TUTTI_EXTRACT_HELPERS_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct helper;
struct helpers;

struct helpers_config {
    uv_loop_t *loop;
    const char *confine; /* the program that confines others; NULL: they run as they are */
    const char *script;  /* tutti_extract.py */
    const char *proxy;   /* or NULL */
    char *const *env;
    unsigned socket_timeout_s;
    unsigned requests_max; /* that one answers before another takes its place */
    uint64_t idle_ms;      /* after which it ends */
    size_t output_max;     /* [bytes] of an answer */

    void (*version)(const char *version, void *arg); /* one has started */
    void *arg;
};

/* The answer: a line of JSON, the callee's to free. NULL: the helper is of no use, with a reason;
 * the program may be. The helper is not the caller's any more. */
typedef void (*helpers_fn)(char *line, size_t len, const char *why, void *arg);

/* `config` is copied, what it points to stays the caller's. NULL without memory. */
struct helpers *helpers_new(const struct helpers_config *config);

/* Ends them all; memory goes when they are gone. No request may be under way. NULL is fine. */
void helpers_free(struct helpers *hs);

/* Gives the request to a helper of `program`, which `python` runs; starts one if all are busy. `fn`
 * follows, never from inside this call. NULL if helpers are of no use here. */
struct helper *helpers_ask(struct helpers *hs, const char *program, const char *python,
                           const char *what, helpers_fn fn, void *arg);

/* Nobody wants the answer any more: the helper is ended, `fn` is not called. */
void helpers_abandon(struct helper *h);

size_t helpers_count(const struct helpers *hs);

#endif
