#include "session/sessions.h"

#include "base/container.h"
#include "session/session.h"

#include <errno.h>
#include <stdlib.h>

static unsigned on_deliver(struct pacer_slot *slot, unsigned n_frames, void *arg)
{
    return session_deliver(CONTAINER_OF(slot, struct session, slot), n_frames);
}

static bool on_delivered(struct pacer_slot *slot, bool enough, void *arg)
{
    return session_delivered(CONTAINER_OF(slot, struct session, slot), enough);
}

static void on_begin(void *arg)
{
    struct sessions *ss = arg;
    post_hold(ss->post);
}

static void on_flush(void *arg)
{
    struct sessions *ss = arg;
    ss->deps.flush(ss->deps.arg);
}

static void on_done(void *arg)
{
    struct sessions *ss = arg;
    post_release(ss->post);
}

int sessions_new(const struct sessions_deps *deps, struct sessions **ret_sessions)
{
    struct sessions *ss = calloc(1, sizeof *ss);
    if (!ss)
        return -ENOMEM;
    ss->deps = *deps;
    struct player_ops ops = {
        .begin = on_begin,
        .deliver = on_deliver,
        .flush = on_flush,
        .after = on_delivered,
        .done = on_done,
        .arg = ss,
    };
    struct post_ops post = { .flush = deps->flush, .say = deps->event, .arg = deps->arg };
    int r = post_new(&post, &ss->post);
    if (r == 0)
        r = player_new(deps->loop, &ops, &ss->player);
    if (r < 0) {
        post_free(ss->post);
        free(ss);
        return r;
    }
    (void)uv_idle_init(deps->loop, &ss->visit);
    (void)uv_timer_init(deps->loop, &ss->drought);
    ss->visit.data = ss->drought.data = ss;
    *ret_sessions = ss;
    return 0;
}

static void on_drought_closed(uv_handle_t *handle)
{
    struct sessions *ss = handle->data;
    post_free(ss->post);
    free(ss);
}

static void on_visit_closed(uv_handle_t *handle)
{
    struct sessions *ss = handle->data;
    uv_close((uv_handle_t *)&ss->drought, on_drought_closed);
}

void sessions_free(struct sessions *ss)
{
    if (!ss)
        return;
    player_free(ss->player);
    volumes_done(&ss->volumes);
    uv_close((uv_handle_t *)&ss->visit, on_visit_closed);
}

/* Sessions end while they are walked; uthash allows the one in hand to go. */
#define FOR_EACH_SESSION(ss, s, tmp) HASH_ITER(hh, (ss)->by_channel, s, tmp)

static bool belongs_to(const struct play *p, uint64_t owner)
{
    return p && p->owner == owner;
}

/* Stops those plays of the session that `owner` (0: anybody) has. */
static void stop_plays_of(struct session *s, uint64_t owner, enum stop_reason reason)
{
    struct play **places[] = { &s->next, &s->pending, &s->current };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (owner == 0 || belongs_to(*places[i], owner))
            session_drop(s, places[i], reason);
    }
    (void)session_settle(s);
}

static bool has_plays_of(const struct session *s, uint64_t owner)
{
    return belongs_to(s->next, owner) || belongs_to(s->pending, owner) ||
           belongs_to(s->current, owner);
}

bool sessions_have_plays_of(const struct sessions *ss, uint64_t owner)
{
    const struct session *s = ss->by_channel;
    while (s && !has_plays_of(s, owner))
        s = s->hh.next;
    return s != NULL;
}

void sessions_owner_gone(struct sessions *ss, uint64_t owner)
{
    struct session *s, *tmp;
    volumes_forget(&ss->volumes, owner);
    FOR_EACH_SESSION(ss, s, tmp)
    {
        if (has_plays_of(s, owner))
            stop_plays_of(s, owner, STOP_CLIENT_GONE);
    }
}

void sessions_shutdown(struct sessions *ss)
{
    struct session *s, *tmp;
    ss->shutting_down = true;
    FOR_EACH_SESSION(ss, s, tmp)
    {
        stop_plays_of(s, 0, STOP_SHUTDOWN);
    }
}

static struct session_info waiting_info(const struct play *p)
{
    return (struct session_info){ .play_id = p->id, .url = feed_url(p->feed) };
}

static void show(const struct session *s, uint64_t owner, session_info_fn fn, void *arg)
{
    const struct play *p = s->current ? s->current : s->pending;
    if (owner != 0 && !belongs_to(p, owner))
        return;
    const struct feed_facts *facts = feed_facts(p->feed);
    struct session_info info = {
        .channel = s->channel,
        .play_id = p->id,
        .state = play_state_name(p),
        .url = feed_url(p->feed),
        .title = facts->title,
        .position = play_position(p),
        .duration = facts->duration,
        .is_live = facts->is_live,
        .lag = feed_lag(p->feed),
        .volume = feed_want(p->feed)->sound.volume,
        .passthrough = facts->passes,
        .seekable = !facts->is_opened || facts->seekable,
        .buffered = feed_buffered(p->feed),
        .underruns = p->rt.underruns,
    };
    struct session_info pending, next;
    if (s->current && s->pending) {
        pending = waiting_info(s->pending);
        info.pending = &pending;
    }
    if (s->next) {
        next = waiting_info(s->next);
        info.next = &next;
    }
    fn(&info, arg);
}

void sessions_list(struct sessions *ss, uint64_t channel, uint64_t owner, session_info_fn fn,
                   void *arg)
{
    struct session *s, *tmp;
    if (channel != 0) {
        HASH_FIND(hh, ss->by_channel, &channel, sizeof channel, s);
        if (s)
            show(s, owner, fn, arg);
        return;
    }
    FOR_EACH_SESSION(ss, s, tmp)
    {
        show(s, owner, fn, arg);
    }
}

struct sessions_counts sessions_counts(struct sessions *ss)
{
    struct sessions_counts c = {
        .frames_sent = ss->frames_sent,
        .underruns = ss->underruns,
        .stalls = player_stalls(ss->player),
    };
    struct session *s, *tmp;
    FOR_EACH_SESSION(ss, s, tmp)
    {
        if (!s->current)
            c.extracting++;
        else if (s->current->paused)
            c.paused++;
        else
            c.streaming++;
    }
    return c;
}

const struct lateness *sessions_lateness(const struct sessions *ss)
{
    return player_lateness(ss->player);
}
