#include "extract/extractor.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "extract/cache.h"
#include "extract/run.h"
#include "base/url.h"
#include "extract/version.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uthash.h>
#include <utlist.h>

enum {
    CACHE_MAX = 1000,
    QUEUE_MAX = 10000,
    HELPER_REQUESTS_MAX = 100,
    HELPER_IDLE_MS = 300000,
};

/* Something that is being looked for, on behalf of all who asked for it meanwhile. */
struct job {
    UT_hash_handle hh;       /* by `what`, until it is answered */
    struct job *prev, *next; /* in the queue, or among those that were begun */
    struct extractor *owner;
    char *what;
    struct extract_request *requests;
    struct run *run;
    bool begun;
    bool joinable; /* it is in the table */
};

struct extract_request {
    struct extract_request *prev, *next; /* in the job's list, or the extractor's `answered` */
    struct extractor *owner;
    struct job *job;     /* NULL: the cache had it */
    struct found cached; /* where job is NULL */
    extract_fn fn;
    void *arg;
};

struct extractor {
    struct run_tools tools;
    unsigned jobs_max;
    struct job *by_what;
    struct job *queue, *begun;
    unsigned running, queued;
    struct cache *cache;
    struct extract_request *answered; /* from the cache; told from the loop */
    uv_timer_t soon;
    struct version_check *check;
    char *helper_path;
    uint64_t hits, misses;
    bool freed;
    unsigned n_open; /* handles and jobs that hold the memory */
};

static void release(struct extractor *x);

/* ---- telling ---- */

static void tell(const struct extract_request *q, const struct found *f, bool cached)
{
    struct extraction e = {
        .url = f->url,
        .headers = f->headers,
        .title = f->title,
        .thumbnail = f->thumbnail,
        .duration_s = f->duration_s,
        .is_live = f->is_live,
        .first_entry = f->first_entry,
        .cached = cached,
    };
    q->fn(TUTTI_OK, "", &e, q->arg);
}

static void request_free(struct extract_request *q)
{
    found_done(&q->cached);
    free(q);
}

static void on_soon(uv_timer_t *timer)
{
    struct extractor *x = timer->data;
    struct extract_request *q;
    while ((q = x->answered) != NULL) {
        DL_DELETE(x->answered, q);
        tell(q, &q->cached, true);
        request_free(q);
    }
}

/* ---- jobs ---- */

static void leave_table(struct job *j)
{
    if (j->joinable)
        HASH_DEL(j->owner->by_what, j);
    j->joinable = false;
}

static void job_free(struct job *j)
{
    struct extractor *x = j->owner;
    free(j->what);
    free(j);
    release(x);
}

static void begin_jobs(struct extractor *x);

static void keep(struct extractor *x, const char *what, const struct found *found)
{
    struct found copy;
    uint64_t lifetime_ns = cache_lifetime_ns(found->expires_s, (int64_t)time(NULL));
    if (lifetime_ns > 0 && found_copy(found, &copy) == 0)
        cache_put(x->cache, what, &copy, clock_now_ns() + lifetime_ns);
}

static void on_done(enum tutti_error error, const char *why, struct found *found, void *arg)
{
    struct job *j = arg;
    struct extract_request *q;
    leave_table(j);
    /* A search for one thing is not a list of which the rest was left out. */
    if (error == TUTTI_OK && url_is_search_for_one(j->what))
        found->first_entry = false;
    if (error == TUTTI_OK)
        keep(j->owner, j->what, found);
    while ((q = j->requests) != NULL) {
        DL_DELETE(j->requests, q);
        if (error == TUTTI_OK)
            tell(q, found, false);
        else
            q->fn(error, why, NULL, q->arg);
        request_free(q);
    }
}

static void on_gone(void *arg)
{
    struct job *j = arg;
    struct extractor *x = j->owner;
    DL_DELETE(x->begun, j);
    x->running--;
    if (!x->freed)
        begin_jobs(x);
    job_free(j);
}

static const struct run_ops run_ops = { .done = on_done, .gone = on_gone };

static void begin_jobs(struct extractor *x)
{
    while (x->queue && x->running < x->jobs_max) {
        struct job *j = x->queue;
        DL_DELETE(x->queue, j);
        x->queued--;
        DL_APPEND(x->begun, j);
        x->running++;
        j->begun = true;
        run_begin(j->run);
    }
}

static struct job *add_job(struct extractor *x, const char *what)
{
    struct job *j = calloc(1, sizeof *j);
    if (!j)
        return NULL;
    j->owner = x;
    j->what = strdup(what);
    j->run = j->what ? run_new(&x->tools, what, &run_ops, j) : NULL;
    if (!j->run) {
        free(j->what);
        free(j);
        return NULL;
    }
    HASH_ADD_KEYPTR(hh, x->by_what, j->what, strlen(j->what), j);
    j->joinable = j->hh.tbl != NULL;
    DL_APPEND(x->queue, j);
    x->queued++;
    x->misses++;
    x->n_open++;
    return j;
}

/* ---- requests ---- */

static void answer_from_cache(struct extract_request *q)
{
    struct extractor *x = q->owner;
    DL_APPEND(x->answered, q);
    (void)uv_timer_start(&x->soon, on_soon, 0, 0);
}

static int ask(struct extractor *x, const char *what, struct extract_request *q)
{
    struct job *j;
    HASH_FIND_STR(x->by_what, what, j);
    if (j)
        x->hits++;
    else if (x->queued >= QUEUE_MAX || !(j = add_job(x, what)))
        return -ENOMEM;
    q->job = j;
    DL_APPEND(j->requests, q);
    begin_jobs(x);
    return 0;
}

int extractor_start(struct extractor *x, const char *what, bool fresh, extract_fn fn, void *arg,
                    struct extract_request **ret_request)
{
    struct extract_request *q = calloc(1, sizeof *q);
    if (!q)
        return -ENOMEM;
    *q = (struct extract_request){ .owner = x, .fn = fn, .arg = arg };
    const struct found *kept = fresh ? NULL : cache_get(x->cache, what, clock_now_ns());
    int r = 0;
    if (kept && found_copy(kept, &q->cached) == 0) {
        x->hits++;
        answer_from_cache(q);
    } else {
        r = ask(x, what, q);
    }
    if (r < 0)
        request_free(q);
    else
        *ret_request = q;
    return r;
}

void extractor_cancel(struct extract_request *q)
{
    struct job *j = q->job;
    struct extractor *x = q->owner;
    if (!j) {
        DL_DELETE(x->answered, q);
        request_free(q);
        return;
    }
    DL_DELETE(j->requests, q);
    request_free(q);
    if (j->requests || !j->joinable)
        return; /* others wait for it; or it is being told to them right now */
    leave_table(j);
    if (j->begun) {
        run_cancel(j->run);
        return;
    }
    DL_DELETE(x->queue, j);
    x->queued--;
    run_free(j->run);
    job_free(j);
}

struct extractor_stats extractor_get_stats(const struct extractor *x)
{
    return (struct extractor_stats){
        .running = x->running, .queued = x->queued, .hits = x->hits, .misses = x->misses
    };
}

/* ---- beginning and end ---- */

static void on_version(const char *version, void *arg)
{
    struct extractor *x = arg;
    version_note(x->tools.version, version);
}

static void release(struct extractor *x)
{
    if (--x->n_open > 0)
        return;
    cache_free(x->cache);
    free(x->tools.program);
    free(x->tools.proxy);
    free(x->tools.confine);
    free(x->tools.env);
    free(x->helper_path);
    free(x);
}

static void on_closed(uv_handle_t *handle)
{
    release(handle->data);
}

static char *copy_text(const char *s, bool *ok)
{
    char *copy = s ? strdup(s) : NULL;
    *ok = *ok && (!s || copy);
    return copy;
}

static int fill(struct extractor *x, const struct extractor_config *config)
{
    bool ok = true;
    x->jobs_max = config->jobs;
    x->helper_path = copy_text(config->helper_path, &ok);
    x->tools = (struct run_tools){
        .loop = config->loop,
        .program = copy_text(config->program, &ok),
        .proxy = copy_text(config->proxy, &ok),
        .confine = copy_text(config->confine_path, &ok),
        .env = ytdlp_environment(),
        .timeout_ms = config->timeout_ms,
    };
    x->cache = cache_new(CACHE_MAX);
    if (!ok || !x->tools.env || !x->cache)
        return -ENOMEM;
    struct helpers_config helpers = {
        .loop = config->loop,
        .confine = x->tools.confine,
        .script = x->helper_path,
        .proxy = x->tools.proxy,
        .env = x->tools.env,
        .socket_timeout_s = run_socket_timeout_s(&x->tools),
        .requests_max = HELPER_REQUESTS_MAX,
        .idle_ms = HELPER_IDLE_MS,
        .output_max = RUN_OUTPUT_MAX,
        .version = on_version,
        .arg = x,
    };
    x->tools.helpers = x->helper_path ? helpers_new(&helpers) : NULL;
    return x->helper_path && !x->tools.helpers ? -ENOMEM : 0;
}

int extractor_new(const struct extractor_config *config, struct extractor **ret_extractor)
{
    struct extractor *x = calloc(1, sizeof *x);
    if (!x)
        return -ENOMEM;
    (void)uv_timer_init(config->loop, &x->soon);
    x->soon.data = x;
    x->n_open = 1;
    int r = fill(x, config);
    if (r == 0)
        r = version_check_new(&x->tools, on_version, x, &x->check);
    if (r < 0)
        extractor_free(x);
    else
        *ret_extractor = x;
    return r;
}

void extractor_free(struct extractor *x)
{
    if (!x)
        return;
    x->freed = true;
    version_check_free(x->check);
    struct job *j;
    DL_FOREACH(x->begun, j)
    run_kill(j->run);
    helpers_free(TAKE_PTR(x->tools.helpers));
    uv_close((uv_handle_t *)&x->soon, on_closed);
}
