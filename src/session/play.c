#include "session/play.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

struct play *play_new(const struct feed_ops *ops, struct session *session,
                      const struct sessions_deps *deps, const struct play_request *request)
{
    static uint32_t serials;
    AUTO_FREE struct play *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    uint32_t serial = ++serials;
    if (request->play_id)
        (void)snprintf(p->id, sizeof p->id, "%s", request->play_id);
    else
        (void)snprintf(p->id, sizeof p->id, "play-%u", serial);
    p->session = session;
    p->ticket = request->ticket;
    p->owner = request->owner;
    p->paused = request->paused;
    struct feed_deps feed = { .locator = deps->locator, .pool = deps->pool };
    struct want want = {
        .begin = { request->position },
        .sound = { request->volume },
        .make = { deps->config.depth_frames, deps->config.bitrate, deps->config.complexity },
    };
    p->feed = feed_new(ops, p, &feed, request->url, &want);
    if (!p->feed)
        return NULL;
    p->outlet = outlet_hold(request->outlet);
    return TAKE_PTR(p);
}

void play_free(struct play *p)
{
    if (!p)
        return;
    feed_free(p->feed);
    outlet_release(p->outlet);
    free(p);
}

int play_add_waiter(struct play *p, const struct waiter *waiter)
{
    if (p->n_waiters >= PLAY_WAITERS_MAX)
        return -ENOBUFS;
    struct waiter *w = calloc(1, sizeof *w);
    if (!w)
        return -ENOMEM;
    *w = *waiter;
    LL_APPEND(p->waiters, w);
    p->n_waiters++;
    return 0;
}

static struct waiter *take_waiter(struct play *p, struct waiter *w)
{
    if (w) {
        LL_DELETE(p->waiters, w);
        p->n_waiters--;
    }
    return w;
}

struct waiter *play_take_waiter(struct play *p)
{
    return take_waiter(p, p->waiters);
}

struct waiter *play_take_served(struct play *p)
{
    struct waiter *w = p->waiters;
    while (w && !feed_serves(p->feed, w->change))
        w = w->next;
    return take_waiter(p, w);
}

int64_t play_position(const struct play *p)
{
    return feed_place(p->feed).samples;
}

const char *play_state_name(const struct play *p)
{
    if (!feed_is_ready(p->feed))
        return "extracting";
    return p->paused ? "paused" : "streaming";
}
