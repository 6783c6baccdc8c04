#include "extract/locator.h"

#include "base/cleanup.h"
#include "extract/url.h"

#include <stdio.h>
#include <string.h>

struct locator {
    struct locator_config config;
};

struct locate_request {
    uv_work_t work;
    const struct roots *roots;
    char *path;
    locate_fn fn; /* NULL once cancelled */
    void *arg;
    /* written on the thread pool, read after it */
    enum tutti_error error;
    char why[LOCATE_WHY_MAX];
    int fd;
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

static void open_file(uv_work_t *work)
{
    struct locate_request *q = work->data;
    q->error = roots_open(q->roots, q->path, &q->fd, q->why);
}

static void on_opened(uv_work_t *work, int status)
{
    struct locate_request *q = work->data;
    struct located found = { .kind = LOCATED_FILE, .fd = q->fd, .duration = -1 };
    if (q->fn && status == 0 && q->error == TUTTI_OK) {
        q->fd = -1;
        q->fn(TUTTI_OK, "", &found, q->arg);
    } else if (q->fn && status == 0) {
        q->fn(q->error, q->why, NULL, q->arg);
    }
    if (q->fd >= 0)
        (void)close(q->fd);
    free(q->path);
    free(q);
}

static enum tutti_error refuse(enum tutti_error error, const char *why,
                               char ret_why[LOCATE_WHY_MAX])
{
    (void)snprintf(ret_why, LOCATE_WHY_MAX, "%s", why);
    return error;
}

static enum tutti_error start_file(struct locator *l, char *path, locate_fn fn, void *arg,
                                   struct locate_request **ret_request,
                                   char ret_why[LOCATE_WHY_MAX])
{
    struct locate_request *q = calloc(1, sizeof *q);
    if (!q) {
        free(path);
        return refuse(TUTTI_E_INTERNAL, "out of memory", ret_why);
    }
    *q = (struct locate_request){
        .work.data = q, .roots = l->config.roots, .path = path, .fn = fn, .arg = arg, .fd = -1
    };
    (void)uv_queue_work(l->config.loop, &q->work, open_file, on_opened);
    *ret_request = q;
    return TUTTI_OK;
}

enum tutti_error locator_start(struct locator *l, const char *url, locate_fn fn, void *arg,
                               struct locate_request **ret_request, char ret_why[LOCATE_WHY_MAX])
{
    enum url_kind kind;
    char *path = NULL;
    const char *why = NULL;
    if (url_classify(url, &kind, &path, &why) < 0)
        return refuse(TUTTI_E_INTERNAL, "out of memory", ret_why);
    if (kind == URL_UNSUPPORTED)
        return refuse(TUTTI_E_UNSUPPORTED_URL, why, ret_why);
    if (roots_count(l->config.roots) == 0) {
        free(path);
        return refuse(TUTTI_E_FORBIDDEN_URL,
                      "local files are refused: start the daemon with --media-root DIR", ret_why);
    }
    return start_file(l, path, fn, arg, ret_request, ret_why);
}

enum tutti_error locator_relink(struct locator *l, const char *url, struct fetch_source *source,
                                relink_fn fn, void *arg, struct locate_request **ret_request,
                                char ret_why[LOCATE_WHY_MAX])
{
    return refuse(TUTTI_E_UNSUPPORTED_URL, "this source has no page", ret_why);
}

void locator_cancel(struct locate_request *q)
{
    q->fn = NULL;
    /* If it has not begun it never will, and on_opened comes with UV_ECANCELED. */
    (void)uv_cancel((uv_req_t *)&q->work);
}
