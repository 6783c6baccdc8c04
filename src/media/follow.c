#include "media/follow.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "media/playlist.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { DEPTH_MAX = 5, TRIES_MAX = 24 };

struct follow {
    const struct follow_ops *ops;
    void *arg;
    unsigned tries;
};

static int follow_url(struct follow *f, const char *url, unsigned depth, struct follow_place *ret,
                      bool *ret_hls);

/* The whole text, NUL-terminated; NULL and why in *ret_error. */
static char *read_text(const struct follow *f, const struct follow_place *place, int *ret_error)
{
    AUTO_FREE char *text = malloc(PLAYLIST_BYTES_MAX + 1);
    *ret_error = -ENOMEM;
    if (!text)
        return NULL;
    size_t len = 0;
    ssize_t n;
    while ((n = f->ops->read(text + len, PLAYLIST_BYTES_MAX - len, (int64_t)len, place, f->arg)) >
           0) {
        len += (size_t)n;
        if (len == PLAYLIST_BYTES_MAX)
            break;
    }
    *ret_error = n < 0 ? (int)n : 0;
    if (n < 0)
        return NULL;
    text[len] = '\0';
    return TAKE_PTR(text);
}

static int follow_entries(struct follow *f, const char *text, enum listing kind, const char *base,
                          unsigned depth, struct follow_place *ret, bool *ret_hls)
{
    char *urls[PLAYLIST_ENTRIES_MAX];
    size_t n = playlist_urls(text, kind, base, urls, PLAYLIST_ENTRIES_MAX);
    int r = -EBADMSG;
    for (size_t i = 0; i < n; i++) {
        if (r < 0 && r != -EINTR && r != -ENOMEM && f->tries < TRIES_MAX)
            r = follow_url(f, urls[i], depth + 1, ret, ret_hls);
        free(urls[i]);
    }
    return r;
}

/* Media that the fetcher took for a playlist are played; a list of segments is kept open. */
static int follow_place(struct follow *f, unsigned depth, struct follow_place *ret, bool *ret_hls)
{
    assert(depth <= DEPTH_MAX && ret->is_playlist);
    int r;
    AUTO_FREE char *base = strdup(ret->url);
    AUTO_FREE char *type = strdup(ret->content_type);
    if (!base || !type)
        return -ENOMEM;
    AUTO_FREE char *text = read_text(f, ret, &r);
    if (!text)
        return r;
    enum listing kind = listing_of(text, strlen(text), type, base);
    *ret_hls = kind == LISTING_SEGMENTS;
    if (kind == LISTING_NONE || kind == LISTING_PAGE || kind == LISTING_SEGMENTS)
        return 0;
    if (depth == DEPTH_MAX)
        return -EBADMSG;
    f->ops->close(ret, f->arg);
    return follow_entries(f, text, kind, base, depth, ret, ret_hls);
}

static int follow_url(struct follow *f, const char *url, unsigned depth, struct follow_place *ret,
                      bool *ret_hls)
{
    f->tries++;
    *ret_hls = false;
    int r = f->ops->open(url, ret, f->arg);
    if (r == 0 && ret->is_playlist)
        r = follow_place(f, depth, ret, ret_hls);
    if (r < 0 && ret->stream)
        f->ops->close(ret, f->arg);
    if (r < 0 && url)
        log_info("follow", "an entry of a playlist leads nowhere: %s", strerror(-r));
    return r;
}

int follow_playlists(const struct follow_ops *ops, void *arg, struct follow_place *ret,
                     bool *ret_hls)
{
    assert(ops->open && ops->read && ops->close);
    struct follow f = { .ops = ops, .arg = arg };
    *ret = (struct follow_place){ 0 };
    return follow_url(&f, NULL, 0, ret, ret_hls);
}
