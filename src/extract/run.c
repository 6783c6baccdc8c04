#include "extract/run.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "extract/child.h"
#include "extract/complaint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    ARGV_MAX = YTDLP_ARGS_MAX + 2,
    REASON_MAX = 150, /* [bytes] where advice stands behind it */
};

struct run {
    const struct run_tools *tools;
    const struct run_ops *ops;
    void *arg;
    char *what;
    uv_timer_t timer; /* the time limit */
    char program[PATH_MAX];
    bool over;             /* done or cancelled */
    struct helper *helper; /* at most one of these two */
    struct child *child;
    bool reading; /* on the thread pool */
    uv_work_t work;

    /* the thread pool's while it reads */
    struct {
        char *text;
        size_t len;
        bool of_helper; /* {"info": …} or {"error": …} */
        enum tutti_error error;
        char why[RUN_WHY_MAX];
        bool may_be_too_old;
        struct found found;
    } job;
};

/* ---- the end ---- */

void run_free(struct run *r)
{
    if (r)
        free(r->what);
    free(r);
}

static void on_closed(uv_handle_t *handle)
{
    struct run *r = handle->data;
    r->ops->gone(r->arg);
    run_free(r);
}

static void look_whether_gone(struct run *r)
{
    if (r->over && !r->helper && !r->child && !r->reading &&
        !uv_is_closing((uv_handle_t *)&r->timer))
        uv_close((uv_handle_t *)&r->timer, on_closed);
}

static void end_processes(struct run *r)
{
    (void)uv_timer_stop(&r->timer);
    if (r->helper)
        helpers_abandon(TAKE_PTR(r->helper));
    if (r->child)
        child_end(r->child);
    look_whether_gone(r);
}

static void finish(struct run *r, enum tutti_error error, const char *why, struct found *found)
{
    if (r->over)
        return;
    r->over = true;
    r->ops->done(error, why, found, r->arg);
    end_processes(r);
}

void run_cancel(struct run *r)
{
    r->over = true;
    end_processes(r);
}

void run_kill(struct run *r)
{
    r->over = true;
    child_free(TAKE_PTR(r->child));
    end_processes(r);
}

/* A sentence, and what to do if the reason may be an old yt-dlp. */
static void finish_failed(struct run *r, const char *why, bool may_be_too_old)
{
    char text[RUN_WHY_MAX];
    int days = ytdlp_age_days(r->tools->version, (int64_t)time(NULL));
    if (may_be_too_old && days > YTDLP_OLD_DAYS)
        (void)snprintf(text, sizeof text, "%.*s (this yt-dlp is %d days old; update it: %s)",
                       (int)text_cut_utf8(why, REASON_MAX), why, days, RUN_ADVICE);
    else
        (void)text_sanitise(text, sizeof text, why);
    finish(r, TUTTI_E_EXTRACTION_FAILED, text, NULL);
}

static void on_time_over(uv_timer_t *timer)
{
    struct run *r = timer->data;
    char why[RUN_WHY_MAX];
    (void)snprintf(why, sizeof why, "yt-dlp found nothing within %.3g seconds",
                   (double)r->tools->timeout_ms / 1000);
    finish(r, TUTTI_E_EXTRACTION_TIMEOUT, why, NULL);
}

/* ---- reading the answer ---- */

static void keep_complaint(struct run *r, const char *text)
{
    char why[COMPLAINT_MAX];
    r->job.error = TUTTI_E_EXTRACTION_FAILED;
    r->job.may_be_too_old = complaint_read(text, why);
    (void)snprintf(r->job.why, sizeof r->job.why, "%s", why);
}

static void read_answer(uv_work_t *work)
{
    struct run *r = work->data;
    const char *why = "";
    json_t *root = NULL;
    enum tutti_error error = found_parse(r->job.text, r->job.len, &root, &why);
    const json_t *info = r->job.of_helper ? json_object_get(root, "info") : root;
    const char *complaint =
        r->job.of_helper ? json_string_value(json_object_get(root, "error")) : NULL;
    if (complaint) {
        keep_complaint(r, complaint);
    } else {
        r->job.error = error == TUTTI_OK ? found_read(info, &r->job.found, &why) : error;
        (void)snprintf(r->job.why, sizeof r->job.why, "%s", why);
    }
    json_decref(root);
}

static void on_read(uv_work_t *work, int status)
{
    struct run *r = work->data;
    r->reading = false;
    free(TAKE_PTR(r->job.text));
    if (r->job.error == TUTTI_OK)
        finish(r, TUTTI_OK, "", &r->job.found);
    else if (r->job.error == TUTTI_E_EXTRACTION_FAILED)
        finish_failed(r, r->job.why, r->job.may_be_too_old);
    else
        finish(r, r->job.error, r->job.why, NULL);
    found_done(&r->job.found);
    look_whether_gone(r);
}

/* Takes `text` over: it may be long, and is not copied in the loop's thread. */
static void start_reading(struct run *r, char *text, size_t len, bool of_helper)
{
    r->job.text = text;
    r->job.len = len;
    r->job.of_helper = of_helper;
    r->reading = true;
    r->work.data = r;
    (void)uv_queue_work(r->tools->loop, &r->work, read_answer, on_read);
}

/* ---- the program ---- */

static void log_complaint(const struct run *r, const char *errors)
{
    if (errors[0] != '\0')
        log_debug("extract", "yt-dlp, of %s: %s", r->what, errors);
}

static void on_program_ended(struct child *child, void *arg)
{
    struct run *r = arg;
    log_complaint(r, child_errors(child));
    if (child_succeeded(child) && !r->over) {
        size_t len;
        char *text = buf_take(child_output(child), &len);
        start_reading(r, text, len, false);
    } else if (child_wrote_too_much(child)) {
        finish_failed(r, "what yt-dlp says is too long", false);
    } else {
        char why[COMPLAINT_MAX];
        bool may_be_too_old = complaint_read(child_errors(child), why);
        finish_failed(r, why, may_be_too_old);
    }
    r->child = NULL;
    child_free(child);
    look_whether_gone(r);
}

static void start_program(struct run *r)
{
    static const struct child_ops ops = { .ended = on_program_ended };
    const struct run_tools *tools = r->tools;
    const char *argv[ARGV_MAX];
    char number[16];
    size_t n = 0;
    if (tools->confine) {
        argv[n++] = tools->confine;
        argv[n++] = "--";
    }
    struct ytdlp_call call = {
        .program = r->program,
        .version = tools->version,
        .proxy = tools->proxy,
        .what = r->what,
        .socket_timeout_s = run_socket_timeout_s(tools),
    };
    ytdlp_arguments(&call, number, argv + n);
    struct child_config config = {
        .argv = argv, .env = tools->env, .confined = tools->confine, .output_max = RUN_OUTPUT_MAX
    };
    int e = child_new(tools->loop, &config, &ops, r, &r->child);
    if (e < 0) {
        char why[RUN_WHY_MAX];
        (void)snprintf(why, sizeof why, "yt-dlp cannot be started: %s", strerror(-e));
        finish_failed(r, why, false);
    }
}

static void on_helper(char *line, size_t len, const char *why, void *arg)
{
    struct run *r = arg;
    r->helper = NULL;
    if (line) {
        start_reading(r, line, len, true);
        return;
    }
    log_debug("extract", "the program is run instead of a helper (%s)", why);
    start_program(r);
}

/* ---- the beginning ---- */

unsigned run_socket_timeout_s(const struct run_tools *tools)
{
    uint64_t s = tools->timeout_ms / 2000;
    return s < 1 ? 1 : s > 30 ? 30 : (unsigned)s;
}

static void begin(uv_timer_t *timer)
{
    struct run *r = timer->data;
    char python[PATH_MAX];
    if (ytdlp_find(r->tools->program, r->program) < 0) {
        finish_failed(r,
                      "yt-dlp, which finds the stream behind a page, is not installed (" RUN_ADVICE
                      ", or --yt-dlp PATH)",
                      false);
        return;
    }
    (void)uv_timer_start(&r->timer, on_time_over, r->tools->timeout_ms, 0);
    if (r->tools->helpers && ytdlp_find_python(r->program, python) == 0)
        r->helper = helpers_ask(r->tools->helpers, r->program, python, r->what, on_helper, r);
    if (!r->helper)
        start_program(r);
}

struct run *run_new(const struct run_tools *tools, const char *what, const struct run_ops *ops,
                    void *arg)
{
    struct run *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->tools = tools;
    r->ops = ops;
    r->arg = arg;
    r->what = strdup(what);
    if (!r->what) {
        free(r);
        return NULL;
    }
    return r;
}

void run_begin(struct run *r)
{
    (void)uv_timer_init(r->tools->loop, &r->timer);
    r->timer.data = r;
    (void)uv_timer_start(&r->timer, begin, 0, 0);
}
