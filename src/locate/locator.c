/*
 *   file                                                     → a descriptor
 *   http(s)      → fetcher: media, a playlist                → the fetcher's source
 *                           a page    → extractor → fetcher  → the fetcher's source
 *   search term                       → extractor → fetcher  → the fetcher's source
 */
#include "locate/locator.h"

#include "base/address.h"
#include "base/audio.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "extract/extractor.h"
#include "link/fetcher.h"
#include "extract/found.h"
#include "base/url.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NAMED_BYTES = 180 }; /* of a file's path in a sentence: there is room for what is wrong */

struct locator {
    struct locator_config config;
};

struct locate_request {
    struct locator *owner;
    char *what; /* the file's path, or the URL or search term, as url_classify gives them */
    locate_fn fn;
    relink_fn relinked; /* instead of fn, where a link is to be replaced */
    void *arg;
    bool fresh; /* nothing that was found earlier is good enough */

    /* a file: written on the thread pool, read after it. Forgotten once cancelled. */
    bool is_file, cancelled;
    uv_work_t work;
    enum tutti_error error; /* also of the first request, while yt-dlp tries */
    char why[LOCATE_WHY_MAX];
    int fd;

    /* the network: at most one of these two at a time */
    struct fetch_source *source; /* the caller's where a link is replaced */
    struct extract_request *extracting;
    bool from_page; /* the source is a link that the extractor found … */
    bool cached;    /* … earlier */
    struct found page;
};

struct locator *locator_new(const struct locator_config *config)
{
    struct locator *l = calloc(1, sizeof *l);
    if (l)
        *l = (struct locator){ .config = *config };
    return l;
}

void locator_free(struct locator *l)
{
    free(l);
}

static enum tutti_error refuse(enum tutti_error error, const char *why,
                               char ret_why[LOCATE_WHY_MAX])
{
    (void)snprintf(ret_why, LOCATE_WHY_MAX, "%s", why);
    return error;
}

/* ---- the end of a request ---- */

static void request_free(struct locate_request *q)
{
    if (q->extracting)
        extractor_cancel(q->extracting);
    if (!q->relinked)
        fetch_source_free(q->source);
    found_done(&q->page);
    free(q->what);
    free(q);
}

static void fail(struct locate_request *q, enum tutti_error error, const char *why)
{
    /* The sentence may be the request's own or its source's, the callee may do as it likes. */
    char text[LOCATE_WHY_MAX];
    struct locate_request gone = *q;
    (void)text_sanitise(text, sizeof text, why);
    request_free(q);
    if (gone.relinked)
        gone.relinked(error, text, gone.arg);
    else
        gone.fn(error, text, NULL, gone.arg);
}

static void succeed(struct locate_request *q, const struct fetch_head *head)
{
    int64_t duration = q->page.duration_s > 0 ? llround(q->page.duration_s * AUDIO_RATE) : -1;
    struct located found = {
        .kind = head->kind == FETCH_PLAYLIST ? LOCATED_PLAYLIST : LOCATED_MEDIA,
        .fd = fetch_source_fd(q->source),
        .source = q->source,
        .title = q->page.title,
        .station = head->name && head->name[0] ? head->name : NULL,
        .thumbnail = q->page.thumbnail,
        .duration = duration,
        .is_live = q->page.is_live,
        .first_entry = q->page.first_entry,
    };
    if (found.fd < 0) {
        fail(q, TUTTI_E_INTERNAL, strerror(-found.fd));
        return;
    }
    q->source = NULL;
    q->fn(TUTTI_OK, "", &found, q->arg);
    request_free(q);
}

/* ---- files ---- */

static void open_file(uv_work_t *work)
{
    struct locate_request *q = work->data;
    q->error = roots_open(q->owner->config.roots, q->what, &q->fd, q->why);
}

/* Names the file before what is wrong with it; of a long path, its end. */
static void name_file(struct locate_request *q)
{
    char why[LOCATE_WHY_MAX], line[2 * LOCATE_WHY_MAX];
    size_t len = strlen(q->what);
    size_t skip = len > NAMED_BYTES ? len - NAMED_BYTES : 0;
    memcpy(why, q->why, sizeof why);
    (void)snprintf(line, sizeof line, "%s%s: %s", skip > 0 ? "..." : "", q->what + skip, why);
    (void)text_sanitise(q->why, sizeof q->why, line);
}

static void on_opened(uv_work_t *work, int status)
{
    struct locate_request *q = work->data;
    struct located found = { .kind = LOCATED_FILE, .fd = q->fd, .duration = -1 };
    if (!q->cancelled && status == 0 && q->error == TUTTI_OK) {
        q->fd = -1;
        q->fn(TUTTI_OK, "", &found, q->arg);
    } else if (!q->cancelled && status == 0) {
        name_file(q);
        q->fn(q->error, q->why, NULL, q->arg);
    }
    if (q->fd >= 0)
        (void)close(q->fd);
    request_free(q);
}

static enum tutti_error start_file(struct locate_request *q, char ret_why[LOCATE_WHY_MAX])
{
    if (roots_count(q->owner->config.roots) == 0)
        return refuse(TUTTI_E_FORBIDDEN_URL,
                      "local files are refused: start the daemon with --media-root DIR", ret_why);
    q->is_file = true;
    q->work.data = q;
    (void)uv_queue_work(q->owner->config.loop, &q->work, open_file, on_opened);
    return TUTTI_OK;
}

/* ---- the extractor ---- */

static enum tutti_error fetch(struct locate_request *q, const char *url, const char *headers,
                              char ret_why[LOCATE_WHY_MAX]);
static int extract(struct locate_request *q);

static int keep_page(struct locate_request *q, const struct extraction *e)
{
    bool ok = true;
    found_done(&q->page);
    q->page.title = e->title ? strdup(e->title) : NULL;
    q->page.thumbnail = e->thumbnail ? strdup(e->thumbnail) : NULL;
    ok = !e->title == !q->page.title && !e->thumbnail == !q->page.thumbnail;
    q->page.duration_s = e->duration_s;
    q->page.is_live = e->is_live;
    q->page.first_entry = e->first_entry;
    q->cached = e->cached;
    return ok ? 0 : -ENOMEM;
}

/* The source waits for its new link; or there is none yet. */
static void follow_link(struct locate_request *q, const struct extraction *e)
{
    char why[LOCATE_WHY_MAX];
    if (q->source) {
        if (fetch_source_relink(q->source, e->url, e->headers) < 0)
            fail(q, TUTTI_E_EXTRACTION_FAILED, "the link behind this page makes no sense");
        else if (q->relinked) {
            q->relinked(TUTTI_OK, "", q->arg);
            request_free(q);
        }
        return;
    }
    q->from_page = true;
    enum tutti_error error = fetch(q, e->url, e->headers, why);
    if (error != TUTTI_OK)
        fail(q, error, why);
}

static void on_extracted(enum tutti_error error, const char *why, const struct extraction *e,
                         void *arg)
{
    struct locate_request *q = arg;
    char host[URL_HOST_MAX + 1];
    const struct address_policy *policy = q->owner->config.policy;
    q->extracting = NULL;
    if (error == TUTTI_E_EXTRACTION_FAILED && q->error != TUTTI_OK)
        fail(q, q->error, q->why); /* yt-dlp was only a second try */
    else if (error != TUTTI_OK)
        fail(q, error, why);
    else if (!url_http_host(e->url, host) || !address_policy_permits_host(policy, host))
        fail(q, TUTTI_E_FORBIDDEN_URL, "the page leads to a private address");
    else if (keep_page(q, e) < 0)
        fail(q, TUTTI_E_INTERNAL, "out of memory");
    else
        follow_link(q, e);
}

static int extract(struct locate_request *q)
{
    return extractor_start(q->owner->config.extractor, q->what, q->fresh, on_extracted, q,
                           &q->extracting);
}

static void extract_or_fail(struct locate_request *q)
{
    if (!q->owner->config.extractor)
        fail(q, TUTTI_E_UNSUPPORTED_URL,
             "this is a page, and there is no yt-dlp to look behind it");
    else if (extract(q) < 0)
        fail(q, TUTTI_E_INTERNAL, "out of memory");
}

/* ---- the fetcher ---- */

static void on_head(const struct fetch_head *head, void *arg)
{
    struct locate_request *q = arg;
    if (head->kind != FETCH_PAGE) {
        succeed(q, head);
    } else if (q->from_page) {
        fail(q, TUTTI_E_EXTRACTION_FAILED, "behind this page there is only another page");
    } else {
        fetch_source_free(TAKE_PTR(q->source));
        extract_or_fail(q);
    }
}

/* A site may turn away what is no browser, which yt-dlp knows how to be. */
static bool may_be_a_page(unsigned http_status)
{
    switch (http_status) {
    case 401:
    case 403:
    case 405:
    case 406:
    case 429:
    case 503:
        return true;
    default:
        return false;
    }
}

static void on_failed(enum tutti_error code, unsigned http_status, const char *why, void *arg)
{
    struct locate_request *q = arg;
    if (q->from_page || !q->owner->config.extractor || !may_be_a_page(http_status)) {
        fail(q, code, why);
        return;
    }
    q->error = code;
    (void)text_sanitise(q->why, sizeof q->why, why);
    fetch_source_free(TAKE_PTR(q->source));
    extract_or_fail(q);
}

/* A link that was kept may be too old, one that was just found may not. */
static void on_expired(unsigned http_status, void *arg)
{
    struct locate_request *q = arg;
    char why[LOCATE_WHY_MAX];
    if (q->cached) {
        q->cached = false;
        q->fresh = true;
        extract_or_fail(q);
        return;
    }
    (void)snprintf(why, sizeof why, "the site refuses the link that its page gave (HTTP %u)",
                   http_status);
    fail(q, TUTTI_E_EXTRACTION_FAILED, why);
}

static void on_changed(void *arg)
{
    fail(arg, TUTTI_E_SOURCE_FAILED, "the source changed while it was being opened");
}

static enum tutti_error fetch(struct locate_request *q, const char *url, const char *headers,
                              char ret_why[LOCATE_WHY_MAX])
{
    struct fetch_source_ops ops = {
        .head = on_head, .failed = on_failed, .expired = on_expired, .changed = on_changed, .arg = q
    };
    int r =
        fetch_source_new(q->owner->config.fetcher, url, headers, q->from_page, &ops, &q->source);
    if (r == -EINVAL)
        return refuse(TUTTI_E_UNSUPPORTED_URL, "this URL makes no sense", ret_why);
    if (r < 0) {
        (void)snprintf(ret_why, LOCATE_WHY_MAX, "the source cannot be opened: %s", strerror(-r));
        return TUTTI_E_INTERNAL;
    }
    return TUTTI_OK;
}

/* ---- the beginning of a request ---- */

static enum tutti_error start_http(struct locate_request *q, char ret_why[LOCATE_WHY_MAX])
{
    const struct locator_config *config = &q->owner->config;
    char host[URL_HOST_MAX + 1];
    if (!config->fetcher)
        return refuse(TUTTI_E_UNSUPPORTED_URL, "there is no network here", ret_why);
    if (!url_http_host(q->what, host) || !address_policy_permits_host(config->policy, host))
        return refuse(TUTTI_E_FORBIDDEN_URL,
                      "private addresses are refused (--allow-host permits one)", ret_why);
    return fetch(q, q->what, NULL, ret_why);
}

static enum tutti_error start_extraction(struct locate_request *q, char ret_why[LOCATE_WHY_MAX])
{
    if (!q->owner->config.fetcher || !q->owner->config.extractor)
        return refuse(TUTTI_E_UNSUPPORTED_URL, "there is no yt-dlp here", ret_why);
    if (extract(q) < 0)
        return refuse(TUTTI_E_INTERNAL, "out of memory", ret_why);
    return TUTTI_OK;
}

static enum tutti_error start(struct locate_request *q, enum url_kind kind,
                              char ret_why[LOCATE_WHY_MAX])
{
    if (q->fresh && kind == URL_FILE)
        return refuse(TUTTI_E_UNSUPPORTED_URL, "a file has no link", ret_why);
    if (q->fresh)
        return start_extraction(q, ret_why);
    switch (kind) {
    case URL_FILE:
        return start_file(q, ret_why);
    case URL_HTTP:
        return start_http(q, ret_why);
    default:
        return start_extraction(q, ret_why);
    }
}

/* `template` says what is wanted; what the request is about is the URL's. */
static enum tutti_error begin(const struct locate_request *template, const char *url,
                              struct locate_request **ret_request, char ret_why[LOCATE_WHY_MAX])
{
    enum url_kind kind;
    const char *why = NULL;
    AUTO_FREE char *text = NULL;
    if (url_classify(url, &kind, &text, &why) < 0)
        return refuse(TUTTI_E_INTERNAL, "out of memory", ret_why);
    if (kind == URL_UNSUPPORTED)
        return refuse(TUTTI_E_UNSUPPORTED_URL, why, ret_why);
    struct locate_request *q = calloc(1, sizeof *q);
    if (!q)
        return refuse(TUTTI_E_INTERNAL, "out of memory", ret_why);
    *q = *template;
    q->what = TAKE_PTR(text);
    q->fd = -1;
    q->page.duration_s = -1;
    enum tutti_error error = start(q, kind, ret_why);
    if (error != TUTTI_OK)
        request_free(q);
    else
        *ret_request = q;
    return error;
}

enum tutti_error locator_start(struct locator *l, const char *url, bool fresh, locate_fn fn,
                               void *arg, struct locate_request **ret_request,
                               char ret_why[LOCATE_WHY_MAX])
{
    struct locate_request wanted = { .owner = l, .fn = fn, .arg = arg, .fresh = fresh };
    return begin(&wanted, url, ret_request, ret_why);
}

enum tutti_error locator_relink(struct locator *l, const char *url, struct fetch_source *source,
                                relink_fn fn, void *arg, struct locate_request **ret_request,
                                char ret_why[LOCATE_WHY_MAX])
{
    struct locate_request wanted = {
        .owner = l, .relinked = fn, .arg = arg, .source = source, .fresh = true
    };
    return begin(&wanted, url, ret_request, ret_why);
}

void locator_cancel(struct locate_request *q)
{
    if (!q->is_file) {
        request_free(q);
        return;
    }
    q->cancelled = true;
    /* If it has not begun it never will, and on_opened comes with UV_ECANCELED. */
    (void)uv_cancel((uv_req_t *)&q->work);
}
