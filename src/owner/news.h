/* News: an event goes to the one it answers, to the owner of the play it is about, and to all that
 * have subscribed, to each of them once. It is written once for each form in which it is read. */
#ifndef TUTTI_OWNER_NEWS_H
#define TUTTI_OWNER_NEWS_H

#include "owner/front.h"

/* Zeroed, it is ready. */
struct news {
    struct ear *subscribers; /* utlist */
};

/* An ear that ends must have unsubscribed. */
void news_subscribe(struct news *n, struct ear *ear);
void news_unsubscribe(struct news *n, struct ear *ear);

/* Tells an answer to the one who asked. Returns the ear that heard it, or NULL. */
struct ear *news_answer(const struct event *e, const struct ticket *ticket);

/* Tells the owner (NULL: it is away) and the subscribers, but for the one that has heard the event
 * as an answer (or NULL). */
void news_tell(const struct news *n, const struct event *e, struct ear *owner,
               const struct ear *has_heard);

#endif
