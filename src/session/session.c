#include "session/session.h"

#include "base/cleanup.h"
#include "base/container.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

enum {
    MOVED_SAMPLES = AUDIO_FRAME_SAMPLES / 2, /* less is how containers round their times */
    DROUGHT_MS = 1000,    /* longer than any hitch on the way from a healthy source */
    FRAMES_AT_ONCE = 512, /* of one session in credit flow, before the others have their turn */
};

void session_say(const struct session *s, const struct play *p, struct event *e,
                 const struct ticket *answer)
{
    e->channel = s->channel;
    e->play_id = p->id;
    post_event(s->all->post, e, answer, p->owner);
}

/* Every command that waits for what is in force, from this frame on, is answered. */
static void answer_waiters(struct session *s, struct play *p, struct place place,
                           struct ordinal ordinal)
{
    struct waiter *w;
    while ((w = play_take_served(p)) != NULL) {
        struct event e = { .type = EVENT_SEEKED,
                           .position = place.samples,
                           .sequence = (uint32_t)ordinal.n };
        if (w->type == COMMAND_VOLUME)
            e = (struct event){ .type = EVENT_VOLUME, .level = w->level, .is_kept = w->keep };
        session_say(s, p, &e, &w->ticket);
        free(w);
    }
}

static void refuse_waiters(struct session *s, struct play *p, enum tutti_error code,
                           const char *why)
{
    struct waiter *w;
    while ((w = play_take_waiter(p)) != NULL) {
        struct event e = {
            .type = EVENT_ERROR, .channel = s->channel, .error = code, .message = why
        };
        post_event(s->all->post, &e, &w->ticket, 0);
        free(w);
    }
}

/* rt: says in band whose frames follow, and from where, to a connection that has not been told. */
static void mark_frames(struct play *p, int64_t origin)
{
    struct outlet *o = p->outlet;
    p->rt.marks = o->marks;
    p->rt.origin = origin;
    if (o->marks != 0)
        o->ops->mark(o, p->rt.sequence, p->id, play_position(p));
}

/* The in-band end follows the play's last frame; like that it leaves before the event that says so.
 */
static void end_in_band(struct play *p)
{
    if (feed_taken(p->feed).n == 0)
        return;
    if (p->rt.marks != p->outlet->marks)
        mark_frames(p, p->rt.origin);
    outlet_frame(p->outlet, p->rt.sequence, NULL, 0);
}

static void end_play(struct session *s, struct play *p, struct event *e,
                     const struct ticket *answer)
{
    end_in_band(p);
    session_say(s, p, e, p->announced ? answer : &p->ticket);
    refuse_waiters(s, p, TUTTI_E_NO_SESSION, "the play ended before this could take effect");
    play_free(p);
}

void session_stop_play(struct session *s, struct play *p, enum stop_reason reason,
                       const struct ticket *answer)
{
    struct event e = { .type = EVENT_STOPPED, .reason = reason, .position = play_position(p) };
    end_play(s, p, &e, answer);
}

/* Commands that waited for the next play wait no more. */
static struct play *leave_place(struct session *s, struct play **place)
{
    struct play *p = *place;
    *place = NULL;
    if (place == &s->next && s->current)
        feed_host_nobody(s->current->feed);
    return p;
}

void session_drop(struct session *s, struct play **place, enum stop_reason reason)
{
    struct play *p = leave_place(s, place);
    if (p)
        session_stop_play(s, p, reason, NULL);
}

/* The current play has delivered its last frame. */
static void finish_current(struct session *s)
{
    struct play *p = s->current;
    s->current = NULL;
    feed_hand_over(p->feed);
    struct event e = { .type = EVENT_FINISHED,
                       .position = play_position(p),
                       .frames = feed_taken(p->feed).n };
    end_play(s, p, &e, NULL);
}

void session_offer_next(struct session *s)
{
    if (s->current && s->next && !s->pending)
        feed_host(s->current->feed, s->next->feed);
}

/* What a play begins with may lie in the last frame of the one that it was joined to. */
static int64_t first_position(const struct play *p)
{
    int64_t pos = play_position(p);
    int64_t begin = feed_want(p->feed)->begin.samples;
    return pos < begin ? pos : begin;
}

/* A play whose first frame is there becomes the audible one. */
static void take_over(struct session *s, struct play *p)
{
    if (s->current) {
        struct play *old = s->current;
        s->current = NULL;
        session_stop_play(s, old, STOP_REPLACED, NULL);
    }
    s->current = p;
    s->held_volume = false;
    p->announced = true;
    const struct feed_facts *facts = feed_facts(p->feed);
    struct event e = {
        .type = EVENT_READY,
        .position = first_position(p),
        .duration = facts->duration,
        .is_live = facts->is_live,
        .title = facts->title,
        .passthrough = facts->passthrough,
        .seekable = facts->seekable,
    };
    session_say(s, p, &e, &p->ticket);
    feed_tell_found(p->feed);
    answer_waiters(s, p, feed_place(p->feed), feed_taken(p->feed));
    session_offer_next(s);
}

static void forget_to_visit(struct session *s)
{
    if (s->wants_visit)
        DL_DELETE2(s->all->to_visit, s, prev, next_to_visit);
    s->wants_visit = false;
}

static void spend_credit(struct session *s);
/* Does what the feeds have posted. Returns false if a play ended of that, and perhaps the session.
 */
static bool run_feeds(struct session *s)
{
    struct play *const plays[] = { s->current, s->pending, s->next };
    for (size_t i = 0; i < sizeof plays / sizeof plays[0]; i++) {
        if (plays[i] && !feed_run(plays[i]->feed))
            return false;
    }
    return true;
}

/* What must not be done from inside a command or another session's turn, because it may end the
 * play and with it the session. */
static void on_visit(uv_idle_t *handle)
{
    struct sessions *ss = handle->data;
    struct session *s;
    unsigned n;
    post_hold(ss->post);
    DL_COUNT2(ss->to_visit, s, n, next_to_visit);
    /* Who asks for another visit meanwhile has it when the loop comes round again. */
    for (; n > 0 && ss->to_visit; n--) {
        s = ss->to_visit;
        session_offer_next(s);
        if (!run_feeds(s))
            continue;
        forget_to_visit(s); /* only now: a look that brings news must not ask for another visit */
        spend_credit(s);
    }
    if (!ss->to_visit)
        (void)uv_idle_stop(handle);
    post_release(ss->post);
}

/* The loop comes round to it at once; credit that arrives until then is spent in the same write. */
static void visit_soon(struct session *s)
{
    if (s->wants_visit)
        return;
    s->wants_visit = true;
    DL_APPEND2(s->all->to_visit, s, prev, next_to_visit);
    (void)uv_idle_start(&s->all->visit, on_visit);
}

/* Plugs the session into the outlet of what is audible, instead of the one before. Where frames go
 * on they do so without a rest. */
static void plug_in(struct session *s)
{
    struct outlet *o = s->current ? s->current->outlet : NULL, *before = s->outlet;
    if (o == before)
        return;
    s->outlet = o ? outlet_hold(o) : NULL;
    if (before) {
        before->plug = NULL;
        outlet_rest(before);
        outlet_release(before);
    }
    if (o)
        o->plug = &s->plug;
}

static void on_outlet_changed(struct outlet_plug *plug)
{
    session_update(CONTAINER_OF(plug, struct session, plug));
}

const struct outlet_plug session_plug = { .changed = on_outlet_changed };

static void free_session(struct session *s)
{
    forget_to_visit(s);
    plug_in(s);
    player_leave(s->all->player, &s->slot);
    pool_give_seat(s->all->deps.pool);
    HASH_DEL(s->all->by_channel, s);
    free(s);
}

bool session_settle(struct session *s)
{
    if (!s->current && !s->pending && s->next) {
        s->pending = TAKE_PTR(s->next);
        feed_promote(s->pending->feed);
    }
    if (!s->current && !s->pending) {
        free_session(s);
        return false;
    }
    session_update(s);
    return true;
}

/* How frames of what is audible may leave now. */
static enum outlet_flow flow_of(const struct session *s)
{
    const struct play *p = s->current;
    return p && !p->paused ? p->outlet->flow : OUTLET_HOLD;
}

/* Delivers one frame. Returns false when there is none to deliver now. */
static bool deliver_frame(struct session *s)
{
    struct play *p = s->current;
    const uint8_t *packet;
    uint32_t len;
    if (feed_peek(p->feed, &packet, &len) != FEED_FRAME)
        return false;
    int64_t origin = play_position(p) - (int64_t)p->rt.sequence * AUDIO_FRAME_SAMPLES;
    int64_t moved = origin - p->rt.origin;
    if (p->rt.marks != p->outlet->marks || moved > MOVED_SAMPLES || moved < -MOVED_SAMPLES)
        mark_frames(p, origin);
    outlet_frame(p->outlet, p->rt.sequence, packet, len);
    feed_took(p->feed);
    p->rt.sequence++;
    s->all->frames_sent++;
    return true;
}

/* Ends the current play if its last frame has left. Returns true if it did; *ret_gone says whether
 * that was the end of the session, too. */
static bool settle_if_over(struct session *s, bool *ret_gone)
{
    const uint8_t *packet;
    uint32_t len;
    if (feed_peek(s->current->feed, &packet, &len) != FEED_OVER)
        return false;
    if (feed_has_posted(s->current->feed) && !feed_run(s->current->feed)) {
        *ret_gone = true;
        return true;
    }
    feed_hear_last_words(s->current->feed);
    finish_current(s);
    *ret_gone = !session_settle(s);
    return true;
}

unsigned session_deliver(struct session *s, unsigned n_frames)
{
    unsigned n = 0;
    while (n < n_frames) {
        bool delivered = deliver_frame(s);
        n += delivered;
        bool gone;
        if (delivered && !feed_may_be_over(s->current->feed))
            continue;
        if (settle_if_over(s, &gone)) {
            if (gone || flow_of(s) != OUTLET_PACED)
                return n;
        } else if (!delivered) {
            s->current->rt.underruns += n_frames - n;
            s->all->underruns += n_frames - n;
            outlet_rest(s->current->outlet);
            return n;
        }
    }
    return n;
}

/* Bells are rung when all frames of the pass have left: a bell is a system call, and the worker it
 * wakes competes for the processor. */
bool session_delivered(struct session *s, bool enough)
{
    return s->current && feed_wake_worker(s->current->feed, enough);
}

/* A consumer that is given what there is runs dry all the time: only what lasts is worth saying. A
 * last frame that waits for the next play must not wait for ever. */
static void watch_drought(struct session *s)
{
    struct outlet *o = s->current->outlet;
    bool is_new = !s->dry && feed_is_remote(s->current->feed) && o->ops->credit(o) > 0;
    if (!is_new && !feed_is_held(s->current->feed))
        return;
    if (is_new) {
        s->dry = true;
        s->dry_frames = feed_taken(s->current->feed).n;
    }
    if (!uv_is_active((uv_handle_t *)&s->all->drought))
        (void)uv_timer_start(&s->all->drought, session_on_drought, DROUGHT_MS, 0);
}

void session_on_drought(uv_timer_t *timer)
{
    struct sessions *ss = timer->data;
    for (struct session *s = ss->by_channel; s; s = s->hh.next) {
        struct play *p = s->current;
        bool was_dry = s->dry;
        s->dry = false;
        if (flow_of(s) != OUTLET_CREDIT)
            continue;
        if (feed_is_held(p->feed))
            visit_soon(s);
        if (!was_dry)
            continue;
        if (feed_taken(p->feed).n == s->dry_frames && feed_is_dry(p->feed)) {
            outlet_rest(p->outlet);
            feed_say_stalled(p->feed);
        } else {
            watch_drought(s);
        }
    }
}

/* Credit flow: what credit allows and the ring holds, at once; a worker may make more meanwhile,
 * for which the loop comes round again. The end needs no credit. */
static void spend_credit(struct session *s)
{
    struct play *p = s->current;
    if (flow_of(s) != OUTLET_CREDIT)
        return;
    struct outlet *o = p->outlet;
    const uint8_t *packet;
    uint32_t len;
    bool gone;
    for (uint32_t n = 0; n < FRAMES_AT_ONCE; n++) {
        for (; n < FRAMES_AT_ONCE && o->ops->credit(o) > 0 && deliver_frame(s); n++)
            o->ops->spend(o);
        s->all->deps.flush(s->all->deps.arg);
        (void)feed_wake_worker(p->feed, false);
        if (settle_if_over(s, &gone))
            return;
        /* Something may have come meanwhile: the end, or what credit is left for. */
        enum feed_step step =
            feed_await_frame(p->feed) ? FEED_EMPTY : feed_peek(p->feed, &packet, &len);
        if (step != FEED_OVER && (step != FEED_FRAME || o->ops->credit(o) == 0)) {
            watch_drought(s);
            return;
        }
    }
    visit_soon(s);
}

void session_update(struct session *s)
{
    enum outlet_flow flow = flow_of(s);
    plug_in(s);
    if (s->current)
        feed_set_paced(s->current->feed, flow == OUTLET_PACED);
    if (s->outlet && flow == OUTLET_HOLD)
        outlet_rest(s->outlet);
    if (flow == OUTLET_PACED)
        player_join(s->all->player, &s->slot);
    else
        player_leave(s->all->player, &s->slot);
    if (flow == OUTLET_CREDIT)
        visit_soon(s);
}

static void on_ready(void *arg)
{
    struct play *p = arg;
    struct session *s = p->session;
    s->pending = NULL;
    take_over(s, p);
    session_update(s);
}

static void on_found(void *arg)
{
    struct play *p = arg;
    session_offer_next(p->session);
}

static void on_news(void *arg)
{
    struct play *p = arg;
    if (p == p->session->current && flow_of(p->session) == OUTLET_CREDIT)
        visit_soon(p->session);
}

static void on_look_soon(void *arg)
{
    struct play *p = arg;
    visit_soon(p->session);
}

static void on_in_force(struct place place, struct ordinal ordinal, void *arg)
{
    struct play *p = arg;
    answer_waiters(p->session, p, place, ordinal);
}

static void on_refused(enum tutti_error code, const char *why, void *arg)
{
    struct play *p = arg;
    refuse_waiters(p->session, p, code, why);
}

static void on_failed(enum tutti_error code, const char *why, void *arg)
{
    struct play *p = arg;
    struct session *s = p->session;
    complaints_log(&s->all->failures, LOG_INFO, "session", "channel %" PRIu64 ": %s: %s",
                   s->channel, error_wire_name(code), why);
    bool was_pending = p == s->pending;
    uint32_t change;
    struct sound sound = feed_want(p->feed)->sound;
    if (was_pending)
        s->pending = NULL;
    else if (p == s->next)
        (void)leave_place(s, &s->next);
    else
        s->current = NULL;
    struct event e = { .type = EVENT_ERROR, .error = code, .message = why };
    end_play(s, p, &e, NULL);
    if (was_pending && s->current && s->held_volume)
        (void)feed_set_sound(s->current->feed, &sound, &change);
    s->held_volume = false;
    session_offer_next(s);
    (void)session_settle(s);
}

static void on_warning(enum tutti_warning code, const char *why, void *arg)
{
    struct play *p = arg;
    struct event e = { .type = EVENT_WARNING, .warning = code, .message = why };
    session_say(p->session, p, &e, NULL);
}

static void on_title(void *arg)
{
    struct play *p = arg;
    struct event e = { .type = EVENT_TITLE, .title = feed_facts(p->feed)->title };
    session_say(p->session, p, &e, NULL);
}

static void on_duration(void *arg)
{
    struct play *p = arg;
    const struct feed_facts *facts = feed_facts(p->feed);
    struct event e = { .type = EVENT_DURATION,
                       .duration = facts->duration,
                       .is_live = facts->is_live };
    session_say(p->session, p, &e, NULL);
}

const struct feed_ops session_feed_ops = {
    .found = on_found,
    .ready = on_ready,
    .news = on_news,
    .look_soon = on_look_soon,
    .in_force = on_in_force,
    .refused = on_refused,
    .failed = on_failed,
    .warning = on_warning,
    .title = on_title,
    .duration = on_duration,
};
