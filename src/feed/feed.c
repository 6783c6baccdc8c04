#include "feed/parts.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the source says ---- */

static void on_found(void *arg)
{
    struct feed *f = arg;
    f->hint = RING_NO_HINT; /* of another source */
    if (f->state == FEED_LOST)
        return;
    if (!feed_is_ready(f))
        feed_move(f, FEED_WAITING);
    if (f->waits_turn)
        f->ops->found(f->arg);
    else
        feed_procure(f);
}

static void on_not_found(enum tutti_error code, const char *why, void *arg)
{
    feed_lose(arg, code, why);
}

static void on_source_lost(enum tutti_error code, const char *why, void *arg)
{
    feed_lose_source(arg, code, why);
}

static void on_source_changed(void *arg)
{
    feed_change_source(arg);
}

static void on_reconnected(const char *why, void *arg)
{
    struct feed *f = arg;
    if (f->announced)
        feed_warn(f, TUTTI_W_SOURCE_RECONNECTED, why);
    else
        f->is_reconnected = true;
}

static void on_source_replaced(int fd, void *arg)
{
    struct feed *f = arg;
    struct lease *l = f->hosted_by ? f->hosted_by : f->lease;
    if (l)
        lease_replace_source(l, f->number, fd);
}

static const struct feed_source_ops source_ops = {
    .found = on_found,
    .not_found = on_not_found,
    .lost = on_source_lost,
    .changed = on_source_changed,
    .reconnected = on_reconnected,
    .replaced = on_source_replaced,
};

/* ---- what the worker says ---- */

static void set_title(struct feed *f, const char *title)
{
    char *copy = title[0] != '\0' ? strdup(title) : NULL;
    free(f->title);
    f->facts.title = f->title = copy;
}

/* A page knows the title best, a station's name is better than none. */
static void add_found(struct feed *f)
{
    const struct feed_source_facts *found = &f->source.facts;
    if (found->title && (found->is_page || !f->title))
        set_title(f, found->title);
    f->facts.seekable = f->facts.seekable && !found->is_live;
}

/* What a page says of a live stream is no length, and of media that know their own it is not
 * needed. */
static void take_length(struct feed *f, const struct wmsg_length *length)
{
    const struct feed_source_facts *found = &f->source.facts;
    struct duration before = f->facts.duration;
    bool was_live = f->facts.is_live;
    f->facts.is_live = length->is_live || found->is_live;
    f->facts.duration = (struct duration){ length->duration, (enum duration_kind)length->kind };
    f->facts.seekable = f->facts.seekable && !f->facts.is_live;
    if (f->facts.is_live)
        f->facts.duration = NO_DURATION;
    else if (f->facts.duration.kind == DURATION_UNKNOWN && found->duration >= 0)
        f->facts.duration = (struct duration){ found->duration, DURATION_ESTIMATED };
    bool is_news = f->facts.is_live != was_live || f->facts.duration.kind != before.kind ||
                   f->facts.duration.samples != before.samples;
    if (is_news && f->announced)
        f->ops->duration(f->arg);
}

static void take_opened(struct feed *f, const struct wmsg *m)
{
    if (f->facts.is_opened) {
        lease_kill(f->hosted_by ? f->hosted_by : f->lease, "it opened one source twice");
        return;
    }
    f->facts.is_opened = true;
    f->facts.seekable = m->opened.seekable;
    f->facts.passthrough = f->facts.passes = m->opened.passthrough;
    set_title(f, m->text);
    add_found(f);
    take_length(f, &m->opened.length);
    if (f->hosted_by)
        feed_make_join(lease_heard(f->hosted_by), m->opened.late);
    else
        feed_check(f);
}

/* Clients are promised a sentence, whatever the worker sends. */
static const char *said(const struct wmsg *m)
{
    return m->text[0] != '\0' ? m->text : "the worker gives no reason";
}

/* A seek that cannot be: it begins where it would have begun, with the sound asked for since. */
static void take_back_early_seek(struct feed *f, enum tutti_error code, const char *why)
{
    f->reader.place = f->want.begin = (struct place){ 0 };
    f->change.render.pos = 0;
    if (!sound_is_same(&f->want.sound, &f->heard)) {
        feed_render_anew(f);
    } else {
        change_cancel(&f->change);
        reader_expect_nothing(&f->reader);
    }
    f->ops->refused(code, why, f->arg);
}

/* What is heard goes on as if nothing had been asked for. */
static void take_back_change(struct feed *f, enum tutti_error code, const char *why)
{
    bool displaced = f->change.displaced;
    struct feed *follower = feed_follower(f);
    change_cancel(&f->change);
    reader_expect_nothing(&f->reader);
    if (f->facts.is_live) /* it could not be joined anew: not again at once */
        lag_know(&f->lag, clock_now_ns(), f->reader.taken.n, feed_lag(f));
    f->want.sound = f->heard;
    f->ops->refused(code, why, f->arg);
    /* A source that cannot be sought is where it was, any other is to be brought back; and so is
     * one that was about to change. */
    if (code != TUTTI_E_NOT_SEEKABLE || displaced)
        feed_render_anew(f);
    else if (f->awaits_next && follower && follower->facts.is_opened)
        feed_make_join(f, true);
}

/* Only a seek may fail: one that is made to take a seek back must not fail for ever, and without a
 * first frame there is nothing to go back to. */
static void take_render_failed(struct feed *f, const struct wmsg *m)
{
    enum tutti_error code = (enum tutti_error)m->failed.code;
    bool ready = feed_is_ready(f);
    bool is_ours = f->change.state == CHANGE_SENT && m->failed.gen == f->change.render.gen;
    if (f->reader.kept)
        feed_fail(f, code, said(m));
    else if (is_ours && (f->change.render.exact || (!ready && code != TUTTI_E_NOT_SEEKABLE)))
        feed_fail(f, code, said(m));
    else if (is_ours && !ready)
        take_back_early_seek(f, code, said(m));
    else if (is_ours)
        take_back_change(f, code, said(m));
}

static void take_failed(struct feed *f, const struct wmsg *m)
{
    enum tutti_error code = (enum tutti_error)m->failed.code;
    if (f->hosted_by && !f->facts.is_opened)
        feed_disown(lease_heard(f->hosted_by)); /* nothing was made of it, nor need be made anew */
    if (feed_renew_source(f, m->failed.http_status))
        return;
    if (f->source.remote && !f->hosted_by)
        feed_lose(f, code, said(m));
    else
        feed_fail(f, code, said(m));
}

static void on_message(const struct wmsg *m, struct feed *f)
{
    switch (m->type) {
    case WMSG_OPENED:
        take_opened(f, m);
        break;
    case WMSG_BELL:
        feed_check(f);
        break;
    case WMSG_FAILED:
        take_failed(f, m);
        break;
    case WMSG_RENDER_FAILED:
        take_render_failed(f, m);
        break;
    case WMSG_WARNING:
        feed_warn(f, (enum tutti_warning)m->warning.code, said(m));
        break;
    case WMSG_TITLE:
        set_title(f, m->text);
        f->ops->title(f->arg);
        break;
    case WMSG_LENGTH:
        take_length(f, &m->length);
        break;
    default:
        break;
    }
}

/* The next source may have been what killed the worker: it is not tried again. One of which the
 * ring has frames already was being rendered. */
static bool is_to_blame(const struct feed *follower, bool was_opened, const struct feed *heard,
                        const struct ring_consumer *ring)
{
    struct ring_record newest;
    const struct segment *now = &heard->reader.now;
    bool known = !heard->reader.kept && feed_is_ready(heard) && now->ring == ring &&
                 reader_newest(&heard->reader, &newest);
    return !was_opened || (known && newest.play == follower->number);
}

static void on_died(const char *why, struct ring_consumer *ring, struct feed *heard,
                    struct feed *follower)
{
    bool blame = false;
    heard->lease = NULL;
    if (follower) {
        blame = !feed_is_failing(heard) && !heard->source.reopens &&
                is_to_blame(follower, follower->facts.is_opened, heard, ring);
        follower->hosted_by = NULL;
        follower->facts.is_opened = false;
    }
    if (blame)
        feed_fail(follower, TUTTI_E_WORKER_CRASHED, "opening it ended the worker");
    feed_mend(heard, ring, why);
}

static const struct lease_ops lease_ops = { .message = on_message, .died = on_died };

/* ---- its life ---- */

struct feed *feed_new(const struct feed_ops *ops, void *arg, const struct feed_deps *deps,
                      const char *url, const struct want *want)
{
    AUTO_FREE struct feed *f = calloc(1, sizeof *f);
    if (!f || feed_source_init(&f->source, &source_ops, f, deps->locator, url) < 0)
        return NULL;
    f->ops = ops;
    f->arg = arg;
    f->pool = deps->pool;
    feed_number(f);
    f->lease_ops = &lease_ops;
    f->want = *want;
    f->reader.place = want->begin;
    f->facts.duration = NO_DURATION;
    f->hint = RING_NO_HINT;
    return TAKE_PTR(f);
}

void feed_free(struct feed *f)
{
    if (!f)
        return;
    feed_disown(f);
    if (f->hosted_by)
        feed_leave_host(f);
    if (f->job)
        pool_cancel(f->pool, f->job);
    if (f->lease)
        lease_release(f->lease);
    reader_drop_kept(&f->reader);
    feed_source_done(&f->source);
    free(f->title);
    free(f);
}

enum tutti_error feed_start(struct feed *f, bool waits_turn, char ret_why[LOCATE_WHY_MAX])
{
    f->waits_turn = waits_turn;
    return feed_source_find(&f->source, ret_why);
}

void feed_promote(struct feed *f)
{
    f->waits_turn = false;
    if (f->lease)
        feed_check(f);
    else if (feed_source_is_here(&f->source))
        feed_procure(f);
}

bool feed_has_posted(const struct feed *f)
{
    return f->posted != 0;
}

bool feed_run(struct feed *f)
{
    unsigned todo = f->posted;
    f->posted = 0;
    if (todo & POST_IN_FORCE)
        f->ops->in_force(f->in_force.place, f->in_force.ordinal, f->arg);
    if (todo & POST_STALLED)
        feed_warn(f, TUTTI_W_SOURCE_STALLED, "no data comes from the source");
    if (todo & POST_STARVED) {
        feed_fail(f, TUTTI_E_INTERNAL, "out of memory");
        return false;
    }
    if (feed_is_spent(f)) {
        feed_fail(f, f->loss.code, f->loss.why);
        return false;
    }
    if ((todo & POST_KILL) && f->lease)
        lease_kill(f->lease, "it wrote nonsense into its ring");
    if ((todo & POST_REJOIN) && !change_is_under_way(&f->change)) {
        log_info("feed", "a live stream has fallen behind: it is joined anew");
        feed_render(f, f->reader.place, false);
    }
    if (todo & POST_SEND)
        feed_send(f);
    if (change_is_under_way(&f->change))
        feed_check(f);
    return true;
}

void feed_hear_last_words(struct feed *f)
{
    if (f->lease)
        lease_hear_words(f->lease);
}

void feed_tell_found(struct feed *f)
{
    f->announced = true;
    if (f->source.facts.first_entry)
        feed_warn(f, TUTTI_W_FIRST_ENTRY, "this is a list: its first entry is played");
    f->source.facts.first_entry = false;
    if (f->is_reconnected)
        feed_warn(f, TUTTI_W_SOURCE_RECONNECTED, "the connection was lost at the beginning");
    f->is_reconnected = false;
}

/* ---- what its owner asks for ---- */

void feed_set_paced(struct feed *f, bool is_paced)
{
    f->reader.is_paced = is_paced;
    if (feed_is_ready(f) && change_is_under_way(&f->change) &&
        f->reader.passage.joint == JOINT_SAME_FRAME && !is_paced &&
        f->change.render.pos > f->reader.place.samples)
        feed_render(f, f->reader.place, true);
}

enum feed_answer feed_seek(struct feed *f, struct place place, uint32_t *ret_ticket)
{
    if (feed_is_failing(f))
        return FEED_REFUSED;
    feed_source_forgive(&f->source);
    if (!feed_is_ready(f))
        f->reader.place = f->want.begin = place;
    if (f->lease || feed_is_ready(f))
        feed_render(f, place, false);
    *ret_ticket = change_ticket(&f->change, false);
    return FEED_PENDING;
}

/* No frame is left that was made before. */
static bool has_nothing(const struct feed *f)
{
    return f->reader.is_left ||
           (!f->reader.kept && f->lease && f->reader.passage.joint != JOINT_AT_ONCE &&
            reader_fill(&f->reader) == 0);
}

/* Has the sound made that is wanted. Returns true if that is in force for what comes next. */
static bool change_sound(struct feed *f)
{
    bool ready = feed_is_ready(f);
    bool under_way = change_is_under_way(&f->change);
    bool is_next = ready && has_nothing(f);
    bool at_end = f->reader.passage.joint == JOINT_AT_END;
    if (ready && under_way && f->lease && !at_end && !is_next)
        return false; /* when that one is in force */
    change_calm_down(&f->change, f->reader.place);
    if (ready || under_way)
        feed_render_anew(f);
    else
        feed_render(f, f->reader.place, false);
    if (is_next && f->reader.passage.joint == JOINT_SAME_FRAME)
        reader_leave(&f->reader);
    return !ready || f->reader.is_left;
}

enum feed_answer feed_set_sound(struct feed *f, const struct sound *sound, uint32_t *ret_ticket)
{
    bool ready = feed_is_ready(f);
    bool changes = !sound_is_same(sound, &f->want.sound);
    if (changes && f->hosted_by) /* what was made of it already is made anew */
        feed_leave_host(f);
    f->want.sound = *sound;
    if (feed_is_failing(f))
        return FEED_IN_FORCE;
    bool in_force;
    if ((f->lease || ready) && changes)
        in_force = change_sound(f);
    else
        in_force = !change_is_under_way(&f->change) || f->reader.is_left || !ready ||
                   f->reader.passage.joint == JOINT_AT_END;
    bool next = ready && !sound_is_same(&f->want.sound, &f->change.render.sound);
    *ret_ticket = change_ticket(&f->change, next);
    return in_force ? FEED_IN_FORCE : FEED_PENDING;
}

enum tutti_error feed_loss(const struct feed *f, const char **ret_why)
{
    *ret_why = f->loss.why;
    return f->loss.code;
}

bool feed_serves(const struct feed *f, uint32_t ticket)
{
    return change_serves(&f->change, ticket);
}
