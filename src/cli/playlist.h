/*
 * The plays of one `tutti play`: which have been sent to the daemon, what it said of them, which
 * may be sent now. Pure: events in, decisions out.
 */
#ifndef TUTTI_CLI_PLAYLIST_H
#define TUTTI_CLI_PLAYLIST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum play_state {
    PLAY_WAITING, /* not sent yet */
    PLAY_PLACED,  /* sent */
    PLAY_READY,   /* its first frame is there */
    PLAY_ENDED,   /* its terminal event has come */
};

enum { PLAY_ID_BYTES = 40 };

struct listed_play {
    enum play_state state;
    char id[PLAY_ID_BYTES];
    char *title;     /* NULL: none is known */
    double position; /* [s] where it is */
    double start;    /* [s] where it began, from `ready` */
    double duration; /* [s]; negative: unknown */
    bool passthrough;
    bool was_ready;
    bool complete;  /* it finished, and was not moved on the way */
    int64_t frames; /* delivered, once finished */
    int pre_skip;   /* of a plain Ogg Opus file; −1: not known, or something else */
};

struct playlist {
    struct listed_play *plays;
    size_t n_plays;
    size_t n_placed; /* plays[0 … n_placed) have been sent */
    bool closed;     /* no more are to be placed */
};

/* Returns 0 or -ENOMEM. `salt` keeps the ids of two programs apart. */
int playlist_init(struct playlist *l, size_t n_plays, uint32_t salt);
void playlist_done(struct playlist *l);

/* The play that should be sent now, or NULL. One is placed at a time, and behind another one only
 * when that one is ready: a daemon that is still looking for the current play's stream is not asked
 * for the next one. */
struct listed_play *playlist_to_place(struct playlist *l);

/* To be called when what playlist_to_place returned has been sent. */
void playlist_placed(struct playlist *l);

/* The first play that was sent and has not ended, or NULL. */
struct listed_play *playlist_current(const struct playlist *l);

/* The play that an event is about, or NULL. */
struct listed_play *playlist_find(const struct playlist *l, const char *play_id);

/* Takes in an event about `play`. Returns true if it ended the play. */
bool playlist_take(struct playlist *l, struct listed_play *play, const json_t *event);

/* The samples that a player must drop so that a recording starts with the play's first sample. */
uint16_t listed_play_lag(const struct listed_play *play);

/* Where a recording of all these plays ends; see record_end. `total_frames` is what it has. */
int64_t playlist_end(const struct playlist *l, int64_t total_frames);

/* True when no play is under way and none is to be placed. */
bool playlist_is_over(struct playlist *l);

#endif
