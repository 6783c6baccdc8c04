#include "extract/helpers.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "extract/child.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <utlist.h>

enum {
    ARGS_MAX = 32,
    WHY_MAX = 256,
    FIRST_WORDS_MAX = 16384, /* [bytes] that are parsed in the loop's thread */
    STARTS_FAILED_MAX = 2,   /* in a row, before we do without for a while */
};

#define DO_WITHOUT_NS (300 * NS_PER_S)

struct helper {
    struct helper *prev, *next;
    struct helpers *owner;
    struct child *child;
    uv_timer_t idle;
    char program[PATH_MAX];
    struct timespec changed; /* of the program, when this one was started */
    bool ready;
    unsigned served;
    size_t scanned; /* buf_find_newline's */
    helpers_fn fn;  /* NULL while it has nothing to do */
    void *arg;
};

struct helpers {
    struct helpers_config config;
    struct helper *all; /* the one that was used last is the first */
    unsigned starts_failed;
    uint64_t without_until_ns;
};

struct helpers *helpers_new(const struct helpers_config *config)
{
    assert(config->requests_max > 0 && config->version);
    struct helpers *hs = calloc(1, sizeof *hs);
    if (hs)
        hs->config = *config;
    return hs;
}

size_t helpers_count(const struct helpers *hs)
{
    size_t n = 0;
    const struct helper *h;
    DL_FOREACH(hs->all, h)
    n++;
    return n;
}

/* ---- the end of one ---- */

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void drop(struct helper *h)
{
    DL_DELETE(h->owner->all, h);
    child_free(TAKE_PTR(h->child));
    uv_close((uv_handle_t *)&h->idle, on_timer_closed);
}

void helpers_free(struct helpers *hs)
{
    while (hs && hs->all)
        drop(hs->all);
    free(hs);
}

void helpers_abandon(struct helper *h)
{
    assert(h->fn);
    drop(h);
}

static void on_idle(uv_timer_t *timer)
{
    drop(timer->data);
}

/* It died, or says what makes no sense. The one who waits is told. */
static void give_up(struct helper *h, const char *why)
{
    struct helpers *hs = h->owner;
    helpers_fn fn = h->fn;
    void *arg = h->arg;
    char text[WHY_MAX];
    (void)text_sanitise(text, sizeof text, why);
    if (!h->ready && ++hs->starts_failed >= STARTS_FAILED_MAX)
        hs->without_until_ns = clock_now_ns() + DO_WITHOUT_NS;
    log_debug("extract", "a helper is of no use: %s", text);
    drop(h);
    if (fn)
        fn(NULL, 0, text, arg);
}

/* ---- what it says ---- */

static void hear_first_words(struct helper *h, const char *line, size_t len)
{
    struct helpers *hs = h->owner;
    json_t *said = len <= FIRST_WORDS_MAX ? json_loadb(line, len, 0, NULL) : NULL;
    const char *version = json_string_value(json_object_get(said, "ready"));
    const char *unusable = json_string_value(json_object_get(said, "unusable"));
    char why[WHY_MAX];
    (void)text_sanitise(why, sizeof why, unusable ? unusable : "it does not say that it is ready");
    if (version) {
        h->ready = true;
        hs->starts_failed = 0;
        hs->config.version(version, hs->config.arg);
    }
    json_decref(said);
    if (version)
        return;
    log_info("extract", "yt-dlp cannot be kept loaded (%s); the program is run each time", why);
    hs->starts_failed = STARTS_FAILED_MAX;
    give_up(h, why);
}

/* Of the first `len` bytes and a newline that it said; there is nothing behind them as long as it
 * is honest. */
static void hear_answer(struct helper *h, size_t len)
{
    helpers_fn fn = h->fn;
    void *arg = h->arg;
    size_t all;
    if (!fn || buf_len(child_output(h->child)) > len + 1) {
        give_up(h, "it says what nobody asked");
        return;
    }
    char *line = buf_take(child_output(h->child), &all);
    h->fn = NULL;
    if (++h->served >= h->owner->config.requests_max)
        drop(h);
    else
        (void)uv_timer_start(&h->idle, on_idle, h->owner->config.idle_ms, 0);
    fn(line, len, NULL, arg);
}

/* One line at a time; what is called may end the helper. */
static void on_output(struct child *child, void *arg)
{
    struct helper *h = arg;
    struct buf *b = child_output(child);
    const char *newline;
    while (h->child == child && (newline = buf_find_newline(b, &h->scanned)) != NULL) {
        size_t len = (size_t)(newline - buf_head(b));
        if (h->ready) {
            hear_answer(h, len);
        } else {
            hear_first_words(h, buf_head(b), len);
            buf_consume(b, len + 1);
        }
    }
}

static void on_ended(struct child *child, void *arg)
{
    struct helper *h = arg;
    if (child_wrote_too_much(child))
        give_up(h, "what it says is too long");
    else
        give_up(h, child_errors(child)[0] ? child_errors(child) : "it ended");
}

static const struct child_ops ops = { .output = on_output, .ended = on_ended };

/* ---- the beginning of one ---- */

/* Where a program's libraries are: ~/.local for ~/.local/bin/x, a virtual environment for its
 * bin/python. NULL when that is the root or somebody's home, which hold more than programs. */
static const char *installation(const char *program, char path[PATH_MAX])
{
    const char *home = getenv("HOME");
    (void)snprintf(path, PATH_MAX, "%s", program);
    for (unsigned i = 0; i < 2; i++) {
        char *slash = strrchr(path, '/');
        if (!slash || slash == path)
            return NULL;
        *slash = '\0';
    }
    return home && strcmp(path, home) == 0 ? NULL : path;
}

static size_t add_readable(const char **argv, size_t n, const char *path)
{
    if (path) {
        argv[n++] = "--read";
        argv[n++] = path;
    }
    return n;
}

static int start_child(struct helper *h, const char *python)
{
    const struct helpers_config *config = &h->owner->config;
    const char *argv[ARGS_MAX];
    char timeout[16], near_python[PATH_MAX], near_program[PATH_MAX];
    size_t n = 0;
    if (config->confine) {
        argv[n++] = config->confine;
        n = add_readable(argv, n, config->script);
        n = add_readable(argv, n, h->program);
        n = add_readable(argv, n, installation(python, near_python));
        n = add_readable(argv, n, installation(h->program, near_program));
        argv[n++] = "--";
    }
    (void)snprintf(timeout, sizeof timeout, "%u", config->socket_timeout_s);
    argv[n++] = python;
    argv[n++] = config->script;
    argv[n++] = h->program;
    argv[n++] = timeout;
    argv[n++] = config->proxy; /* NULL: the end */
    argv[n] = NULL;
    struct child_config child = { .argv = argv,
                                  .env = config->env,
                                  .confined = config->confine,
                                  .with_input = true,
                                  .output_max = config->output_max };
    return child_new(config->loop, &child, &ops, h, &h->child);
}

/* After yt-dlp has been updated, those that have the old one loaded are of no use. */
static bool is_current(const struct helper *h, const char *program, const struct stat *st)
{
    return strcmp(h->program, program) == 0 && h->changed.tv_sec == st->st_mtim.tv_sec &&
           h->changed.tv_nsec == st->st_mtim.tv_nsec;
}

static struct helper *find_idle(struct helpers *hs, const char *program, const struct stat *st)
{
    struct helper *h, *next;
    DL_FOREACH_SAFE(hs->all, h, next)
    {
        if (h->fn)
            continue;
        if (is_current(h, program, st))
            return h;
        drop(h);
    }
    return NULL;
}

static struct helper *start(struct helpers *hs, const char *program, const char *python,
                            const struct stat *st)
{
    struct helper *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->owner = hs;
    h->changed = st->st_mtim;
    (void)snprintf(h->program, sizeof h->program, "%s", program);
    (void)uv_timer_init(hs->config.loop, &h->idle);
    h->idle.data = h;
    int r = start_child(h, python);
    if (r < 0) {
        log_warn("extract", "%s cannot be started: %s", python, strerror(-r));
        uv_close((uv_handle_t *)&h->idle, on_timer_closed);
        return NULL;
    }
    DL_PREPEND(hs->all, h);
    return h;
}

static int send_request(struct helper *h, const char *what)
{
    json_t *request = json_pack("{ss}", "what", what);
    AUTO_FREE char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    if (!text)
        return -ENOMEM;
    size_t len = strlen(text);
    text[len] = '\n'; /* in the place of the NUL */
    return child_write(h->child, text, len + 1);
}

struct helper *helpers_ask(struct helpers *hs, const char *program, const char *python,
                           const char *what, helpers_fn fn, void *arg)
{
    struct stat st;
    if ((hs->starts_failed >= STARTS_FAILED_MAX && clock_now_ns() < hs->without_until_ns) ||
        stat(program, &st) < 0)
        return NULL;
    struct helper *h = find_idle(hs, program, &st);
    if (!h)
        h = start(hs, program, python, &st);
    if (!h)
        return NULL;
    (void)uv_timer_stop(&h->idle);
    if (send_request(h, what) < 0) {
        drop(h);
        return NULL;
    }
    h->fn = fn;
    h->arg = arg;
    DL_DELETE(hs->all, h);
    DL_PREPEND(hs->all, h);
    return h;
}
