/*
 * The source of a feed, a file or a resource on the network: finding it, new links for it, and how
 * often it may be looked for anew. Its descriptor is kept, to be handed to each worker that reads
 * it. News goes up by feed_source_ops.
 */
#ifndef TUTTI_FEED_SOURCE_H
#define TUTTI_FEED_SOURCE_H

#include "locate/locator.h"

#include <stdbool.h>
#include <stdint.h>

/* Called from the loop, never from inside a call of this module. */
struct feed_source_ops {
    void (*found)(void *arg);
    void (*not_found)(enum tutti_error code, const char *why, void *arg);
    void (*lost)(enum tutti_error code, const char *why, void *arg); /* of no use any more */
    void (*changed)(void *arg); /* what is there now is something else: it is to be opened anew */
    void (*reconnected)(const char *why, void *arg); /* data flows again */
    void (*replaced)(int fd, void *arg); /* a worker that reads it is to be given `fd` */
};

/* What the page or the radio station said. */
struct feed_source_facts {
    char *title;  /* owned; NULL: none */
    bool is_page; /* the title is a page's */
    bool is_live;
    bool first_entry; /* the page was a list: its first entry is played */
    int64_t duration; /* [samples at 48 kHz]; −1 unknown */
};

/* Embedded in its feed. Fields belong to source.c; the feed may read them. */
struct feed_source {
    const struct feed_source_ops *ops;
    void *arg;
    struct locator *locator;
    char *url; /* owned */
    struct locate_request *locating;
    struct locate_request *relinking;
    int fd;                      /* −1: none */
    struct fetch_source *remote; /* owned; NULL: a file */
    struct feed_source_facts facts;
    bool reopens;       /* it changed, or has expired: it is looked for anew … */
    bool fresh;         /* … past what was found earlier */
    unsigned n_reopens; /* in a row, without much that was made in between */
    uint64_t n_made;    /* frames, delivered or in hand, at the last one */
};

/* Copies `url`. Returns 0 or -ENOMEM. */
int feed_source_init(struct feed_source *s, const struct feed_source_ops *ops, void *arg,
                     struct locator *locator, const char *url);

/* Cancels what is under way and closes what is open. */
void feed_source_done(struct feed_source *s);

/* Looks for it: found or not_found follows. Returns TUTTI_OK, or refuses at once with a sentence in
 * ret_why. Does nothing where it is being looked for. */
enum tutti_error feed_source_find(struct feed_source *s, char ret_why[LOCATE_WHY_MAX]);

static inline bool feed_source_is_here(const struct feed_source *s)
{
    return s->fd >= 0;
}

/* Lets go of what was found; it is to be looked for anew, with `fresh` past what was found
 * earlier. */
void feed_source_forget(struct feed_source *s, bool fresh);

/* Counts. n_made frames were made of it so far; what could not even be opened (`was_open` is false)
 * is replaced once only: its link may have been kept too long. */
bool feed_source_may_reopen(struct feed_source *s, uint64_t n_made, bool was_open);

/* What is asked for anew is tried anew. */
void feed_source_forgive(struct feed_source *s);

/* True if a refusal with this status can only mean that the links are old. */
bool feed_source_is_expired(const struct feed_source *s, unsigned http_status);

#endif
