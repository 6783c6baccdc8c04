/* What is known of a resource, and what an answer about it means. Pure. */
#ifndef TUTTI_FETCH_RESOURCE_H
#define TUTTI_FETCH_RESOURCE_H

#include "base/errors.h"
#include "fetch/live.h"
#include "fetch/response.h"
#include "proto/fetch_msg.h"

#include <stdbool.h>
#include <stdint.h>

struct jar;

struct resource {
    char *url; /* as it was given; owned, like the rest */
    char *headers;
    char *home;      /* the URL that the headers were given for; NULL: this one */
    struct jar *jar; /* of its source; borrowed */
    char *base;      /* where the redirects led, asked directly from then on; NULL: not yet known */
    int64_t end;     /* [bytes] nothing from here on is wanted; −1: all */
    bool wants_icy;  /* it may be a station: its titles are asked for */
    struct live_facts live;
    bool is_relinkable; /* a refusal means that the link is old, and another may come */
    bool is_unranged;   /* its server refuses requests for a part: it is asked for all */
    bool is_known;      /* an answer was accepted: the rest holds */
    bool is_encoded;    /* compressed or mixed with titles: bytes of it cannot be asked for */
    bool is_titled;     /* a file with titles in it */
    bool is_seen;       /* its first bytes have told whether it is compressed */
    bool gives_parts;
    enum coding coding;  /* as its server says, until its bytes have told */
    unsigned facts;      /* enum fetch_flag */
    int64_t sent_length; /* [bytes] in the form in which it is sent; −1: unknown */
    enum fetch_kind kind;
    int64_t length; /* [bytes]; −1: unknown */
    char validator[FETCH_VALIDATOR_MAX + 1];
    char content_type[FETCH_TYPE_MAX + 1];
    char name[FETCH_LINE_MAX + 1];
};

/* Copies the texts. Returns 0 or -ENOMEM. */
int resource_init(struct resource *r, const char *url, const char *headers);
void resource_done(struct resource *r);

/* Another link to the same resource: the length still holds, the validator may differ. Returns 0 or
 * -ENOMEM: nothing has changed then. */
int resource_relink(struct resource *r, const char *url, const char *headers);

enum verdict {
    VERDICT_ACCEPT,  /* it begins at `from` */
    VERDICT_WHOLE,   /* no part of it is to be had: to be asked once more, for all */
    VERDICT_RETRY,   /* not now */
    VERDICT_REFUSED, /* 401, 403, 404, 410: the link may be old */
    VERDICT_FAILED,  /* nothing to be had */
    VERDICT_CHANGED, /* another resource than the one that was read so far */
    VERDICT_END,     /* there is nothing from the byte on that was asked for */
};

struct judgement {
    enum verdict verdict;
    int64_t from;          /* ACCEPT: [bytes] the body's first one */
    int64_t retry_after_s; /* RETRY: −1: not said */
    enum tutti_error code; /* REFUSED, FAILED */
    unsigned status;
    char why[256];
};

/* Judges an answer to a request from byte `asked` on (−1: for all). `now_s`: Unix time. */
void resource_judge(const struct resource *r, const struct response *answer, int64_t asked,
                    int64_t now_s, struct judgement *ret);

/* Takes the facts from the first answer that was accepted. */
void resource_learn(struct resource *r, const struct response *answer);

/* What its first bytes have told, whatever its server says: whether it comes compressed. The first
 * time counts. */
void resource_see(struct resource *r, bool is_packed);

/* More is known in `live`. Returns true if that makes it live, which it was not before. */
bool resource_judge_live(struct resource *r);

/* Its first bytes are there. */
void resource_look(struct resource *r, const uint8_t *bytes, size_t len);

/* The byte behind the last one that is wanted, or −1. */
int64_t resource_end(const struct resource *r);

/* True if the body of this answer ends with its connection, so that nobody can tell a cut. */
bool resource_is_open_ended(const struct response *answer);

#endif
