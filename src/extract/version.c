#include "extract/version.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "extract/child.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    DELAY_MS = 2000, /* after the start, when others have more urgent things to do */
    PATIENCE_MS = 30000,
    OUTPUT_MAX = 4096,
    ARGV_MAX = 8,
};

struct version_check {
    const struct run_tools *tools;
    void (*fn)(const char *version, void *arg);
    void *arg;
    uv_timer_t timer;
    struct child *child;
};

void version_note(char known[YTDLP_VERSION_MAX], const char *version)
{
    char clean[YTDLP_VERSION_MAX];
    (void)text_sanitise(clean, sizeof clean, version);
    if (strcmp(known, clean) == 0)
        return;
    (void)snprintf(known, YTDLP_VERSION_MAX, "%s", clean);
    int days = ytdlp_age_days(known, (int64_t)time(NULL));
    if (days > YTDLP_OLD_DAYS)
        log_warn("extract",
                 "yt-dlp %s is %d days old, and sites change: expect pages that cannot be played. "
                 "Update it (%s)",
                 known, days, RUN_ADVICE);
    else
        log_info("extract", "yt-dlp %s", known);
}

static void on_ended(struct child *child, void *arg)
{
    struct version_check *v = arg;
    struct buf *output = child_output(child);
    char line[OUTPUT_MAX + 1];
    size_t len = buf_len(output);
    (void)uv_timer_stop(&v->timer);
    if (len > 0)
        memcpy(line, buf_head(output), len);
    line[len] = '\0';
    line[strcspn(line, "\n")] = '\0';
    if (child_succeeded(child) && line[0] != '\0')
        v->fn(line, v->arg);
    else
        log_warn("extract", "yt-dlp does not tell its version: it may not work (%s)",
                 child_errors(child));
    child_free(TAKE_PTR(v->child));
}

static void on_patience_over(uv_timer_t *timer)
{
    struct version_check *v = timer->data;
    child_end(v->child);
}

static void on_time(uv_timer_t *timer)
{
    static const struct child_ops ops = { .ended = on_ended };
    struct version_check *v = timer->data;
    const struct run_tools *tools = v->tools;
    char program[PATH_MAX];
    const char *argv[ARGV_MAX];
    size_t n = 0;
    if (ytdlp_find(tools->program, program) < 0) {
        log_warn("extract",
                 "there is no yt-dlp%s%s: pages (YouTube, SoundCloud, …) and search terms cannot "
                 "be played. Install it (%s), or say where it is (--yt-dlp PATH)",
                 tools->program ? " at " : "", tools->program ? tools->program : "", RUN_ADVICE);
        return;
    }
    if (tools->confine) {
        argv[n++] = tools->confine;
        argv[n++] = "--";
    }
    argv[n++] = program;
    argv[n++] = "--ignore-config";
    argv[n++] = "--version";
    argv[n] = NULL;
    struct child_config config = { .argv = argv,
                                   .env = tools->env,
                                   .confined = tools->confine,
                                   .gently = true,
                                   .output_max = OUTPUT_MAX };
    int r = child_new(tools->loop, &config, &ops, v, &v->child);
    if (r < 0)
        log_warn("extract", "%s cannot be run: %s", program, strerror(-r));
    else
        (void)uv_timer_start(&v->timer, on_patience_over, PATIENCE_MS, 0);
}

int version_check_new(const struct run_tools *tools, void (*fn)(const char *version, void *arg),
                      void *arg, struct version_check **ret_check)
{
    struct version_check *v = calloc(1, sizeof *v);
    if (!v)
        return -ENOMEM;
    *v = (struct version_check){ .tools = tools, .fn = fn, .arg = arg };
    (void)uv_timer_init(tools->loop, &v->timer);
    v->timer.data = v;
    (void)uv_timer_start(&v->timer, on_time, DELAY_MS, 0);
    *ret_check = v;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void version_check_free(struct version_check *v)
{
    if (!v)
        return;
    child_free(TAKE_PTR(v->child));
    uv_close((uv_handle_t *)&v->timer, on_closed);
}
