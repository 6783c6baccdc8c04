/*
 * The post: what sessions say, in order, and never before the frames that came first have left. To
 * say an event is to format it and to write it to as many sockets as hear it. In a pass of the
 * pacer that would make the frames of the sessions behind it late, so that what is said in one is
 * kept until its frames have left. The room for that is bounded and is there from the beginning.
 */
#ifndef TUTTI_SESSION_POST_H
#define TUTTI_SESSION_POST_H

#include "session/sessions.h"

enum {
    POST_LETTERS = 1024,     /* events that are kept at a time … */
    POST_TEXT_BYTES = 65536, /* … and their titles and messages */
};

struct post;

struct post_ops {
    void (*flush)(void *arg); /* the frames taken until now are to leave */
    sessions_event_fn say;    /* may post what it causes */
    void *arg;
};

/* Returns 0 or -ENOMEM. */
int post_new(const struct post_ops *ops, struct post **ret_post);
void post_free(struct post *p);

/* rt: a pass begins: what is posted is kept, until post_release says all of it. Frames that have
 * not left by then leave before. */
void post_hold(struct post *p);
void post_release(struct post *p);

/* rt while the post is held. Says an event, behind all that were posted before, at once or at
 * post_release; the caller's strings need not live any longer. Where there is no room left to keep
 * it, the frames taken until now leave early and everything is said. */
void post_event(struct post *p, const struct event *e, const struct ticket *answer, uint64_t owner);

#endif
