/*
 * News: an event goes to the one it answers, to the owner of the play it is about, and to all that
 * have subscribed, to each of them once and in order. It is written once for each form in which it
 * is read. Subscribers may be hundreds: they are told from the loop, a few a turn, so that the
 * pacer has its turn in between.
 */
#ifndef TUTTI_OWNER_NEWS_H
#define TUTTI_OWNER_NEWS_H

#include "base/buf.h"
#include "owner/front.h"

#include <uv.h>

enum {
    NEWS_TURN_US = 50,         /* of a turn of the loop */
    NEWS_KEPT_BYTES = 1 << 20, /* beyond this all subscribers are told at once */
    NEWS_FORMS = 4,            /* in which events can be read */
};

/* What subscribers are still to be told, in one form: records of a length and so many bytes. */
struct news_log {
    char *(*format)(const struct event *e, size_t *ret_len);
    unsigned n_readers;
    struct buf records;
};

/* Embedded in who says events. */
struct news {
    struct ear *subscribers; /* utlist */
    struct ear *next;        /* of them, to be told; NULL: this round is over */
    struct news_log logs[NEWS_FORMS];
    uv_idle_t idle; /* runs while somebody is to be told */
};

void news_init(struct news *n, uv_loop_t *loop);

/* Tells what is still to be told, and closes its handle. Nothing is said any more. */
void news_done(struct news *n);

/* An ear that ends must have unsubscribed: what it has not been told it never is. */
void news_subscribe(struct news *n, struct ear *ear);
void news_unsubscribe(struct news *n, struct ear *ear);

/* Tells a subscriber what it has not been told yet: to be called before anything else is said to
 * it, which is newer. */
void news_catch_up(struct news *n, struct ear *ear);

/* Tells an answer to the one who asked. Returns the ear that heard it, or NULL. */
struct ear *news_answer(const struct event *e, const struct ticket *ticket);

/* Tells the owner (NULL: it is away) at once and the subscribers soon, but for the one that has
 * heard the event as an answer (or NULL). */
void news_tell(struct news *n, const struct event *e, struct ear *owner, struct ear *has_heard);

#endif
