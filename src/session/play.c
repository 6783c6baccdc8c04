#include "session/play.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_message(const struct wmsg *m, void *arg);
static void on_worker_died(const char *why, void *arg);

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
    if (request->play_id)
        (void)snprintf(p->id, sizeof p->id, "%s", request->play_id);
    else
        (void)snprintf(p->id, sizeof p->id, "play-%u", p->serial);
    p->ticket = request->ticket;
    p->owner = request->owner;
    p->outlet = outlet_hold(request->outlet);
    p->paused = request->paused;
    p->volume = request->volume;
    p->rt.next_pos = p->start_pos = request->position;
    p->net.duration = -1;
    p->duration = NO_DURATION;
    p->relic.hint = RING_NO_HINT;
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
    outlet_release(p->outlet);
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
            .hint = RING_NO_HINT,
            .depth_frames = p->config->depth_frames,
            .bitrate = p->config->bitrate,
            .complexity = p->config->complexity,
        },
    };
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
            p->render.pos = play_change_pos(p);
        m.open.render = p->render;
        m.open.hint = p->relic.hint;
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

/* The code that finds that one is needed asks: while a dead worker is mourned, its successor's end
 * may already have asked for a render. */
void play_get_worker(struct play *p)
{
    if (p->job || p->worker)
        return;
    p->job = pool_get_worker(p->pool, play_patience_ms(p), on_worker, p);
    if (!p->job) { /* the caller has not done with the play yet */
        p->starved = true;
        p->ops->look_soon(p);
    }
}

static void on_located(enum tutti_error error, const char *why, const struct located *found,
                       void *arg)
{
    struct play *p = arg;
    p->locating = NULL;
    if (error != TUTTI_OK) {
        p->net.reopens = p->net.fresh = false;
        play_lose(p, error, why);
        return;
    }
    play_take_found(p, found);
    if (p->waits_turn)
        p->ops->located(p);
    else
        play_get_worker(p);
}

enum tutti_error play_start(struct play *p, char ret_why[LOCATE_WHY_MAX])
{
    return locator_start(p->locator, p->url, p->net.fresh, on_located, p, &p->locating, ret_why);
}

static void on_opened(struct play *p, const struct wmsg *m)
{
    if (p->opened) {
        worker_kill(p->host ? p->host->worker : p->worker, "it opened one source twice");
        return;
    }
    p->opened = true;
    p->seekable = m->opened.seekable;
    p->passthrough = p->passes = m->opened.passthrough;
    play_set_title(p, m->text);
    play_add_found(p);
    play_take_length(p, &m->opened.length);
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

/* A seek that cannot be: it begins where it would have begun, at the volume asked for since. */
static void take_back_early_seek(struct play *p, enum tutti_error code, const char *why)
{
    p->rt.next_pos = p->start_pos = p->render.pos = 0;
    if ((float)p->volume != p->heard_gain)
        play_render_anew(p);
    else
        p->rendering = false;
    p->ops->refused(p, code, why);
}

/* What is heard goes on as if nothing had been asked for. */
static void take_back_render(struct play *p, enum tutti_error code, const char *why)
{
    p->rendering = false;
    if (p->is_live) /* it could not be joined anew: not again at once */
        lag_know(&p->lag, clock_now_ns(), p->rt.frames, play_lag(p));
    p->volume = (double)p->heard_gain;
    p->ops->refused(p, code, why);
    /* A source that cannot be sought is where it was, any other is to be brought back; and so is
     * one that was about to change. */
    if (code != TUTTI_E_NOT_SEEKABLE || p->displaced)
        play_render_anew(p);
    else if (p->awaits_next && p->successor && p->successor->opened)
        play_make_join(p, true);
}

static void on_cannot_go_on(struct play *p, const struct wmsg *m)
{
    if (p->host && !p->opened)
        play_disown(p->host); /* nothing was made of it, and nothing need be made anew */
    if (play_renew_source(p, m->failed.http_status))
        return;
    if (p->net.source && !p->host)
        play_lose(p, (enum tutti_error)m->failed.code, said(m));
    else
        p->ops->failed(p, (enum tutti_error)m->failed.code, said(m));
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
        on_cannot_go_on(p, m);
        break;
    case WMSG_RENDER_FAILED:
        if (p->relic.ring) {
            p->ops->failed(p, (enum tutti_error)m->failed.code, said(m));
        } else if (p->rendering && m->failed.gen == p->render.gen) {
            /* Only a seek may fail: one that is made to take a seek back must not fail for ever,
             * and without a first frame there is nothing to go back to. */
            if (p->render.exact || (!p->ready && m->failed.code != TUTTI_E_NOT_SEEKABLE))
                p->ops->failed(p, (enum tutti_error)m->failed.code, said(m));
            else if (!p->ready)
                take_back_early_seek(p, (enum tutti_error)m->failed.code, said(m));
            else
                take_back_render(p, (enum tutti_error)m->failed.code, said(m));
        }
        break;
    case WMSG_WARNING:
        p->ops->warning(p, (enum tutti_warning)m->warning.code, said(m));
        break;
    case WMSG_TITLE:
        play_set_title(p, m->text);
        p->ops->title(p);
        break;
    case WMSG_LENGTH:
        play_take_length(p, &m->length);
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

void play_hear_last_words(struct play *p)
{
    if (p->worker)
        worker_hear_words(p->worker);
}
