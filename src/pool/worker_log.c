#include "pool/worker_log.h"

#include "base/bucket.h"
#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE_BYTES = 1024, /* what is longer is taken for several lines */
    LINES_BURST = 500, /* at once … */
    LINE_MS = 100,     /* … and one more in this time, for ever; */
    LINE_DEBUG_MS = 2, /* a person who debugs wants to read all */
    PAUSE_MS = 500,
};

struct worker_log {
    uv_loop_t *loop;
    uv_poll_t poll;
    uv_timer_t pause;
    int read_fd, write_fd;
    unsigned open_handles;
    struct bucket bucket;
    bool is_flooded; /* since it was last empty */
    size_t len;
    char bytes[LINE_BYTES]; /* of lines that were not logged yet */
};

static void on_readable(uv_poll_t *poll, int status, int events);

/* Returns false if there is no whole line. */
static bool next_line(struct worker_log *l, char ret_line[LINE_BYTES + 1])
{
    for (;;) {
        const char *end = memchr(l->bytes, '\n', l->len);
        if (end || l->len == LINE_BYTES) {
            size_t n = end ? (size_t)(end - l->bytes) : l->len;
            memcpy(ret_line, l->bytes, n);
            ret_line[n] = '\0';
            l->len -= n + (end != NULL);
            memmove(l->bytes, l->bytes + n + (end != NULL), l->len);
            return true;
        }
        ssize_t n = read(l->read_fd, l->bytes + l->len, LINE_BYTES - l->len);
        if (n <= 0)
            return false;
        l->len += (size_t)n;
    }
}

/* The level is the one that the worker says, if it says one: nobody else is meant to read it. */
static void say(const char *line)
{
    enum log_level level = LOG_ERROR;
    char name[8];
    int n = 0;
    if (sscanf(line, "tutti-worker: %7[a-z]: %n", name, &n) == 1 && n > 0 &&
        log_level_parse(name, &level) == 0)
        line += n;
    if (*line != '\0')
        log_line(level, "worker", "%s", line);
}

static void on_pause_over(uv_timer_t *timer)
{
    struct worker_log *l = timer->data;
    (void)uv_poll_start(&l->poll, UV_READABLE, on_readable);
    on_readable(&l->poll, 0, UV_READABLE);
}

/* It is not read for a while: a process that writes so much fills the pipe, and writes no more. */
static void hold_off(struct worker_log *l)
{
    if (!l->is_flooded)
        log_warn("pool", "workers write too much: it comes later, or not at all");
    l->is_flooded = true;
    (void)uv_poll_stop(&l->poll);
    (void)uv_timer_start(&l->pause, on_pause_over, PAUSE_MS, 0);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct worker_log *l = poll->data;
    uint64_t now_ms = uv_now(l->loop), line_ms = log_enabled(LOG_DEBUG) ? LINE_DEBUG_MS : LINE_MS;
    char line[LINE_BYTES + 1];
    while (bucket_has_token(&l->bucket, now_ms, line_ms, LINES_BURST)) {
        if (!next_line(l, line)) {
            l->is_flooded = false;
            return;
        }
        bucket_take(&l->bucket, now_ms, line_ms);
        say(line);
    }
    hold_off(l);
}

int worker_log_new(uv_loop_t *loop, struct worker_log **ret_log)
{
    int pair[2];
    if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    AUTO_FD int read_fd = pair[0];
    AUTO_FD int write_fd = pair[1];
    struct worker_log *l = calloc(1, sizeof *l);
    if (!l)
        return -ENOMEM;
    int r = uv_poll_init(loop, &l->poll, read_fd);
    if (r < 0) {
        free(l);
        return r;
    }
    (void)uv_timer_init(loop, &l->pause);
    l->loop = loop;
    l->poll.data = l->pause.data = l;
    l->open_handles = 2;
    l->read_fd = TAKE_FD(read_fd);
    l->write_fd = TAKE_FD(write_fd);
    (void)uv_poll_start(&l->poll, UV_READABLE, on_readable);
    *ret_log = l;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct worker_log *l = handle->data;
    if (--l->open_handles > 0)
        return;
    (void)close(l->read_fd);
    free(l);
}

/* Nothing comes after it: what is left is a line. */
void worker_log_free(struct worker_log *l)
{
    char line[LINE_BYTES + 1];
    if (!l)
        return;
    (void)close(l->write_fd);
    for (unsigned i = 0; i < LINES_BURST && next_line(l, line); i++)
        say(line);
    memcpy(line, l->bytes, l->len);
    line[l->len] = '\0';
    say(line);
    uv_close((uv_handle_t *)&l->poll, on_closed);
    uv_close((uv_handle_t *)&l->pause, on_closed);
}

int worker_log_fd(const struct worker_log *l)
{
    return l->write_fd;
}
