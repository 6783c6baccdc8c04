/* What the parts of a feed share. Visible to feed/ only; calls go down this list:
 *
 *   feed.c     its life, what its owner asks for, what its worker and its source say
 *   frames.c   rt: frames out of the ring     mend.c   deaths, losses, sources opened anew
 *   follow.c   one feed following another in the same worker
 *   procure.c  a worker, and renders by it
 *   state.c    the state table, what is posted
 */
#ifndef TUTTI_FEED_PARTS_H
#define TUTTI_FEED_PARTS_H

#include "feed/change.h"
#include "feed/feed.h"
#include "feed/lag.h"
#include "feed/lease.h"
#include "feed/reader.h"
#include "feed/rescue.h"
#include "feed/source.h"

enum { FEED_WHY_MAX = WMSG_TEXT_MAX + 1 };

/* What is to be done or said when the frames have left. */
enum feed_post {
    POST_LOOK = 1 << 0,     /* look at the rings again */
    POST_SEND = 1 << 1,     /* the worker is to be told of the change that is wanted */
    POST_IN_FORCE = 1 << 2, /* feed.in_force */
    POST_STALLED = 1 << 3,
    POST_KILL = 1 << 4,    /* the worker wrote nonsense */
    POST_STARVED = 1 << 5, /* there was no memory to ask for a worker */
    POST_SPENT = 1 << 6,   /* the last frame of a lost feed may have left */
    POST_REJOIN = 1 << 7,  /* it is live and has fallen behind */
};

struct feed {
    const struct feed_ops *ops;
    void *arg;
    struct pool *pool;
    uint32_t number; /* in messages to workers and in records */
    enum feed_state state;
    unsigned posted; /* enum feed_post */
    struct want want;
    struct feed_source source;
    struct pool_job *job;
    struct lease *lease;     /* of the worker by which it is heard; NULL: none */
    struct lease *hosted_by; /* of the worker that has its source, to follow; NULL: none */
    const struct lease_ops *lease_ops;
    struct reader reader;
    struct change change;
    struct sound heard; /* of the frames being delivered; want.sound may be ahead of it */
    struct {
        struct place place;
        struct ordinal ordinal;
    } in_force;     /* POST_IN_FORCE: where it began */
    struct lag lag; /* live: behind its station */
    struct rescue rescue;
    struct ring_hint hint; /* where another worker may begin to read */
    struct feed_facts facts;
    char *title; /* owned; as facts.title */
    bool waits_turn;
    bool announced;      /* its owner was told that it is ready */
    bool is_reconnected; /* … and, before that, the connection was lost */
    bool awaits_next;    /* its last frame waits until it can be made with the next feed */
    bool joins;          /* its worker went on with the follower's frames */
    uint64_t held_ns;    /* since when the last frame has waited; 0: it does not */
    struct {
        bool refills;  /* it ran dry: goes on when there is something in hand again */
        bool is_told;  /* it was said that it ran dry … */
        uint64_t then; /* … when so many frames had been delivered */
    } drought;
    struct {
        enum tutti_error code; /* LOST: what is said in the end */
        char why[FEED_WHY_MAX];
    } loss;
};

/* ---- state.c ---- */

/* Asserts that the move is one of the table's. */
void feed_move(struct feed *f, enum feed_state to);

/* rt: notes something for feed_run; the loop comes round to it. */
void feed_post(struct feed *f, unsigned what);

/* It is lost for another reason than a worker's death: nothing can be changed any more. */
bool feed_is_failing(const struct feed *f);

/* The feed whose source this one's worker has; NULL: none. */
struct feed *feed_follower(const struct feed *f);

/* rt: a change begins with the next frame, and is to be told. */
void feed_post_in_force(struct feed *f);

void feed_warn(struct feed *f, enum tutti_warning code, const char *why);

/* It is over; `f` is gone afterwards. */
void feed_fail(struct feed *f, enum tutti_error code, const char *why);

/* ---- procure.c ---- */

/* Asks the pool for a worker, unless there is one or one is waited for. */
void feed_procure(struct feed *f);

/* The message that opens this feed. */
struct wmsg feed_open_message(const struct feed *f);

/* Where a change of sound is to begin. */
struct place feed_where(const struct feed *f);

/* rt: wants a render into the lane that is not being read, which takes the place of one that is
 * under way. Not `exact`: `place` begins a new grid of frames. */
void feed_plan(struct feed *f, struct place place, bool exact);

/* The same, and tells the worker, which is asked for if there is none. */
void feed_render(struct feed *f, struct place place, bool exact);

/* What may have been made already is made anew from the next frame on. */
void feed_render_anew(struct feed *f);

/* Tells the worker of a change that it has not been told of. */
void feed_send(struct feed *f);

/* ---- follow.c ---- */

/* The follower has nothing to do with the worker of `f` any more. */
void feed_disown(struct feed *f);

/* Gives it another number: workers know it by nothing else. */
void feed_number(struct feed *f);

/* Leaves the worker of its host, which makes anew what it may have made of this feed. */
void feed_leave_host(struct feed *next);

/* The worker has the follower's source, but may have come to the end of `f` before it did. */
void feed_make_join(struct feed *f, bool late);

/* rt: a record is held back, because the next feed will share the last frame and is being opened
 * yet. */
bool feed_holds(struct feed *f, const struct ring_record *r);

/* ---- frames.c ---- */

/* Looks for the first frame, or a change that is done; asks for a bell if there is none. */
void feed_check(struct feed *f);

/* A lost feed of which nothing is left. */
bool feed_is_spent(struct feed *f);

/* ---- mend.c ---- */

/* Its worker is gone, and its ring is the feed's. */
void feed_mend(struct feed *f, struct ring_consumer *ring, const char *why);

/* Nobody takes over. What lies ready is heard first. */
void feed_lose(struct feed *f, enum tutti_error code, const char *why);

/* The same for its source, unless all of it is there. */
void feed_lose_source(struct feed *f, enum tutti_error code, const char *why);

/* Its worker says that what the source names is refused. True if that can only mean that the links
 * are old: the source is looked for anew, and opened at the first frame that is missing. */
bool feed_renew_source(struct feed *f, unsigned http_status);

/* The source is another one now. */
void feed_change_source(struct feed *f);

#endif
