/*
 * One play: from an accepted URL to its last frame. It finds its source, borrows a worker, takes
 * frames from the worker's ring and asks for renders. It knows neither channels nor clients; its
 * session hears of it through play_ops.
 *
 * The struct is visible to the session folder only.
 */
#ifndef TUTTI_SESSION_PLAY_H
#define TUTTI_SESSION_PLAY_H

#include "link/fetcher.h"
#include "locate/locator.h"
#include "pool/pool.h"
#include "proto/event.h"
#include "session/lag.h"
#include "session/sessions.h"

#include <stdbool.h>
#include <stdint.h>

struct play;

struct play_ops {
    void (*located)(struct play *p);   /* a play that waits for its turn has its source */
    void (*ready)(struct play *p);     /* the first frame is there */
    void (*news)(struct play *p);      /* there may be more frames */
    void (*look_soon)(struct play *p); /* call play_check, from the loop */
    void (*applied)(struct play *p);   /* the render is in force: answer the waiters */
    void (*refused)(struct play *p, enum tutti_error code,
                    const char *why);                                       /* it is not possible */
    void (*failed)(struct play *p, enum tutti_error code, const char *why); /* the play is over */
    void (*warning)(struct play *p, enum tutti_warning code, const char *why);
    void (*title)(struct play *p);
    void (*duration)(struct play *p); /* how long it is, or whether it is live, is known better */
};

/* Somebody who waits for a render to be in force. */
struct waiter {
    struct waiter *next;
    enum command_type type; /* COMMAND_SEEK or COMMAND_VOLUME */
    struct ticket ticket;
    double level;
    uint32_t render; /* the number of the render that it waits for */
};

enum { PLAY_WAITERS_MAX = 256, PLAY_WHY_MAX = WMSG_TEXT_MAX + 1 };

struct play {
    const struct play_ops *ops;
    struct session *session;
    const struct sessions_config *config;
    struct locator *locator;
    struct pool *pool;

    /* what was asked for */
    uint32_t serial;
    char id[COMMAND_PLAY_ID_MAX + 1];
    char *url;
    struct ticket ticket;
    uint64_t owner;
    struct outlet *outlet; /* held */
    bool paused;
    double volume;
    int64_t start_pos; /* [samples at 48 kHz] */

    /* A play that follows another waits for its turn. Its source is opened ahead of time by that
     * play's worker, which joins the two; it keeps the source itself until then. */
    bool waits_turn;
    struct play *host;      /* whose worker has its source */
    struct play *successor; /* whose source this play's worker has */
    bool joins;             /* its worker went on with the successor's frames */
    bool awaits_next;       /* its last frame waits until it can be made with the next play */

    /* on the way to the first frame: at most one of these */
    struct locate_request *locating;
    struct pool_job *job;
    int source_fd;

    /* A source from the network; network.c. */
    struct {
        struct fetch_source *source; /* owned; NULL: a file */
        struct locate_request *relinking;
        bool reopens;            /* it changed, or has expired: it is looked for anew … */
        bool fresh;              /* … past what was found earlier */
        unsigned n_reopens;      /* in a row, without much that was made in between */
        uint64_t n_made;         /* frames, delivered or in hand, at the last one */
        bool reconnected;        /* before its client could be told */
        bool refills;            /* it ran dry: goes on when there is something in hand again */
        bool stalled;            /* it was said that it ran dry … */
        uint64_t stalled_frames; /* … when so many frames had been delivered */
        /* what the page or the radio station said */
        bool is_page;
        bool is_live;
        bool first_entry;
        int64_t duration; /* [samples at 48 kHz]; −1 unknown */
        char *title;
    } net;
    uint64_t held_ns; /* since when the last frame has waited for the next play; 0: it does not */

    struct worker *worker; /* from OPEN on */
    bool starved;          /* there was no memory to ask for one: the next visit ends the play */
    bool opened;
    bool ready;     /* its first frame is there */
    bool announced; /* its client has been told */
    bool seekable;
    bool passthrough;
    bool is_live; /* it goes on at now, wherever one was */
    struct duration duration;
    struct lag lag; /* live: behind its station */
    char *title;

    struct {
        struct ring_consumer *ring; /* being read: the worker's, or a dead worker's */
        unsigned lane;
        uint32_t gen;
        int64_t next_pos; /* [samples at 48 kHz] of the next frame */
        uint32_t sequence;
        uint64_t frames; /* delivered */
        uint64_t marks;  /* the connection that was told whose frames these are; 0: none was … */
        int64_t origin;  /* … and where frame 0 would lie, by what it was told */
        uint64_t underruns;
        uint32_t n_stale[RING_LANES]; /* records of other renders, since the last one wanted */
    } rt;
    bool passes; /* the frame delivered last was the source's own */

    /* What a dead worker has left is played while another one takes over. */
    struct {
        struct ring_consumer *ring; /* owned; NULL when none died */
        bool drain;                 /* take all of it before the new worker's frames */
        bool broken;                /* it makes no sense: as if empty */
        bool lost;                  /* nobody takes over: with its last frame the play fails */
        unsigned deaths;            /* in a row at the same place of the media */
        struct ring_hint hint;      /* where the one that takes over may begin to read */
        uint32_t made_before;       /* frames of this worker that are none of this play's */
        unsigned n_restarts;        /* since window_ns */
        uint64_t window_ns;
        enum tutti_error code; /* lost: what is said then */
        char why[PLAY_WHY_MAX];
    } relic;

    /* a render on its way into the other lane */
    bool rendering;
    bool render_unsent; /* the worker did not take it yet */
    bool left_lane;     /* its frame is the next one: the lane that is read is read no more */
    bool displaced;     /* it took the place of one that was under way */
    struct wmsg_render render;
    uint32_t render_number; /* counts the renders that were asked for */
    unsigned n_late;        /* of late: renders that came after the frame they were to begin with */
    int64_t changed_pos;    /* [samples at 48 kHz] where the last change began */
    float heard_gain;       /* of the frames being delivered; `volume` may be ahead of it */
    struct waiter *waiters;
    unsigned n_waiters;
};

/* `request` is copied. Returns NULL without memory. */
struct play *play_new(const struct play_ops *ops, struct session *session,
                      const struct sessions_deps *deps, const struct play_request *request);

/* Cancels what is under way, gives the worker back. Waiters must have been answered. */
void play_free(struct play *p);

/* Begins, or looks for its source anew. Returns TUTTI_OK, or refuses at once with a sentence in
 * ret_why. */
enum tutti_error play_start(struct play *p, char ret_why[LOCATE_WHY_MAX]);

/* Gives `next`, which has its source, to the worker of `p`. If that cannot be, `next` will be
 * opened when its turn comes. */
void play_host(struct play *p, struct play *next);

/* `p` is over and its worker went on with `next`: the worker changes hands. */
void play_join(struct play *p, struct play *next);

/* It is this play's turn: it gets a worker as soon as it has its source, unless it was joined. */
void play_promote(struct play *p);

/* For join.c: the message that opens this play; asking the pool; making from the next frame on anew
 * what may have been made already; letting go of the worker that has this play's source; seeing to
 * it that the current play's end is a join; letting go of the successor; whether a record is held
 * back, because the next play will share the last frame and is being opened yet. */
struct wmsg play_open_message(const struct play *p);
void play_get_worker(struct play *p);
void play_render_anew(struct play *p);
void play_leave_host(struct play *next);
void play_make_join(struct play *p, bool late);
void play_disown(struct play *p);
bool play_holds(struct play *p, const struct ring_record *r);

/* recover.c: the worker died. Returns true if the play goes on with another one. */
bool play_recover(struct play *p, struct ring_consumer *ring);
void play_drop_relic(struct play *p);
bool play_may_restart(struct play *p); /* counts; false when it was restarted too often of late */

/* How long it may wait for another worker when too many die: half of what it has to play. */
uint64_t play_patience_ms(const struct play *p);

/* Nobody takes over. What the ring holds is heard first; `failed` follows when play_is_spent. */
void play_lose(struct play *p, enum tutti_error code, const char *why);
bool play_is_spent(struct play *p);
bool play_is_failing(
    const struct play *p); /* its source is lost: nothing can be changed any more */

/* network.c: takes over what the locator found; lets go of it. */
void play_take_found(struct play *p, const struct located *found);
void play_drop_source(struct play *p);

/* A page knows the title best, a station's name is better than none; the duration said counts where
 * the container says none. */
void play_add_found(struct play *p);

/* Its client has been told that it is ready: and this besides. */
void play_tell_found(struct play *p);

/* Its worker says that what the source names is refused. True if that can only mean that the links
 * are old: the page that they came from is looked up anew, and the source opened again at the first
 * frame that is missing. */
bool play_renew_source(struct play *p, unsigned http_status);

/* Looks for the source anew, for another worker. Returns false if that cannot be. */
bool play_reopen_source(struct play *p);

/* rt: nothing lies ready. */
void play_note_dry(struct play *p);

/* Credit flow: nothing lies ready that could use the credit, and the source is waited for. */
bool play_is_dry(struct play *p);
void play_say_stalled(struct play *p); /* once an outage */

/* The last frame waits for the next play, and must be looked at again before long. */
bool play_is_held(const struct play *p);

/* rt: it ran dry, and what has come since is too little to go on with. */
bool play_refills(struct play *p);

/* For network.c: the title as a client sees it. */
void play_set_title(struct play *p, const char *title);

enum play_step {
    PLAY_FRAME,  /* *ret_packet is the next frame: copy it, then play_took */
    PLAY_EMPTY,  /* it is not there yet */
    PLAY_OVER,   /* there is none any more */
    PLAY_BROKEN, /* the ring makes no sense: the worker was ended, `failed` follows */
};

/* Takes what the worker has said before it came to its end: warnings and titles. */
void play_hear_last_words(struct play *p);

/* Where what is heard is to change: at the next frame, or so far ahead that its first frame, which
 * bears the ramp, can be made before it is due; and not so soon after the last change that encoder
 * and listener's decoder are not yet at one again. */
int64_t play_change_pos(const struct play *p);

/* rt: looks at the next frame. */
enum play_step play_peek(struct play *p, const uint8_t **ret_packet, uint32_t *ret_len);
void play_took(struct play *p);

/* rt: false if play_peek would surely not say PLAY_OVER now, nor have anything else to do. */
static inline bool play_may_be_over(const struct play *p)
{
    return p->rendering || p->relic.ring || ring_may_end(p->rt.ring, p->rt.lane);
}

/* rt: rings the worker's bell if it waits for room that play_took has made; with `enough` only when
 * it must not wait any longer. Returns true if it rang. */
bool play_wake_worker(struct play *p, bool enough);

/* Looks for the first frame, or a render that is done; asks for a bell if there is none. */
void play_check(struct play *p);

/* Asks the worker to ring when there is a frame to take. Returns false if there is one already. */
bool play_await_frame(struct play *p);

/* Both start a render, or change what OPEN will ask for. The caller notes who waits for it; where
 * they return true there is nothing to wait for. A volume that comes while a render is under way is
 * rendered when that one is in force: however fast they come, each change is ramped and is heard.
 * Where nothing lies ready, a volume is in force for what comes next, whenever that is.
 */
bool play_seek(struct play *p, int64_t pos);
bool play_set_volume(struct play *p, double volume);

/* Frames leave in another flow now, or do not: a change that waits for its frame need not. */
void play_flow_changed(struct play *p);

/* Notes a waiter for the render that serves it. Returns 0, -ENOBUFS or -ENOMEM. */
int play_add_waiter(struct play *p, enum command_type type, const struct ticket *ticket,
                    double level);

/* Takes one waiter: any, or one whose render is in force. Returns NULL when there is none. */
struct waiter *play_take_waiter(struct play *p);
struct waiter *play_take_served(struct play *p);

/* It was opened, or more is known of it than then. */
void play_take_length(struct play *p, const struct wmsg_length *length);

/* rt: a frame of a live stream was taken: if it has fallen behind, it is joined anew at now. */
void play_keep_up(struct play *p);

/* [samples at 48 kHz] behind its station; −1: it is not live, or that is not known. */
int64_t play_lag(const struct play *p);

/* For facts.c: a render into the other lane, from `pos` on; not `exact`: the grid of frames begins
 * anew there. */
void play_start_render(struct play *p, int64_t pos, bool exact);

/* [samples at 48 kHz] of the next frame. */
int64_t play_position(const struct play *p);

/* [samples at 48 kHz] that lie ready. */
int64_t play_buffered(const struct play *p);

const char *play_state_name(const struct play *p);

#endif
