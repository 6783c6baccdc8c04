#include "feed/source.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "link/fetcher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    REOPENS_MAX = 5,    /* in a row … */
    REOPEN_FRAMES = 50, /* … with fewer than these made in between */
};

int feed_source_init(struct feed_source *s, const struct feed_source_ops *ops, void *arg,
                     struct locator *locator, const char *url)
{
    *s = (struct feed_source){
        .ops = ops, .arg = arg, .locator = locator, .fd = -1, .facts.duration = -1
    };
    s->url = strdup(url);
    return s->url ? 0 : -ENOMEM;
}

static void let_go(struct feed_source *s)
{
    if (s->relinking)
        locator_cancel(TAKE_PTR(s->relinking));
    fetch_source_free(TAKE_PTR(s->remote));
    if (s->fd >= 0)
        (void)close(TAKE_FD(s->fd));
    free(TAKE_PTR(s->facts.title));
}

void feed_source_done(struct feed_source *s)
{
    if (s->locating)
        locator_cancel(TAKE_PTR(s->locating));
    let_go(s);
    free(TAKE_PTR(s->url));
}

void feed_source_forget(struct feed_source *s, bool fresh)
{
    let_go(s);
    s->facts.duration = -1;
    s->reopens = true;
    s->fresh = fresh;
}

static void on_failed(enum tutti_error code, unsigned http_status, const char *why, void *arg)
{
    struct feed_source *s = arg;
    s->ops->lost(code, why, s->arg);
}

static void on_relinked(enum tutti_error error, const char *why, void *arg)
{
    struct feed_source *s = arg;
    s->relinking = NULL;
    if (error != TUTTI_OK)
        s->ops->lost(TUTTI_E_SOURCE_FAILED, why, s->arg);
}

static void on_expired(unsigned http_status, void *arg)
{
    struct feed_source *s = arg;
    char why[LOCATE_WHY_MAX];
    if (s->relinking)
        return;
    log_info("feed", "a link has expired (HTTP status %u), a new one is looked for", http_status);
    if (locator_relink(s->locator, s->url, s->remote, on_relinked, s, &s->relinking, why) !=
        TUTTI_OK)
        s->ops->lost(TUTTI_E_SOURCE_FAILED, why, s->arg);
}

static void on_changed(void *arg)
{
    struct feed_source *s = arg;
    s->ops->changed(s->arg);
}

static void on_reconnected(const char *why, void *arg)
{
    struct feed_source *s = arg;
    s->ops->reconnected(why, s->arg);
}

static void on_replaced(int fd, void *arg)
{
    struct feed_source *s = arg;
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = fd;
    s->ops->replaced(fd, s->arg);
}

static void take_found(struct feed_source *s, const struct located *found)
{
    const char *title = found->title ? found->title : found->station;
    free(s->facts.title);
    s->facts = (struct feed_source_facts){
        .title = title ? strdup(title) : NULL,
        .is_page = found->title != NULL,
        .is_live = found->is_live,
        .first_entry = found->first_entry,
        .duration = found->duration,
    };
    s->fd = found->fd;
    s->remote = found->source;
    s->reopens = s->fresh = false;
    if (!s->remote)
        return;
    fetch_source_set_ops(s->remote, &(struct fetch_source_ops){
                                        .failed = on_failed,
                                        .expired = on_expired,
                                        .changed = on_changed,
                                        .reconnected = on_reconnected,
                                        .replaced = on_replaced,
                                        .arg = s,
                                    });
}

static void on_located(enum tutti_error error, const char *why, const struct located *found,
                       void *arg)
{
    struct feed_source *s = arg;
    s->locating = NULL;
    if (error == TUTTI_OK) {
        take_found(s, found);
        s->ops->found(s->arg);
        return;
    }
    s->reopens = s->fresh = false;
    s->ops->not_found(error, why, s->arg);
}

enum tutti_error feed_source_find(struct feed_source *s, char ret_why[LOCATE_WHY_MAX])
{
    if (s->locating)
        return TUTTI_OK;
    return locator_start(s->locator, s->url, s->fresh, on_located, s, &s->locating, ret_why);
}

bool feed_source_may_reopen(struct feed_source *s, uint64_t n_made, bool was_open)
{
    if (n_made >= s->n_made + REOPEN_FRAMES)
        s->n_reopens = 0;
    s->n_made = n_made;
    return ++s->n_reopens <= (was_open ? REOPENS_MAX : 1);
}

void feed_source_forgive(struct feed_source *s)
{
    s->n_reopens = 0;
}

bool feed_source_is_expired(const struct feed_source *s, unsigned http_status)
{
    return s->remote && fetch_source_is_relinkable(s->remote) && fetch_is_refusal(http_status);
}
