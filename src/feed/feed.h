/*
 * A feed is a stream of finished frames of one source, whatever makes them: it finds the source,
 * borrows a worker, asks for renders, and goes on with another worker when one dies. The owner
 * takes the frames and hears of the rest by feed_ops. A feed knows no channel, client or command.
 *
 *   FINDING ──▶ WAITING ──▶ QUEUED ──▶ OPENING ──▶ READY ⇄ RESCUING
 *      ▲           │           │          │          │        │
 *      └───────────┴───────────┴──────────┘          └──▶ LOST ◀┘   (the table is in feed/state.c)
 */
#ifndef TUTTI_FEED_FEED_H
#define TUTTI_FEED_FEED_H

#include "feed/want.h"
#include "locate/locator.h"
#include "pool/pool.h"
#include "proto/duration.h"

#include <stdbool.h>
#include <stdint.h>

struct feed;

enum feed_state {
    FEED_FINDING,  /* its source is looked for */
    FEED_WAITING,  /* has its source; it is not its turn, or a worker has yet to be asked for */
    FEED_QUEUED,   /* waits for a worker */
    FEED_OPENING,  /* a worker has it; there is no frame yet */
    FEED_READY,    /* frames can be taken, a worker makes more */
    FEED_RESCUING, /* frames of a dead worker can be taken; another takes over, if one is needed */
    FEED_LOST,     /* what lies ready is the last: then it is over */
    FEED_STATE_COUNT
};

/* From inside feed_peek and feed_took only `look_soon` is called. `found`, `refused` and `warning`
 * may be called from inside the other functions, the rest from the loop and feed_run only. */
struct feed_ops {
    void (*found)(void *arg);     /* one that waits for its turn has its source */
    void (*ready)(void *arg);     /* the first frame is there */
    void (*news)(void *arg);      /* there may be more frames */
    void (*look_soon)(void *arg); /* rt: call feed_run, from the loop */
    /* A change is in force that begins at `place` with frame `ordinal`: feed_serves tells who is to
     * be answered. */
    void (*in_force)(struct place place, struct ordinal ordinal, void *arg);
    /* No change that was asked for will come. */
    void (*refused)(enum tutti_error code, const char *why, void *arg);
    /* It is over, and to be freed. */
    void (*failed)(enum tutti_error code, const char *why, void *arg);
    void (*warning)(enum tutti_warning code, const char *why, void *arg);
    void (*title)(void *arg);
    void (*duration)(void *arg); /* how long it is, or whether it is live, is known better */
};

struct feed_deps {
    struct locator *locator;
    struct pool *pool;
};

/* What is known of the source. */
struct feed_facts {
    const char *title; /* NULL: none */
    struct duration duration;
    bool is_live;   /* it goes on at now, wherever one was */
    bool is_opened; /* a worker has said what follows */
    bool seekable;
    bool passthrough; /* the first frames are the source's own */
    bool passes;      /* the frame delivered last was */
};

/* `want` and `url` are copied. Returns NULL without memory. */
struct feed *feed_new(const struct feed_ops *ops, void *arg, const struct feed_deps *deps,
                      const char *url, const struct want *want);

/* Cancels what is under way and gives the worker back. NULL is fine. */
void feed_free(struct feed *f);

/* Begins to look for the source. With `waits_turn` no worker is asked for before feed_promote.
 * Returns TUTTI_OK, or refuses at once with a sentence in ret_why. */
enum tutti_error feed_start(struct feed *f, bool waits_turn, char ret_why[LOCATE_WHY_MAX]);

/* Its turn has come, unless it was joined. */
void feed_promote(struct feed *f);

/* `next` follows `f`: gives it to the worker of `f` as soon as it has its source. The last frame of
 * `f` is held back for a while then, because the two share it. */
void feed_host(struct feed *f, struct feed *next);

/* Nothing follows `f` any more. */
void feed_host_nobody(struct feed *f);

/* `f` is over (FEED_OVER): if its worker went on with a follower, that one has the worker. */
void feed_hand_over(struct feed *f);

/* The pacer takes frames from now on, or not: a change is made farther ahead while it does. */
void feed_set_paced(struct feed *f, bool is_paced);

enum feed_answer {
    FEED_IN_FORCE, /* there is nothing to wait for */
    FEED_PENDING,  /* *ret_ticket is served when it is in force */
    FEED_REFUSED,  /* it is lost: feed_loss */
};

/* What is asked for anew replaces what was asked for before. However fast sounds come, each change
 * is ramped and heard: one that comes while another is under way is made when that is in force.
 * Where nothing lies ready, a sound is in force for what comes next, whenever that is. A feed that
 * another hosts leaves it, and is to be offered anew. */
enum feed_answer feed_set_sound(struct feed *f, const struct sound *sound, uint32_t *ret_ticket);
enum feed_answer feed_seek(struct feed *f, struct place place, uint32_t *ret_ticket);

/* Why a feed is lost. The sentence lives as long as the feed. */
enum tutti_error feed_loss(const struct feed *f, const char **ret_why);

/* True if what the ticket waits for is in force, or will not come any more. */
bool feed_serves(const struct feed *f, uint32_t ticket);

enum feed_step {
    FEED_FRAME, /* *ret_packet is the next frame: copy it, then feed_took */
    FEED_EMPTY, /* it is not there yet */
    FEED_OVER,  /* there is none any more */
};

/* rt: looks at the next frame. What that entails is posted, for feed_run. */
enum feed_step feed_peek(struct feed *f, const uint8_t **ret_packet, uint32_t *ret_len);
void feed_took(struct feed *f);

/* rt: false if feed_peek would surely not say FEED_OVER now, nor have anything else to do. */
bool feed_may_be_over(const struct feed *f);

/* rt: something was posted. */
bool feed_has_posted(const struct feed *f);

/* Says and does what was posted, when the frames have left or from the loop. Returns false if the
 * feed failed and is gone. */
bool feed_run(struct feed *f);

/* rt: rings the worker's bell if it waits for room that feed_took has made; with `enough` only when
 * it must not wait any longer. Returns true if it rang. */
bool feed_wake_worker(struct feed *f, bool enough);

/* Asks the worker to ring when there is a frame to take. Returns false if there is one already. */
bool feed_await_frame(struct feed *f);

/* Takes what the worker has said before it came to its end: warnings and titles. */
void feed_hear_last_words(struct feed *f);

/* Its owner was told that it is ready: says what besides is to be known. Warnings that make sense
 * only to who has been told come at once from now on. */
void feed_tell_found(struct feed *f);

/* Nothing lies ready, and the source is waited for. */
bool feed_is_dry(const struct feed *f);
void feed_say_stalled(struct feed *f); /* once an outage */

/* The last frame waits for the next feed, and must be looked at again before long. */
bool feed_is_held(const struct feed *f);

enum feed_state feed_state(const struct feed *f);
bool feed_is_ready(const struct feed *f); /* the first frame was there */
bool feed_is_remote(const struct feed *f);
const struct want *feed_want(const struct feed *f);
const struct feed_facts *feed_facts(const struct feed *f);
const char *feed_url(const struct feed *f);
struct ordinal feed_taken(const struct feed *f); /* frames so far */

/* Of the next frame. */
struct place feed_place(const struct feed *f);

/* [samples at 48 kHz] that lie ready. */
int64_t feed_buffered(const struct feed *f);

/* [samples at 48 kHz] behind its station; −1: it is not live, or that is not known. */
int64_t feed_lag(const struct feed *f);

#endif
