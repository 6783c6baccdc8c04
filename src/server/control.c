#include "server/control.h"

#include "base/clock.h"
#include "proto/command.h"
#include "proto/event_json.h"
#include "server/client_limits.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

struct control_conn *control_find(struct controls *all, uint64_t number)
{
    struct control_conn *c;
    HASH_FIND(hh, all->by_number, &number, sizeof number, c);
    return c;
}

static void on_closed(uv_handle_t *handle)
{
    struct control_conn *c = handle->data;
    free(c->line.data);
    buf_done(&c->rest);
    buf_done(&c->in_flight);
    buf_done(&c->unsent);
    free(c);
}

/* ---- lines out ---- */

static void on_idle(uv_idle_t *idle);

/* The loop comes round at once, for as long as there is something to say or to hear. */
static void start_idle(struct controls *all)
{
    (void)uv_idle_start(&all->idle, on_idle);
}

static void stop_idle_if_done(struct controls *all)
{
    if (!all->waiting && !all->telling)
        (void)uv_idle_stop(&all->idle);
}

static void leave_waiting(struct control_conn *c)
{
    if (!c->waits)
        return;
    c->waits = false;
    DL_DELETE(c->all->waiting, c);
    stop_idle_if_done(c->all);
}

static void leave_telling(struct control_conn *c)
{
    if (!c->tells)
        return;
    c->tells = false;
    DL_DELETE2(c->all->telling, c, tell_prev, tell_next);
    stop_idle_if_done(c->all);
}

/* What the socket takes at once of what has been said still leaves. */
static void try_unsent(struct control_conn *c)
{
    uv_buf_t buf = uv_buf_init(buf_head(&c->unsent), (unsigned)buf_len(&c->unsent));
    int n = c->is_writing || buf.len == 0 ? 0 : uv_try_write((uv_stream_t *)&c->pipe, &buf, 1);
    if (n > 0)
        buf_consume(&c->unsent, (size_t)n);
}

void control_close(struct control_conn *c)
{
    if (c->closing)
        return;
    c->closing = true;
    leave_waiting(c);
    leave_telling(c);
    try_unsent(c);
    HASH_DEL(c->all->by_number, c);
    uv_close((uv_handle_t *)&c->pipe, on_closed);
    c->all->ops.closed(c, c->all->ops.arg);
}

static void on_shut(uv_shutdown_t *request, int status)
{
    control_close(request->handle->data);
}

static void shut(struct control_conn *c)
{
    if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->pipe, on_shut) < 0)
        control_close(c);
}

static void write_unsent(struct control_conn *c);

static void on_written(uv_write_t *request, int status)
{
    struct control_conn *c = request->handle->data;
    c->is_writing = false;
    buf_consume(&c->in_flight, buf_len(&c->in_flight));
    if (status < 0)
        control_close(c);
    else if (buf_len(&c->unsent) > 0)
        write_unsent(c);
    else if (c->finishing)
        shut(c);
}

/* All that waits becomes one write: a line of its own for each would cost more than it holds. */
static void write_unsent(struct control_conn *c)
{
    struct buf empty = c->in_flight;
    c->in_flight = c->unsent;
    c->unsent = empty;
    uv_buf_t buf = uv_buf_init(buf_head(&c->in_flight), (unsigned)buf_len(&c->in_flight));
    c->is_writing = uv_write(&c->write, (uv_stream_t *)&c->pipe, &buf, 1, on_written) == 0;
    if (!c->is_writing)
        control_close(c);
}

/* Tells the other side what has been said; what its socket does not take leaves when it can. */
static void tell(struct control_conn *c)
{
    leave_telling(c);
    try_unsent(c);
    if (buf_len(&c->unsent) > 0 && !c->is_writing)
        write_unsent(c);
}

static size_t unread_bytes(const struct control_conn *c)
{
    return buf_len(&c->unsent) + uv_stream_get_write_queue_size((const uv_stream_t *)&c->pipe);
}

static void tell_soon(struct control_conn *c)
{
    if (c->tells || c->is_writing)
        return;
    c->tells = true;
    DL_APPEND2(c->all->telling, c, tell_prev, tell_next);
    start_idle(c->all);
}

void control_send(struct control_conn *c, const char *line, size_t len)
{
    if (c->closing)
        return;
    if (unread_bytes(c) > LIMIT_CONTROL_UNREAD_BYTES && c->tells)
        tell(c); /* it had no occasion to read yet */
    size_t unread = unread_bytes(c);
    if (!c->closing && unread > LIMIT_CONTROL_UNREAD_BYTES) {
        complaints_log(&c->all->complaints, LOG_WARN, "server",
                       "a control connection leaves %zu bytes unread and is closed", unread);
        control_close(c);
    }
    if (c->closing)
        return;
    if (!line || buf_append(&c->unsent, line, len) < 0)
        control_close(c);
    else
        tell_soon(c);
}

/* Few are told in a turn of the loop: a write is a system call that wakes somebody, and hundreds
 * may watch, while the pacer waits for its turn. */
static void tell_some(struct controls *all)
{
    uint64_t end_ns = clock_now_ns() + LIMIT_TELL_US * NS_PER_US;
    while (all->telling && clock_now_ns() < end_ns)
        tell(all->telling);
}

/* ---- lines in ---- */

static int line_append(struct control_conn *c, const char *bytes, size_t len)
{
    char *data = realloc(c->line.data, c->line.len + len);
    if (!data)
        return -1;
    memcpy(data + c->line.len, bytes, len);
    c->line.data = data;
    c->line.len += len;
    return 0;
}

static void line_reset(struct control_conn *c)
{
    free(c->line.data);
    c->line = (struct line_buf){ 0 };
}

/* Keeps the beginning of a line whose end has not come yet. */
static void keep(struct control_conn *c, const char *bytes, size_t len)
{
    if (len == 0 || c->skipping)
        return;
    if (c->line.len + len > COMMAND_LINE_MAX) {
        line_reset(c);
        c->skipping = true;
        c->all->ops.line_too_long(c, c->all->ops.arg);
    } else if (line_append(c, bytes, len) < 0) {
        control_close(c);
    }
}

static void end_line(struct control_conn *c, const char *bytes, size_t len)
{
    void *arg = c->all->ops.arg;
    if (c->skipping) {
        c->skipping = false;
    } else if (c->line.len + len > COMMAND_LINE_MAX) {
        line_reset(c);
        c->all->ops.line_too_long(c, arg);
    } else if (c->line.len == 0) {
        c->all->ops.line(c, bytes, len, arg);
    } else if (line_append(c, bytes, len) < 0) {
        control_close(c);
    } else {
        c->all->ops.line(c, c->line.data, c->line.len, arg);
        line_reset(c);
    }
}

static bool no_time_left(struct controls *all)
{
    return turn_is_over(&all->turn, all->loop);
}

/* Takes lines until they are so many that others have their turn. Returns how many bytes were
 * taken. */
static size_t take_bytes(struct control_conn *c, const char *bytes, size_t len)
{
    size_t taken = 0;
    for (unsigned i = 0; i < LIMIT_CONTROL_VISIT_LINES && taken < len && !c->closing; i++) {
        const char *newline = memchr(bytes + taken, '\n', len - taken);
        if (!newline) {
            keep(c, bytes + taken, len - taken);
            return len;
        }
        size_t n = (size_t)(newline - bytes) - taken;
        end_line(c, bytes + taken, n);
        taken += n + 1;
        if (no_time_left(c->all))
            break;
    }
    return taken;
}

static void start_reading(struct control_conn *c);

/* The first in the line of those that wait says what it has to say. Once nothing of it waits it is
 * read from again. */
static void visit_first(struct controls *all)
{
    struct control_conn *c = all->waiting;
    buf_consume(&c->rest, take_bytes(c, buf_head(&c->rest), buf_len(&c->rest)));
    if (c->closing)
        return;
    if (buf_len(&c->rest) > 0) {
        DL_DELETE(all->waiting, c);
        DL_APPEND(all->waiting, c);
    } else {
        leave_waiting(c);
        start_reading(c);
    }
}

static void on_idle(uv_idle_t *idle)
{
    struct controls *all = idle->data;
    tell_some(all);
    while (all->waiting && !no_time_left(all))
        visit_first(all);
}

static void wait_for_turn(struct control_conn *c)
{
    (void)uv_read_stop((uv_stream_t *)&c->pipe);
    DL_APPEND(c->all->waiting, c);
    c->waits = true;
    start_idle(c->all);
}

/* Without a buffer nothing is read, and libuv says UV_ENOBUFS. */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    /* One thread, and what waits is copied before the next read. */
    static char bytes[LIMIT_CONTROL_READ_BYTES];
    const struct control_conn *c = handle->data;
    *buf = uv_buf_init(bytes, no_time_left(c->all) ? 0 : sizeof bytes);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct control_conn *c = stream->data;
    if (n < 0 && n != UV_ENOBUFS) {
        control_close(c);
        return;
    }
    size_t len = n > 0 ? (size_t)n : 0;
    size_t taken = take_bytes(c, buf->base, len);
    if (c->closing)
        return;
    if (buf_append(&c->rest, buf->base + taken, len - taken) < 0)
        control_close(c);
    else if (n < 0 || taken < len || len == buf->len) /* there may be more */
        wait_for_turn(c);
}

static void start_reading(struct control_conn *c)
{
    (void)uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
}

/* Says why before it closes: the line is short enough for any fresh socket. */
static void refuse(struct controls *all, int fd, const char *why)
{
    struct event e = { .type = EVENT_ERROR, .error = TUTTI_E_INTERNAL, .message = why };
    char *line = event_json_line(&e, NULL);
    complaints_log(&all->complaints, LOG_WARN, "server", "a control connection is refused: %s",
                   why);
    if (line)
        (void)send(fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL);
    free(line);
    (void)close(fd);
}

void control_accept(struct controls *all, int fd)
{
    if (HASH_CNT(hh, all->by_number) >= all->max_connections) {
        refuse(all, fd, "there are too many control connections");
        return;
    }
    struct control_conn *c = calloc(1, sizeof *c);
    if (!c) {
        refuse(all, fd, "out of memory");
        return;
    }
    c->all = all;
    c->number = ++all->last_number;
    (void)uv_pipe_init(all->loop, &c->pipe, 0);
    c->pipe.data = c;
    buf_init(&c->rest, LIMIT_CONTROL_READ_BYTES);
    buf_init(&c->in_flight, SIZE_MAX);
    buf_init(&c->unsent, SIZE_MAX); /* the limit is unread_bytes', which permits one line more */
    c->rest.keep = c->in_flight.keep = c->unsent.keep = 0;
    HASH_ADD(hh, all->by_number, number, sizeof c->number, c);
    if (!c->hh.tbl || uv_pipe_open(&c->pipe, fd) < 0) {
        (void)close(fd);
        if (c->hh.tbl)
            HASH_DEL(all->by_number, c);
        uv_close((uv_handle_t *)&c->pipe, on_closed);
        return;
    }
    all->ops.opened(c, all->ops.arg);
    if (!c->closing)
        start_reading(c);
}

void controls_init(struct controls *all, uv_loop_t *loop, const struct control_ops *ops,
                   unsigned max_connections)
{
    *all = (struct controls){ .loop = loop, .ops = *ops, .max_connections = max_connections };
    (void)uv_idle_init(loop, &all->idle);
    all->idle.data = all;
}

void control_finish(struct control_conn *c)
{
    leave_waiting(c);
    (void)uv_read_stop((uv_stream_t *)&c->pipe);
    c->finishing = true;
    tell(c);
    if (!c->is_writing && !c->closing)
        shut(c);
}

void controls_finish(struct controls *all)
{
    struct control_conn *c, *tmp;
    if (!uv_is_closing((uv_handle_t *)&all->idle))
        uv_close((uv_handle_t *)&all->idle, NULL);
    HASH_ITER(hh, all->by_number, c, tmp)
    {
        control_finish(c);
    }
}
