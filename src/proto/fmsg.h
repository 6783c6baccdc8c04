/*
 * Messages between the daemon and tutti-fetch, over a SOCK_SEQPACKET socketpair: one message a
 * packet, host byte order, a fixed head, a body of fixed size, texts behind it (fetch_msg.h).
 * Pure: bytes in, struct out; decoding refuses what does not fit exactly.
 *
 *   daemon → fetcher   SOURCE (+ the fetcher's end of the source's socketpair)  RELINK  DROP
 *   fetcher → daemon   HEAD  FAILED  EXPIRED  CHANGED  RECONNECTED  LIVE
 *
 * A source is one thing that is played: a root resource and what the worker opens beside it on the
 * same socketpair (smsg.h). It lives from SOURCE to DROP; after DROP nothing more is said of its
 * id by the fetcher but what had already left. FAILED and CHANGED end it: reads are answered with
 * ERROR, and only DROP follows.
 */
#ifndef TUTTI_PROTO_FMSG_H
#define TUTTI_PROTO_FMSG_H

#include "proto/fetch_msg.h"

#include <stddef.h>
#include <stdint.h>

enum fmsg_type {
    FMSG_SOURCE = 1,
    FMSG_RELINK,
    FMSG_DROP,
    FMSG_HEAD,
    FMSG_FAILED,
    FMSG_EXPIRED,
    FMSG_CHANGED,
    FMSG_RECONNECTED,
    FMSG_LIVE, /* the root turned out to be live: FETCH_LIVE takes the place of what HEAD said */
    FMSG_TYPE_END
};

enum { FMSG_MAX = 65536 }; /* [bytes] of a message */

enum fmsg_source_flag {
    FMSG_RELINKABLE = 1, /* 401, 403, 404 and 410 are EXPIRED, not FAILED */
    FMSG_RESUMED = 2,    /* a fetcher that died had it: no request until a worker reads, no HEAD */
    FMSG_SOURCE_FLAGS_ALL = 3,
};

/* SOURCE: a source begins; unless it is resumed, its first byte is requested at once. */
struct fmsg_source {
    int64_t length; /* [bytes]; −1: not known, else what it must be (a resumed source) */
    uint32_t flags; /* enum fmsg_source_flag */
    uint32_t facts; /* enum fetch_flag: of a resumed source, as HEAD had them; else 0 */
    uint32_t kind;  /* enum fetch_kind: of a resumed source, as HEAD had it; else 0 */
    uint32_t reserved;
    /* texts: url, headers, validator, content_type, base: the last three of a resumed source as
     * HEAD had them, else empty */
};

/* HEAD: the root resource is there. Said once, after the headers and enough of the body to tell
 * what it is. */
struct fmsg_head {
    int64_t length; /* [bytes]; −1: unknown */
    uint32_t facts; /* enum fetch_flag */
    uint32_t kind;  /* enum fetch_kind */
    /* texts: content_type, base (the URL after all redirects), validator (ETag or Last-Modified),
     * name (icy-name, or empty) */
};

/* FAILED: the source is over. EXPIRED: its link is; reads wait for RELINK or DROP. */
struct fmsg_failed {
    uint32_t code;        /* enum tutti_error; TUTTI_OK in EXPIRED */
    uint32_t http_status; /* 0: none */
    /* texts: why, one line for people */
};

struct fmsg {
    enum fmsg_type type;
    uint32_t id; /* of the source, the daemon's choice */
    union {
        struct fmsg_source source;
        struct fmsg_head head;
        struct fmsg_failed failed; /* FAILED, EXPIRED */
    };
    /* NULL where the type has none. Decoded: they point into the message's bytes, and are never
     * NULL where the type has one. */
    const char *url;          /* SOURCE, RELINK */
    const char *headers;      /* SOURCE, RELINK */
    const char *validator;    /* SOURCE, HEAD */
    const char *content_type; /* SOURCE, HEAD */
    const char *base;         /* SOURCE, HEAD */
    const char *name;         /* HEAD */
    const char *why;          /* FAILED, EXPIRED, CHANGED, RECONNECTED */
};

/* Writes `m` as a message into bytes[0..size), size ≥ FMSG_MAX. Returns the length. */
size_t fmsg_encode(const struct fmsg *m, void *bytes, size_t size);

/* Reads one message. Returns 0; -EBADMSG if it is not exactly one well-formed message (unknown
 * type, wrong length, a number or a text out of range): *ret then unchanged. `bytes` must live as
 * long as *ret is used. */
int fmsg_decode(const void *bytes, size_t len, struct fmsg *ret);

#endif
