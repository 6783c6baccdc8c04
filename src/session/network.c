/*
 * A play whose source is fetched from the network: what becomes of it when links expire, the
 * resource changes, the fetcher dies or nothing comes.
 */
#include "session/play.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum {
    REFILL_FRAMES = 25,     /* in hand before a play that ran dry goes on */
    NEXT_STALL_FRAMES = 50, /* delivered since: then it is another outage */
    REOPENS_MAX = 5,        /* in a row … */
    REOPEN_FRAMES = 50,     /* … with fewer than these made in between */
};

static void on_source_failed(enum tutti_error code, unsigned http_status, const char *why,
                             void *arg);
static void on_expired(unsigned http_status, void *arg);
static void on_changed(void *arg);
static void on_reconnected(const char *why, void *arg);
static void on_replaced(int fd, void *arg);

void play_take_found(struct play *p, const struct located *found)
{
    p->source_fd = found->fd;
    p->net.source = found->source;
    p->net.is_live = found->is_live;
    p->net.first_entry = found->first_entry;
    p->net.duration = found->duration;
    const char *title = found->title ? found->title : found->station;
    free(p->net.title);
    p->net.title = title ? strdup(title) : NULL;
    p->net.is_page = found->title != NULL;
    p->net.reopens = p->net.fresh = false;
    p->relic.hint = RING_NO_HINT; /* of another source */
    if (!found->source)
        return;
    fetch_source_set_ops(found->source, &(struct fetch_source_ops){
                                            .failed = on_source_failed,
                                            .expired = on_expired,
                                            .changed = on_changed,
                                            .reconnected = on_reconnected,
                                            .replaced = on_replaced,
                                            .arg = p,
                                        });
}

void play_drop_source(struct play *p)
{
    if (p->net.relinking)
        locator_cancel(TAKE_PTR(p->net.relinking));
    fetch_source_free(TAKE_PTR(p->net.source));
    if (p->source_fd >= 0)
        (void)close(TAKE_FD(p->source_fd));
    free(TAKE_PTR(p->net.title));
}

void play_add_found(struct play *p)
{
    if (p->net.title && (p->net.is_page || !p->title))
        play_set_title(p, p->net.title);
    p->seekable = p->seekable && !p->net.is_live;
}

void play_tell_found(struct play *p)
{
    if (p->net.first_entry)
        p->ops->warning(p, TUTTI_W_FIRST_ENTRY, "this is a list: its first entry is played");
    p->net.first_entry = false;
    if (p->net.reconnected)
        p->ops->warning(p, TUTTI_W_SOURCE_RECONNECTED, "the connection was lost at the beginning");
    p->net.reconnected = false;
}

/* All of it lies in the ring, up to its end. */
static bool is_complete(const struct play *p)
{
    struct ring_record r;
    return p->ready && !p->rendering && ring_newest(p->rt.ring, p->rt.lane, &r) &&
           r.gen == p->rt.gen && (r.flags & RING_END);
}

/* What is in hand is heard first, unless all of it is there. */
static void lose_source(struct play *p, enum tutti_error code, const char *why)
{
    if (!is_complete(p) && !play_is_failing(p))
        play_lose(p, code, why);
}

static void on_source_failed(enum tutti_error code, unsigned http_status, const char *why,
                             void *arg)
{
    lose_source(arg, code, why);
}

static void on_relinked(enum tutti_error error, const char *why, void *arg)
{
    struct play *p = arg;
    p->net.relinking = NULL;
    if (error != TUTTI_OK)
        lose_source(p, TUTTI_E_SOURCE_FAILED, why);
}

static void on_expired(unsigned http_status, void *arg)
{
    struct play *p = arg;
    char why[LOCATE_WHY_MAX];
    if (p->net.relinking)
        return;
    log_info("session", "a link has expired (HTTP status %u), a new one is looked for",
             http_status);
    if (locator_relink(p->locator, p->url, p->net.source, on_relinked, p, &p->net.relinking, why) !=
        TUTTI_OK)
        lose_source(p, TUTTI_E_SOURCE_FAILED, why);
}

bool play_reopen_source(struct play *p)
{
    char why[LOCATE_WHY_MAX];
    if (p->locating)
        return true;
    return play_start(p, why) == TUTTI_OK;
}

/* Counts. A link that could not even be opened is replaced once: it may have been kept too long. */
static bool may_reopen(struct play *p)
{
    uint64_t n_made = p->rt.frames;
    if (p->ready)
        n_made += ring_consumer_fill(p->rt.ring, p->rt.lane);
    if (n_made >= p->net.n_made + REOPEN_FRAMES)
        p->net.n_reopens = 0;
    p->net.n_made = n_made;
    return ++p->net.n_reopens <= (p->ready || p->opened ? REOPENS_MAX : 1);
}

/* Nothing of the new resource is put behind what came from the old one. What is in hand is heard
 * while it is opened anew, at the first frame that is missing. */
static void reopen(struct play *p, bool fresh, const char *why)
{
    if (p->announced)
        p->ops->warning(p, TUTTI_W_SOURCE_RECONNECTED, why);
    play_drop_source(p);
    p->net.duration = -1;
    p->net.reopens = true;
    p->net.fresh = fresh;
    if (p->host)
        play_leave_host(p);
    if (p->job)
        pool_cancel(p->pool, TAKE_PTR(p->job));
    if (p->worker)
        worker_kill(p->worker, why); /* on_worker_died goes on from here */
    else if (!play_reopen_source(p))
        p->ops->failed(p, TUTTI_E_SOURCE_FAILED, why);
    else
        p->ops->look_soon(p); /* the play before it may have to wait for it */
}

static void on_changed(void *arg)
{
    struct play *p = arg;
    if (is_complete(p))
        return; /* nobody needs it any more */
    if (may_reopen(p))
        reopen(p, false, "the source has changed: it is opened anew");
    else
        lose_source(p, TUTTI_E_SOURCE_FAILED, "the source changes again and again");
}

bool play_renew_source(struct play *p, unsigned http_status)
{
    if (!p->net.source || !fetch_source_is_relinkable(p->net.source) ||
        !fetch_is_refusal(http_status) || play_is_failing(p) || !may_reopen(p))
        return false;
    log_info("session", "links have expired (HTTP status %u), the source is looked for anew",
             http_status);
    reopen(p, true, "links of the source have expired: it is opened anew");
    return true;
}

static void on_reconnected(const char *why, void *arg)
{
    struct play *p = arg;
    if (p->announced)
        p->ops->warning(p, TUTTI_W_SOURCE_RECONNECTED, why);
    else
        p->net.reconnected = true;
}

static void on_replaced(int fd, void *arg)
{
    struct play *p = arg;
    if (p->source_fd >= 0)
        (void)close(p->source_fd);
    p->source_fd = fd;
    struct worker *w = p->host ? p->host->worker : p->worker;
    if (w)
        worker_replace_source(w, p->serial, fd);
}

static bool waits_for_source(const struct play *p)
{
    if (p->net.reopens)
        return true;
    return p->net.source && p->worker &&
           ring_worker_state(worker_ring(p->worker)) == RING_WORKER_WAITING_SOURCE;
}

void play_say_stalled(struct play *p)
{
    if (p->net.stalled && p->rt.frames - p->net.stalled_frames < NEXT_STALL_FRAMES)
        return;
    p->net.stalled = true;
    p->net.stalled_frames = p->rt.frames;
    p->ops->warning(p, TUTTI_W_SOURCE_STALLED, "no data comes from the source");
}

void play_note_dry(struct play *p)
{
    if (!p->ready || p->outlet->flow != OUTLET_PACED || !waits_for_source(p))
        return;
    p->net.refills = true;
    if (p->is_live) /* all that came was heard */
        lag_know(&p->lag, clock_now_ns(), p->rt.frames, 0);
    play_say_stalled(p);
}

bool play_is_dry(struct play *p)
{
    return p->ready && waits_for_source(p) && ring_consumer_fill(p->rt.ring, p->rt.lane) == 0;
}

bool play_refills(struct play *p)
{
    if (!p->net.refills)
        return false;
    p->net.refills = p->outlet->flow == OUTLET_PACED && !p->relic.lost && waits_for_source(p) &&
                     ring_consumer_fill(p->rt.ring, p->rt.lane) < REFILL_FRAMES;
    return p->net.refills;
}
