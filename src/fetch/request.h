/*
 * One HTTP request: a GET from a byte on, redirects followed one by one, each hop's scheme, host
 * and address checked. No state of its own about the resource: that is transfer.h.
 */
#ifndef TUTTI_FETCH_REQUEST_H
#define TUTTI_FETCH_REQUEST_H

#include "base/address.h"
#include "fetch/jar.h"
#include "fetch/multi.h"
#include "fetch/proxy.h"
#include "fetch/response.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    REQUEST_REDIRECTS_MAX = 10,
    REQUEST_HEAD_BYTES_MAX = 65536, /* of one answer's head */
};

/* What all requests have in common. Borrowed by each. */
struct request_context {
    struct multi *multi;
    struct address_policy policy;
    struct proxies proxies;
    long connect_timeout_ms;
    const char *ca_file; /* NULL: the system's */
    const char *ca_dir;
    /* No connection gets this descriptor or a higher one: without any left, not even the daemon's
     * messages could be received. */
    int descriptors_max;
    unsigned names_max; /* resolved at a time, those included that nobody waits for any more */
};

struct request_spec {
    const char *url;
    const char *headers; /* "Name: value\n" each; those that are the request's own are left out */
    const char *home;    /* a URL: to its host alone go those that name the source's user */
    struct jar *jar;     /* borrowed: what servers set, and whom it is sent to */
    int64_t from;        /* [bytes] −1: no Range header, all of it */
    int64_t end;         /* [bytes] not this one and those behind; −1: all */
    bool icy;            /* ask for titles */
    bool fresh;          /* on a new connection: one from the pool may be as dead as the last */
};

enum request_end {
    REQUEST_COMPLETE,  /* all of the body, as far as HTTP can tell */
    REQUEST_LOST,      /* reset, cut, timed out, TLS failed: another try may bring it */
    REQUEST_REFUSED,   /* no answer will come of it: bad URL, certificate, too many redirects */
    REQUEST_FORBIDDEN, /* by the address policy */
    REQUEST_ABORTED,   /* an op did not want more */
};

struct request_result {
    enum request_end end;
    const char *why; /* for people */
};

struct request_ops {
    /* The head of the answer, not of a redirect. Returns 0, or −1 to abort. From curl: may not call
     * anything of this module. */
    int (*head)(const struct response *r, void *arg);
    /* Bytes of the body, encoded as the head says: curl would undo it as well, but without end.
     * Returns 1: taken; 0: not now, give them again (maybe with more behind) after
     * request_resume; −1: abort. From curl, likewise. */
    int (*data)(const uint8_t *bytes, size_t len, void *arg);
    /* After either of these, from the loop. */
    void (*progress)(void *arg);
    /* It is over: request_free is due, from here if wanted. */
    void (*done)(const struct request_result *result, void *arg);
    void *arg;
};

struct request;

/* Begins a request. The spec is copied. Returns 0; -EACCES if the policy or the scheme forbids
 * the URL, -EINVAL if it cannot be read, or -ENOMEM. */
int request_new(const struct request_context *context, const struct request_spec *spec,
                const struct request_ops *ops, struct request **ret_request);

/* Ends it, wherever it is. NULL is fine. Not from `head` or `data`. */
void request_free(struct request *r);

/* Goes on after `data` returned 0; calls it. Not from `head` or `data`. */
void request_resume(struct request *r);

/* The URL of the present hop. */
const char *request_url(const struct request *r);

#endif
