/*
 * libcurl's multi interface on a libuv loop: one pool of connections, one store of certificates,
 * one cache of names for all requests.
 *
 * curl may not be called from inside its own callbacks. So these only note what happened and call
 * multi_touch; the job's `settle` comes later, from the loop, and may do anything.
 */
#ifndef TUTTI_FETCH_MULTI_H
#define TUTTI_FETCH_MULTI_H

#include <curl/curl.h>
#include <stdbool.h>
#include <uv.h>

struct multi;

/* One transfer of curl's, embedded in whatever it belongs to. */
struct multi_job {
    struct multi *multi;
    CURL *easy;
    bool is_added; /* curl works on it */
    bool is_done;  /* it is over, with this: */
    CURLcode result;
    bool is_touched; /* in the list */
    struct multi_job *next, *prev;
    void (*settle)(struct multi_job *job); /* may free the job */
};

/* `broken` is called when curl can go on with none of its transfers: from its callbacks as well, so
 * that nothing of this module may be called there. Returns 0 or -ENOMEM. */
int multi_new(uv_loop_t *loop, void (*broken)(void *arg), void *arg, struct multi **ret_multi);

/* All jobs must be gone. The memory goes when the loop has closed the handles. */
void multi_free(struct multi *m);

/* `settle` is called as soon as the loop comes round. From anywhere. */
void multi_touch(struct multi_job *job);

/* Begins the transfer that `easy` describes. Returns 0 or -ENOMEM. Not from curl's callbacks. */
int multi_add(struct multi_job *job);

/* Ends it, if it was begun; `settle` is not called any more. Not from curl's callbacks. */
void multi_remove(struct multi_job *job);

#endif
