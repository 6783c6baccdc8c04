/*
 * The sessions: what plays in which channel. The dispatcher gives commands here as structs and
 * hears events as structs; nothing in this folder knows of sockets or JSON.
 *
 * A session is a channel in which something plays or is about to. It holds up to three plays: the
 * current one (audible), the pending one (accepted, not ready, will replace the current one) and
 * the next one (will follow it).
 */
#ifndef TUTTI_SESSION_SESSIONS_H
#define TUTTI_SESSION_SESSIONS_H

#include "locate/locator.h"
#include "outlet/outlet.h"
#include "playout/player.h"
#include "pool/pool.h"
#include "proto/command.h"
#include "proto/event.h"
#include "session/ticket.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct sessions;
struct session;

struct sessions_config {
    uint32_t depth_frames;
    uint32_t bitrate;    /* [bit/s] */
    uint32_t complexity; /* 0 … 10 */
};

/* Says an event, never before the frames of the pacer's pass that it comes from have left. `answer`
 * is the command it answers, or NULL. `owner` is whose play it is about; 0 when it concerns nobody
 * but the commander. */
typedef void (*sessions_event_fn)(const struct event *e, const struct ticket *answer,
                                  uint64_t owner, void *arg);

struct sessions_deps {
    uv_loop_t *loop;
    struct pool *pool;
    struct locator *locator;
    struct sessions_config config;
    sessions_event_fn event;
    player_pass_fn flush; /* everything handed to any outlet is to leave now */
    void *arg;
};

struct play_request {
    const char *play_id; /* NULL: one is made up */
    const char *url;
    double volume;    /* negative: the one that is kept for the channel */
    int64_t position; /* [samples at 48 kHz] */
    bool paused, cut, next;
    bool keep_owner; /* where something plays, the owner of that owns this play too */
    struct ticket ticket;
    uint64_t owner;        /* whose play it will be */
    struct outlet *outlet; /* where its frames go: held as long as the play is there */
};

int sessions_new(const struct sessions_deps *deps, struct sessions **ret_sessions);

/* Every session must have ended. */
void sessions_free(struct sessions *ss);

/* The commands. Each is answered by an event, now or later. */
void sessions_play(struct sessions *ss, uint64_t channel, const struct play_request *request);
void sessions_pause(struct sessions *ss, uint64_t channel, const struct ticket *ticket);
void sessions_resume(struct sessions *ss, uint64_t channel, const struct ticket *ticket);

/* `play_id`: the play that is to end, while others of the channel go on and move up; NULL: all. */
void sessions_stop(struct sessions *ss, uint64_t channel, const char *play_id,
                   const struct ticket *ticket);

/* With `keep` the level is that of the channel: of what plays, what waits, and what comes later. */
void sessions_volume(struct sessions *ss, uint64_t channel, double level, bool keep,
                     const struct ticket *ticket);
void sessions_seek(struct sessions *ss, uint64_t channel, int64_t pos, const struct ticket *ticket);

/* The owner will not come back: its plays end with `client_gone`. */
void sessions_owner_gone(struct sessions *ss, uint64_t owner);

/* Ends every session with `shutdown`; plays are refused from now on. */
void sessions_shutdown(struct sessions *ss);

/* Calls `fn` for one channel (0: all) of one owner (0: any). The info's strings live for the
 * call. */
typedef void (*session_info_fn)(const struct session_info *info, void *arg);
void sessions_list(struct sessions *ss, uint64_t channel, uint64_t owner, session_info_fn fn,
                   void *arg);

/* Whether a play of this owner is left, audible or not. */
bool sessions_have_plays_of(const struct sessions *ss, uint64_t owner);

struct sessions_counts {
    unsigned extracting, streaming, paused;
    uint64_t frames_sent;
    uint64_t underruns;
    uint64_t stalls;
};

struct sessions_counts sessions_counts(struct sessions *ss);
const struct lateness *sessions_lateness(const struct sessions *ss);

#endif
