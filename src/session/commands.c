/* What the commands do to a channel's plays. */
#include "session/session.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct session *find(struct sessions *ss, uint64_t channel)
{
    struct session *s;
    HASH_FIND(hh, ss->by_channel, &channel, sizeof channel, s);
    return s;
}

/* An error that answers a command and concerns nobody else. `play_id`: of a refused play, or NULL.
 */
static void refuse(struct sessions *ss, uint64_t channel, const struct ticket *ticket,
                   enum tutti_error code, const char *why, const char *play_id)
{
    struct event e = {
        .type = EVENT_ERROR,
        .channel = channel,
        .error = code,
        .message = why,
        .play_id = play_id,
    };
    post_event(ss->post, &e, ticket, 0);
}

static void refuse_play(struct sessions *ss, uint64_t channel, const struct play_request *request,
                        enum tutti_error code, const char *why)
{
    refuse(ss, channel, &request->ticket, code, why, request->play_id);
}

static struct session *open_session(struct sessions *ss, uint64_t channel)
{
    struct session *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->all = ss;
    s->channel = channel;
    s->plug = session_plug;
    HASH_ADD(hh, ss->by_channel, channel, sizeof channel, s);
    if (!s->hh.tbl) {
        free(s);
        return NULL;
    }
    return s;
}

/* Puts an accepted play in its place; whatever had that place goes. */
static void place_play(struct session *s, struct play *p, const struct play_request *request)
{
    if (request->next && session_target(s)) {
        session_drop(s, &s->next, STOP_REPLACED);
        s->next = p;
        session_offer_next(s); /* it has no source yet, but is waited for */
        return;
    }
    session_drop(s, &s->next, STOP_REPLACED);
    session_drop(s, &s->pending, STOP_REPLACED);
    if (request->cut)
        session_drop(s, &s->current, STOP_REPLACED);
    s->pending = p;
    s->held_volume = false;
    session_update(s);
}

void sessions_play(struct sessions *ss, uint64_t channel, const struct play_request *request)
{
    struct session *s = find(ss, channel);
    if (ss->shutting_down) {
        refuse_play(ss, channel, request, TUTTI_E_SHUTTING_DOWN, NULL);
        return;
    }
    if (!s && pool_take_seat(ss->deps.pool) < 0) {
        refuse_play(ss, channel, request, TUTTI_E_POOL_EXHAUSTED,
                    "all seats are taken: stop another channel or raise --max-workers");
        return;
    }
    bool is_new = !s;
    if (is_new)
        s = open_session(ss, channel);
    struct play_request owned = *request;
    if (request->keep_owner && !is_new) {
        owned.owner = session_target(s)->owner;
        owned.outlet = session_target(s)->outlet;
    }
    if (request->volume < 0)
        owned.volume = volumes_get(&ss->volumes, channel);
    struct play *p = s ? play_new(&session_feed_ops, s, &ss->deps, &owned) : NULL;
    char why[LOCATE_WHY_MAX] = "out of memory";
    bool waits_turn = request->next && s && session_target(s);
    enum tutti_error error = p ? feed_start(p->feed, waits_turn, why) : TUTTI_E_INTERNAL;
    if (error == TUTTI_OK) {
        place_play(s, p, request);
        return;
    }
    play_free(p);
    refuse_play(ss, channel, request, error, why);
    if (!s)
        pool_give_seat(ss->deps.pool);
    else if (is_new)
        (void)session_settle(s);
}

/* Pause and resume also hold for the old play, which goes on until the pending one is ready. */
static void set_paused(struct session *s, bool paused, const struct ticket *ticket)
{
    struct play *p = session_target(s);
    if (s->current)
        s->current->paused = paused;
    p->paused = paused;
    /* Off the schedule before the answer; back on it after: the frames are on the right side. */
    if (paused)
        session_update(s);
    struct event e = {
        .type = paused ? EVENT_PAUSED : EVENT_RESUMED,
        .position = play_position(p),
    };
    session_say(s, p, &e, ticket);
    if (!paused)
        session_update(s);
}

void sessions_pause(struct sessions *ss, uint64_t channel, const struct ticket *ticket)
{
    struct session *s = find(ss, channel);
    if (s)
        set_paused(s, true, ticket);
    else
        refuse(ss, channel, ticket, TUTTI_E_NO_SESSION, NULL, NULL);
}

void sessions_resume(struct sessions *ss, uint64_t channel, const struct ticket *ticket)
{
    struct session *s = find(ss, channel);
    if (s)
        set_paused(s, false, ticket);
    else
        refuse(ss, channel, ticket, TUTTI_E_NO_SESSION, NULL, NULL);
}

/* Returns true if the end of the play is the answer to the command. */
static bool stop_place(struct session *s, struct play **place, const struct ticket *ticket)
{
    struct play *p = *place;
    uint32_t change;
    if (place == &s->current) {
        s->current = NULL;
        session_stop_play(s, p, STOP_BY_COMMAND, ticket);
        return true;
    }
    if (place == &s->pending && s->current && s->held_volume)
        (void)feed_set_sound(s->current->feed, &feed_want(p->feed)->sound, &change);
    session_drop(s, place, STOP_BY_COMMAND);
    return false;
}

/* Without a play id, all of them. */
static bool stop_plays(struct session *s, const char *play_id, const struct ticket *ticket)
{
    struct play **const places[] = { &s->next, &s->pending, &s->current };
    bool answered = false;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (*places[i] && (!play_id || strcmp((*places[i])->id, play_id) == 0))
            answered |= stop_place(s, places[i], ticket);
    }
    session_offer_next(s);
    (void)session_settle(s);
    return answered;
}

void sessions_stop(struct sessions *ss, uint64_t channel, const char *play_id,
                   const struct ticket *ticket)
{
    struct session *s = find(ss, channel);
    if (!s || !stop_plays(s, play_id, ticket)) {
        /* A play that was not ready has answered its own command; this one has its own answer. */
        struct event e = { .type = EVENT_STOPPED, .channel = channel, .reason = STOP_BY_COMMAND };
        post_event(ss->post, &e, ticket, 0);
    }
}

static void wait_or_refuse(struct session *s, struct play *p, const struct waiter *waiter)
{
    if (play_add_waiter(p, waiter) < 0)
        refuse(s->all, s->channel, &waiter->ticket, TUTTI_E_INTERNAL,
               "too many commands of this channel wait to take effect", NULL);
}

static void set_sound_of_next(struct session *s, const struct sound *sound)
{
    uint32_t change;
    if (s->next)
        (void)feed_set_sound(s->next->feed, sound, &change);
    session_offer_next(s);
}

static void set_volume(struct session *s, double level, bool keep, const struct ticket *ticket)
{
    struct play *p = session_target(s);
    bool covers = p == s->pending && s->current;
    s->held_volume = covers && !keep;
    struct sound sound = { level };
    uint32_t change, unused;
    enum feed_answer answer = feed_set_sound(p->feed, &sound, &change);
    if (keep && covers)
        (void)feed_set_sound(s->current->feed, &sound, &unused);
    if (keep)
        set_sound_of_next(s, &sound);
    if (answer == FEED_IN_FORCE) {
        struct event e = { .type = EVENT_VOLUME, .level = level, .is_kept = keep };
        session_say(s, p, &e, ticket);
        return;
    }
    struct waiter waiter = {
        .type = COMMAND_VOLUME, .ticket = *ticket, .level = level, .keep = keep, .change = change
    };
    wait_or_refuse(s, p, &waiter);
}

void sessions_volume(struct sessions *ss, uint64_t channel, double level, bool keep,
                     const struct ticket *ticket)
{
    struct session *s = find(ss, channel);
    if (keep && volumes_set(&ss->volumes, channel, ticket->owner, level) < 0) {
        refuse(ss, channel, ticket, TUTTI_E_INTERNAL, "out of memory", NULL);
    } else if (s) {
        set_volume(s, level, keep, ticket);
    } else if (keep) {
        struct event e = {
            .type = EVENT_VOLUME, .channel = channel, .level = level, .is_kept = true
        };
        post_event(ss->post, &e, ticket, 0);
    } else {
        refuse(ss, channel, ticket, TUTTI_E_NO_SESSION, NULL, NULL);
    }
}

void sessions_seek(struct sessions *ss, uint64_t channel, int64_t pos, const struct ticket *ticket)
{
    struct session *s = find(ss, channel);
    if (!s) {
        refuse(ss, channel, ticket, TUTTI_E_NO_SESSION, NULL, NULL);
        return;
    }
    struct play *p = session_target(s);
    const struct feed_facts *facts = feed_facts(p->feed);
    if (facts->is_opened && !facts->seekable) {
        refuse(ss, channel, ticket, TUTTI_E_NOT_SEEKABLE, NULL, NULL);
        return;
    }
    uint32_t change;
    const char *why;
    if (feed_seek(p->feed, (struct place){ pos }, &change) == FEED_PENDING) {
        wait_or_refuse(
            s, p, &(struct waiter){ .type = COMMAND_SEEK, .ticket = *ticket, .change = change });
        return;
    }
    enum tutti_error loss = feed_loss(p->feed, &why);
    refuse(ss, channel, ticket, loss, why, NULL);
}
