#include "session/play.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beyond any recording: what a worker claims past this is nonsense. */
static const int64_t pos_max = INT64_MAX / 4;

enum {
    AWAIT_TRIES = 4,
    LATE_MAX = 6,      /* then a change begins 64 frames ahead, or where the ring ends */
    CHANGE_FRAMES = 3, /* at the least between two changes of volume while frames leave */
};

static void on_message(const struct wmsg *m, void *arg);
static void on_worker_died(const char *why, void *arg);

static void start_render(struct play *p, int64_t pos, bool exact);

static const struct worker_user_ops user_ops = { .message = on_message, .died = on_worker_died };

struct play *play_new(const struct play_ops *ops, struct session *session,
                      const struct sessions_deps *deps, const struct play_request *request)
{
    static uint32_t serials;
    struct play *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->url = strdup(request->url);
    if (!p->url) {
        free(p);
        return NULL;
    }
    p->ops = ops;
    p->session = session;
    p->config = &deps->config;
    p->locator = deps->locator;
    p->pool = deps->pool;
    p->serial = ++serials;
    if (request->play_id[0] != '\0')
        (void)snprintf(p->id, sizeof p->id, "%s", request->play_id);
    else
        (void)snprintf(p->id, sizeof p->id, "play-%u", p->serial);
    p->origin = request->origin;
    p->client = request->client;
    p->paused = request->paused;
    p->volume = request->volume;
    p->rt.next_pos = request->position;
    p->duration = p->net.duration = -1;
    p->source_fd = -1;
    return p;
}

void play_free(struct play *p)
{
    if (!p)
        return;
    play_disown(p);
    if (p->host)
        play_leave_host(p);
    if (p->locating)
        locator_cancel(p->locating);
    if (p->job)
        pool_cancel(p->pool, p->job);
    if (p->worker)
        pool_release_worker(p->pool, p->worker);
    play_drop_relic(p);
    play_drop_source(p);
    free(p->title);
    free(p->url);
    free(p);
}

/* The first render: what was asked for until now. */
struct wmsg play_open_message(const struct play *p)
{
    return (struct wmsg){
        .play = p->serial,
        .open = {
            .render = {
                .pos = p->rt.next_pos,
                .gain = (float)p->volume,
                .gain_from = (float)p->volume,
            },
            .hint = { .byte = -1, .packet = -1 },
            .depth_frames = p->config->depth_frames,
            .bitrate = p->config->bitrate,
            .complexity = p->config->complexity,
        },
    };
}

/* The pacer takes frames while a render is being made. */
static bool is_running(const struct play *p)
{
    return !p->paused && p->client.outlet->flow == OUTLET_PACED;
}

/* Where what is heard is to change: at the next frame, or so far ahead that its first frame, which
 * bears the ramp, can be made before it is due; and not so soon after the last change that encoder
 * and listener's decoder are not yet at one again. */
static int64_t change_pos(const struct play *p)
{
    if (!is_running(p) || (float)p->volume == p->heard_gain)
        return p->rt.next_pos;
    int64_t fill = ring_consumer_fill(p->rt.ring, p->rt.lane);
    int64_t since = (p->rt.next_pos - p->changed_pos) / AUDIO_FRAME_SAMPLES;
    int64_t ahead = INT64_C(1) << p->n_late;
    if (since >= 0 && ahead < CHANGE_FRAMES - since)
        ahead = CHANGE_FRAMES - since;
    if (ahead >= fill)
        ahead = fill > 0 ? fill - 1 : 0;
    return p->rt.next_pos + ahead * AUDIO_FRAME_SAMPLES;
}

static void on_worker(struct worker *w, void *arg)
{
    struct play *p = arg;
    p->job = NULL;
    if (!w) {
        p->ops->failed(p, TUTTI_E_INTERNAL, "no worker could be started");
        return;
    }
    struct wmsg m = play_open_message(p);
    if (p->ready) { /* it takes over from a dead one */
        if (p->render.exact && !p->relic.drain)
            p->render.pos = change_pos(p);
        m.open.render = p->render;
        m.open.render.lane = 0;
    }
    p->relic.made_before = ring_frames_made(worker_ring(w));
    if (worker_open(w, &user_ops, p, &m, p->source_fd) < 0) {
        /* An idle worker that had died unnoticed says nothing about the play. */
        if (play_may_restart(p))
            play_get_worker(p);
        else
            p->ops->failed(p, TUTTI_E_WORKER_CRASHED, "the worker died");
        return;
    }
    p->worker = w;
    if (p->ready) {
        p->render.lane = m.open.render.lane;
        p->render.gen = m.open.render.gen;
        return;
    }
    p->rendering = false;
    p->rt.ring = worker_ring(w);
    p->rt.lane = m.open.render.lane;
    p->rt.gen = m.open.render.gen;
    p->heard_gain = m.open.render.gain;
    play_check(p);
}

void play_get_worker(struct play *p)
{
    p->job = pool_get_worker(p->pool, play_patience_ms(p), on_worker, p);
    if (!p->job)
        p->ops->failed(p, TUTTI_E_INTERNAL, "out of memory");
}

static void on_located(enum tutti_error error, const char *why, const struct located *found,
                       void *arg)
{
    struct play *p = arg;
    p->locating = NULL;
    if (error != TUTTI_OK) {
        p->net.reopens = false;
        play_lose(p, error, why);
        return;
    }
    play_take_found(p, found);
    if (p->waits_turn)
        p->ops->located(p);
    else
        play_get_worker(p);
}

enum tutti_error play_locate(struct play *p, char ret_why[LOCATE_WHY_MAX])
{
    return locator_start(p->locator, p->url, on_located, p, &p->locating, ret_why);
}

enum tutti_error play_start(struct play *p, char ret_why[LOCATE_WHY_MAX])
{
    return play_locate(p, ret_why);
}

static void on_opened(struct play *p, const struct wmsg *m)
{
    if (p->opened) {
        worker_kill(p->host ? p->host->worker : p->worker, "it opened one source twice");
        return;
    }
    p->opened = true;
    p->duration = m->opened.duration;
    p->seekable = m->opened.seekable;
    p->passthrough = p->passes = m->opened.passthrough;
    play_set_title(p, m->text);
    play_add_found(p);
    if (p->host)
        play_make_join(p->host, m->opened.late);
    else
        play_check(p);
}

/* Clients are promised a sentence, whatever the worker sends. */
static const char *said(const struct wmsg *m)
{
    return m->text[0] != '\0' ? m->text : "the worker gives no reason";
}

static void on_message(const struct wmsg *m, void *arg)
{
    struct play *p = arg;
    if (p->successor && m->type != WMSG_BELL && m->play == p->successor->serial)
        p = p->successor;
    switch (m->type) {
    case WMSG_OPENED:
        on_opened(p, m);
        break;
    case WMSG_BELL:
        play_check(p);
        break;
    case WMSG_FAILED:
        if (p->net.source && !p->host)
            play_lose(p, (enum tutti_error)m->failed.code, said(m));
        else
            p->ops->failed(p, (enum tutti_error)m->failed.code, said(m));
        break;
    case WMSG_RENDER_FAILED:
        if (p->relic.ring) {
            p->ops->failed(p, (enum tutti_error)m->failed.code, said(m));
        } else if (p->rendering && m->failed.gen == p->render.gen) {
            p->rendering = p->awaits_next = false;
            p->volume = (double)p->heard_gain;
            p->ops->refused(p, (enum tutti_error)m->failed.code, said(m));
        }
        break;
    case WMSG_WARNING:
        p->ops->warning(p, (enum tutti_warning)m->warning.code, said(m));
        break;
    case WMSG_TITLE:
        play_set_title(p, m->text);
        p->ops->title(p);
        break;
    default:
        break;
    }
}

static void on_worker_died(const char *why, void *arg)
{
    struct play *p = arg;
    struct ring_consumer *ring = worker_take_ring(p->worker);
    p->worker = NULL;
    if (play_recover(p, ring))
        return;
    play_disown(p);
    char text[PLAY_WHY_MAX];
    (void)snprintf(text, sizeof text, "the worker of this channel is lost: %s", why);
    play_lose(p, TUTTI_E_WORKER_CRASHED, text);
}

/* The oldest record of `gen` in a lane; those of other renders are stale and taken away. */
static int peek_lane(struct ring_consumer *ring, unsigned lane, uint32_t gen, struct ring_record *r,
                     const uint8_t **packet)
{
    for (uint32_t i = 0; i <= ring_consumer_shape(ring)->n_slots; i++) {
        int n = ring_peek(ring, lane, r, packet);
        if (n <= 0)
            return n;
        if (r->pos < 0 || r->pos > pos_max)
            return -EPROTO;
        if (r->gen == gen)
            return 1;
        ring_pop(ring, lane);
    }
    return 0;
}

/* What is being read. */
static int peek_current(struct play *p, struct ring_record *r, const uint8_t **packet)
{
    if (p->relic.broken)
        return 0;
    int n = peek_lane(p->rt.ring, p->rt.lane, p->rt.gen, r, packet);
    if (n < 0 && p->relic.ring) {
        p->relic.broken = true;
        return 0;
    }
    return n;
}

static void change_lane(struct play *p, const struct ring_record *first)
{
    if (p->relic.ring) {
        play_drop_relic(p);
        p->ops->look_soon(p); /* a next play may be opened ahead again */
    } else {
        ring_discard(p->rt.ring, p->rt.lane);
    }
    if (p->successor && p->successor->opened)
        p->awaits_next = false; /* this render ends with the join */
    p->rt.ring = worker_ring(p->worker);
    p->rendering = false;
    p->rt.lane = p->render.lane;
    p->rt.gen = p->render.gen;
    p->rt.next_pos = p->changed_pos = first->pos;
    p->heard_gain = p->render.gain;
    p->n_late = 0;
    worker_wake(p->worker, p->rt.lane);
    if (p->ready && (float)p->volume != p->heard_gain)
        start_render(p, change_pos(p), true); /* it was changed again meanwhile */
}

/* True while the old lane has frames that come before the new one's first. */
static bool plays_on(struct play *p)
{
    struct ring_record r;
    const uint8_t *packet;
    if (!p->relic.drain && !(p->render.exact && p->rt.next_pos < p->render.pos))
        return false;
    int n = peek_current(p, &r, &packet);
    return n > 0 && (p->relic.drain || !(r.flags & RING_END));
}

/* The frame that was to bear the ramp has left without it. */
static bool came_too_late(const struct play *p)
{
    return p->render.exact && p->render.gain != p->render.gain_from &&
           p->rt.next_pos > p->render.pos;
}

/* Leaves the old lane at the first frame that both have; new frames that were delivered already are
 * dropped, unless they bear a ramp: then it is made anew, farther ahead. A seek leaves the old lane
 * at the new lane's first frame. Returns 1 if the lane was changed. */
static int try_change_lane(struct play *p)
{
    struct ring_record r;
    const uint8_t *packet;
    if (!p->rendering || !p->worker || plays_on(p))
        return 0;
    if (came_too_late(p)) {
        p->n_late += p->n_late < LATE_MAX;
        start_render(p, change_pos(p), true);
        return 0;
    }
    for (;;) {
        int n = peek_lane(worker_ring(p->worker), p->render.lane, p->render.gen, &r, &packet);
        if (n <= 0)
            return n;
        if (!p->render.exact || (r.flags & RING_END) || r.pos >= p->rt.next_pos)
            break;
        ring_pop(worker_ring(p->worker), p->render.lane);
        worker_wake(p->worker, p->render.lane);
    }
    change_lane(p, &r);
    return 1;
}

static void send_render(struct play *p)
{
    if (!p->worker) /* the one that is being waited for is told when it comes */
        return;
    int r = worker_render(p->worker, &p->render);
    p->render_unsent = r == -EAGAIN;
    if (r < 0 && r != -EAGAIN)
        worker_kill(p->worker, "it does not listen");
}

static enum play_step broken(struct play *p)
{
    if (p->worker)
        worker_kill(p->worker, "it wrote nonsense into its ring");
    return PLAY_BROKEN;
}

/* A change of lane is told after the frame was looked at, so that its answer leaves with it. */
enum play_step play_peek(struct play *p, const uint8_t **ret_packet, uint32_t *ret_len)
{
    struct ring_record r;
    if (p->render_unsent)
        send_render(p);
    int changed = try_change_lane(p);
    int n = changed < 0 ? changed : peek_current(p, &r, ret_packet);
    if (n < 0)
        return broken(p);
    if (changed > 0)
        p->ops->applied(p);
    if (n == 0 && p->relic.lost)
        p->ops->look_soon(p); /* to say what became of it */
    if (n == 0)
        play_note_dry(p);
    if (n == 0 || play_refills(p))
        return PLAY_EMPTY;
    if (play_holds(p, &r)) {
        p->n_held++;
        return PLAY_EMPTY;
    }
    if ((r.flags & RING_END) && p->rendering)
        return PLAY_EMPTY; /* the render that is under way decides what comes after */
    p->rt.next_pos = r.pos;
    if (r.flags & RING_END) {
        p->joins = (r.flags & RING_JOIN) != 0;
        return PLAY_OVER;
    }
    p->passes = r.flags & RING_PASSTHROUGH;
    *ret_len = r.len;
    return PLAY_FRAME;
}

void play_hear_last_words(struct play *p)
{
    if (p->worker)
        worker_hear_words(p->worker);
}

void play_took(struct play *p)
{
    ring_pop(p->rt.ring, p->rt.lane);
    p->rt.next_pos += AUDIO_FRAME_SAMPLES;
    p->rt.sequence++;
    p->rt.frames++;
}

void play_wake_worker(struct play *p)
{
    if (p->worker && !p->relic.ring)
        worker_wake(p->worker, p->rt.lane);
}

/* Asks for a bell at the next record of `gen` in `lane`. Returns false if there is one already. */
static bool await(struct play *p, unsigned lane, uint32_t gen)
{
    struct ring_record r;
    const uint8_t *packet;
    for (int i = 0; i < AWAIT_TRIES; i++) {
        /* Stale records are taken away first: they must not pass for what is waited for. */
        if (peek_lane(worker_ring(p->worker), lane, gen, &r, &packet) != 0)
            return false;
        if (ring_consumer_wait(worker_ring(p->worker), lane))
            return true;
    }
    return false;
}

bool play_await_frame(struct play *p)
{
    if (!p->relic.ring)
        return await(p, p->rt.lane, p->rt.gen);
    /* A dead worker makes nothing more; the one that takes over rings, or says that it is open. */
    return !p->worker || await(p, p->render.lane, p->render.gen);
}

/* Returns 1 if a frame (or the end) lies ready to be delivered, 0, or -EPROTO. */
static int look(struct play *p)
{
    struct ring_record r;
    const uint8_t *packet;
    int changed = try_change_lane(p);
    if (changed < 0 || (p->rendering && !p->ready))
        return changed;
    int n = peek_current(p, &r, &packet);
    /* The end lies before the end of the last frame: a render from there would repeat it. */
    if (n > 0 && !((r.flags & RING_END) && p->ready))
        p->rt.next_pos = r.pos;
    if (changed > 0 && p->ready)
        p->ops->applied(p);
    return n;
}

bool play_is_spent(struct play *p)
{
    struct ring_record r;
    const uint8_t *packet;
    return p->relic.lost && peek_current(p, &r, &packet) <= 0;
}

void play_check(struct play *p)
{
    if (!p->worker || !p->opened)
        return;
    if (p->render_unsent)
        send_render(p);
    int n = look(p);
    /* What comes between the look and the wait is seen by the next look. */
    for (int i = 0; i < AWAIT_TRIES && n >= 0 && p->rendering; i++) {
        if (await(p, p->render.lane, p->render.gen))
            break;
        n = look(p);
    }
    while (n == 0 && !p->ready && !p->rendering && !await(p, p->rt.lane, p->rt.gen))
        n = look(p);
    if (n < 0) {
        (void)broken(p);
    } else if (n > 0 && !p->ready) {
        p->ready = true;
        p->ops->ready(p);
    } else {
        p->ops->news(p);
    }
}

/* A render is made anew into the lane that is not being read; a newer one takes the place of one
 * that is under way. */
static void start_render(struct play *p, int64_t pos, bool exact)
{
    if (play_is_failing(p))
        return;
    p->net.refills = false;
    p->render = (struct wmsg_render){
        .pos = pos,
        .gain = (float)p->volume,
        .gain_from = p->ready && exact ? p->heard_gain : (float)p->volume,
        .lane = (uint8_t)((p->relic.ring ? p->render.lane : p->rt.lane) ^ 1u),
        .exact = exact && p->ready,
    };
    p->rendering = true;
    p->render_number++;
    p->relic.drain = p->relic.lost = false;
    if (!p->worker) {
        if (!p->job)
            play_get_worker(p);
        return;
    }
    send_render(p);
    if (!await(p, p->render.lane, p->render.gen)) /* it is there already: no bell will ring */
        p->ops->look_soon(p);
}

void play_render_anew(struct play *p)
{
    if (p->rendering && !p->render.exact)
        start_render(p, p->render.pos, false);
    else if (p->rendering || p->ready)
        start_render(p, change_pos(p), true);
}

void play_flow_changed(struct play *p)
{
    if (p->ready && p->rendering && p->render.exact && !p->relic.drain && !is_running(p) &&
        p->render.pos > p->rt.next_pos)
        start_render(p, p->rt.next_pos, true);
}

bool play_seek(struct play *p, int64_t pos)
{
    if (play_is_failing(p)) {
        p->ops->refused(p, p->relic.code, p->relic.why);
        return false;
    }
    if (!p->ready)
        p->rt.next_pos = pos;
    if (p->worker || p->ready)
        start_render(p, pos, false);
    return false;
}

bool play_set_volume(struct play *p, double volume)
{
    bool changed = (float)volume != (float)p->volume;
    p->volume = volume;
    if (play_is_failing(p))
        return true;
    if ((!p->worker && !p->ready) || !changed)
        return !p->rendering || p->relic.drain || !p->ready;
    if (p->ready && p->rendering && p->worker && !p->relic.drain)
        return false;
    if (p->ready || p->rendering)
        play_render_anew(p);
    else
        start_render(p, p->rt.next_pos, false);
    return !p->ready;
}
