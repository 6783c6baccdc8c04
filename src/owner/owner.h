/*
 * Who owns plays. An owner is born with somebody who speaks for it, an ear of a front, and outlives
 * that one by the grace time, so that it can be taken up again by its id and find its plays where
 * they were. It knows no socket.
 */
#ifndef TUTTI_OWNER_OWNER_H
#define TUTTI_OWNER_OWNER_H

#include "owner/front.h"
#include "owner/news.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct sessions;
struct owner;
struct owners;

enum { OWNER_ID_BYTES = 32 };

struct owners_config {
    uv_loop_t *loop;
    struct sessions *sessions; /* their events go to owners_say */
    uint64_t grace_ms;
    /* When there are more, one that has nothing to come back to is forgotten at once. */
    unsigned kept_max;
};

/* NULL without memory. */
struct owners *owners_new(const struct owners_config *config);

/* Forgets every owner, at once and without grace. Nothing is said any more. */
void owners_done(struct owners *all);

/* Behind owners_done, when the loop has run on and all ears have ended. */
void owners_free(struct owners *all);

/* A new one, for which `ear` speaks. `data` is its front's, and goes with `gone`. NULL without
 * memory. */
struct owner *owner_new(struct owners *all, struct ear *ear, void *data);

/* NULL where there is none, or none any more. */
struct owner *owners_find(struct owners *all, const char *id);
struct owner *owners_find_number(struct owners *all, uint64_t number);

/* Of 32 characters, which nobody can guess: it is all that is needed to speak for this owner. */
const char *owner_id(const struct owner *o);
uint64_t owner_number(const struct owner *o); /* never used twice, never 0 */
struct ear *owner_ear(const struct owner *o); /* NULL while it is away */
void *owner_data(const struct owner *o);

/* Nobody speaks for it any more: the id is kept for the grace time, and so are its plays. With
 * `has_more` its front keeps something for it besides. */
void owner_leave(struct owner *o, bool has_more);

/* `ear` speaks for it from now on. */
void owner_return(struct owner *o, struct ear *ear);

/* Those who hear of every session. */
struct news *owners_news(struct owners *all);

/* sessions_event_fn; `arg` is the struct owners. */
void owners_say(const struct event *e, const struct ticket *answer, uint64_t owner, void *arg);

#endif
