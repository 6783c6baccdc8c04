#include "fetch/content.h"

#include "fetch/readahead.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static int begin_unpacking(struct transfer *t)
{
    t->is_encoded = true;
    if (!t->inflate)
        return inflate_new(&t->inflate);
    inflate_restart(t->inflate);
    return 0;
}

int content_begin(struct transfer *t, const struct response *r)
{
    t->has_icy =
        t->resource->wants_icy && r->icy_interval > 0 && r->icy_interval <= ICY_INTERVAL_MAX;
    if (t->has_icy && !t->icy)
        t->icy = malloc(sizeof *t->icy);
    if (t->has_icy && !t->icy)
        return -ENOMEM;
    if (t->has_icy)
        icy_init(t->icy, (size_t)r->icy_interval);
    t->is_encoded = false;
    t->n_inflated = 0;
    enum coding coding = t->resource->is_seen ? t->resource->coding : r->coding;
    return coding == CODING_GZIP ? begin_unpacking(t) : 0;
}

void content_done(struct transfer *t)
{
    free(t->icy);
    inflate_free(t->inflate);
}

/* Bytes of the resource from t->at on. Those that we have are compared, for a server that knows no
 * ranges begins again at the start; those before the window can only be believed. */
static int take_audio(const uint8_t *bytes, size_t len, void *arg)
{
    struct transfer *t = arg;
    int64_t behind = t->window.end - t->at;
    size_t old = behind <= 0 ? 0 : (uint64_t)behind < len ? (size_t)behind : len;
    if (old > 0 && window_compare(&t->window, t->at, bytes, old) != 0)
        return -ESTALE;
    t->at += (int64_t)len;
    if (old == len)
        return 0;
    return readahead_append(t, bytes + old, len - old);
}

static void take_title(const char *title, void *arg)
{
    struct transfer *t = arg;
    if (t->at == t->window.end) /* else it is read again, and was told */
        t->ops.title(t->at, title, t->ops.arg);
}

static int take_decoded(struct transfer *t, const uint8_t *bytes, size_t len)
{
    assert(!t->has_icy || t->icy);
    struct icy_ops ops = { .audio = take_audio, .title = take_title, .arg = t };
    return t->has_icy ? icy_feed(t->icy, bytes, len, &ops) : take_audio(bytes, len, t);
}

static bool is_full(const struct transfer *t)
{
    return readahead_bytes(t) >= readahead_limit(t);
}

/* What a full window leaves of a piece comes once more: t->n_inflated of it are done. */
static int take_encoded(struct transfer *t, const uint8_t *bytes, size_t len)
{
    assert(t->inflate);
    static uint8_t out[WINDOW_BLOCK_BYTES];
    size_t done = t->n_inflated < len ? t->n_inflated : len;
    const uint8_t *next = bytes + done;
    size_t left = len - done;
    while (!is_full(t)) {
        ssize_t n = inflate_some(t->inflate, &next, &left, out, sizeof out);
        if (inflate_look(t->inflate) != INFLATE_UNSEEN)
            resource_see(t->resource, inflate_look(t->inflate) == INFLATE_PACKED);
        if (n == 0)
            t->n_inflated -= done;
        if (n == 0)
            return 1;
        int r = n < 0 ? (int)n : take_decoded(t, out, (size_t)n);
        if (r < 0)
            return r;
    }
    t->n_inflated += len - done - left;
    return 0;
}

/* Some servers have packed files and do not say so. */
static bool may_be_packed(const struct transfer *t, const uint8_t *bytes, size_t len)
{
    const struct resource *r = t->resource;
    return !t->is_encoded && !r->is_seen && r->coding == CODING_NONE && t->at == 0 && len > 0 &&
           bytes[0] == INFLATE_GZIP_BYTE;
}

int content_take(struct transfer *t, const uint8_t *bytes, size_t len)
{
    if (may_be_packed(t, bytes, len) && begin_unpacking(t) < 0)
        return -ENOMEM;
    if (t->is_encoded)
        return take_encoded(t, bytes, len);
    if (is_full(t))
        return 0;
    int r = take_decoded(t, bytes, len);
    return r < 0 ? r : 1;
}
