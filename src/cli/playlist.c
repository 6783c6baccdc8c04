#include "cli/playlist.h"

#include "base/audio.h"
#include "cli/client.h"
#include "cli/record.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int playlist_init(struct playlist *l, size_t n_plays, uint32_t salt)
{
    assert(n_plays > 0);
    *l = (struct playlist){ .plays = calloc(n_plays, sizeof *l->plays), .n_plays = n_plays };
    if (!l->plays)
        return -ENOMEM;
    for (size_t i = 0; i < n_plays; i++) {
        l->plays[i].duration = l->plays[i].pre_skip = -1;
        (void)snprintf(l->plays[i].id, PLAY_ID_BYTES, "cli-%08x-%zu", salt, i + 1);
    }
    return 0;
}

void playlist_done(struct playlist *l)
{
    for (size_t i = 0; i < l->n_plays && l->plays; i++)
        free(l->plays[i].title);
    free(l->plays);
    *l = (struct playlist){ .plays = NULL };
}

struct listed_play *playlist_current(const struct playlist *l)
{
    for (size_t i = 0; i < l->n_placed; i++) {
        if (l->plays[i].state != PLAY_ENDED)
            return &l->plays[i];
    }
    return NULL;
}

struct listed_play *playlist_to_place(struct playlist *l)
{
    if (l->closed || l->n_placed == l->n_plays)
        return NULL;
    const struct listed_play *current = playlist_current(l);
    bool behind_is_free = current == &l->plays[l->n_placed] - 1;
    if (current && (current->state != PLAY_READY || !behind_is_free))
        return NULL;
    return &l->plays[l->n_placed];
}

void playlist_placed(struct playlist *l)
{
    assert(l->n_placed < l->n_plays);
    l->plays[l->n_placed++].state = PLAY_PLACED;
}

struct listed_play *playlist_find(const struct playlist *l, const char *play_id)
{
    for (size_t i = 0; i < l->n_placed; i++) {
        if (strcmp(l->plays[i].id, play_id) == 0)
            return &l->plays[i];
    }
    return NULL;
}

static void set_title(struct listed_play *play, const json_t *event)
{
    const char *title = event_text(event, "title", "");
    char *copy = title[0] != '\0' ? strdup(title) : NULL;
    if (!copy)
        return;
    free(play->title);
    play->title = copy;
}

static void take_ready(struct listed_play *play, const json_t *event)
{
    play->state = PLAY_READY;
    play->start = event_number(event, "position", 0);
    play->duration = event_number(event, "duration", -1);
    play->passthrough = json_is_true(json_object_get(event, "passthrough"));
    play->was_ready = play->complete = true;
    set_title(play, event);
}

/* Whether a play that was placed after this one may still be heard. */
static bool has_follower(const struct playlist *l, const struct listed_play *play)
{
    assert(play >= l->plays && play < l->plays + l->n_plays);
    for (const struct listed_play *later = play + 1; later < l->plays + l->n_placed; later++) {
        if (later->state != PLAY_ENDED)
            return true;
    }
    return false;
}

bool playlist_take(struct playlist *l, struct listed_play *play, const json_t *event)
{
    if (play->state == PLAY_ENDED)
        return false;
    play->position = event_number(event, "position", play->position);
    if (event_is(event, "ready")) {
        take_ready(play, event);
    } else if (event_is(event, "title")) {
        set_title(play, event);
    } else if (event_is(event, "seeked")) {
        play->complete = false;
    } else if (event_is(event, "finished")) {
        play->frames = (int64_t)event_number(event, "frames", 0);
        play->state = PLAY_ENDED;
    } else if (event_is(event, "stopped") || event_is(event, "error")) {
        /* A broken item is passed over, and so is one from which somebody skips to the next; a stop
         * that leaves nothing is meant for the whole list. */
        l->closed = l->closed || (event_is(event, "stopped") && !has_follower(l, play));
        play->complete = false;
        play->state = PLAY_ENDED;
    }
    return play->state == PLAY_ENDED;
}

/*
 * The lag is not said on the wire. Transcoding it is the look-ahead of libopus. Of an Opus source
 * it is what remains of the source's own pre-skip when whole packets of it are dropped, and a local
 * Ogg file says how much that is. For other Opus the look-ahead is the best guess: what libopus
 * made from 48 kHz, YouTube's streams included, has just that pre-skip, and no remainder differs
 * from it by more than 14 ms.
 */
uint16_t listed_play_lag(const struct listed_play *play)
{
    return play->pre_skip >= 0 ? (uint16_t)(play->pre_skip % AUDIO_FRAME_SAMPLES)
                               : AUDIO_ENCODER_LOOKAHEAD;
}

static int64_t end_at(const struct listed_play *last, double position, int64_t total_frames)
{
    if (position < last->start)
        return -1;
    return record_end(audio_samples(position - last->start), listed_play_lag(last), last->frames,
                      total_frames);
}

/* The last play that was heard decides, if it was heard to its end. Where that was is known best
 * when it is over; what a container says of its length may be a guess. */
int64_t playlist_end(const struct playlist *l, int64_t total_frames)
{
    const struct listed_play *last = NULL;
    for (size_t i = 0; i < l->n_placed; i++) {
        if (l->plays[i].was_ready)
            last = &l->plays[i];
    }
    if (!last || !last->complete)
        return -1;
    int64_t end = end_at(last, last->position, total_frames);
    return end >= 0 ? end : end_at(last, last->duration, total_frames);
}

bool playlist_is_over(struct playlist *l)
{
    return !playlist_current(l) && !playlist_to_place(l);
}
