#include "server/control.h"

#include "proto/command.h"
#include "proto/event.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { UNREAD_MAX = 1 << 20, READ_BYTES = 65536 };

struct write {
    uv_write_t request;
    char *line;
};

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
    free(c);
}

void control_close(struct control_conn *c)
{
    if (c->closing)
        return;
    c->closing = true;
    HASH_DEL(c->all->by_number, c);
    uv_close((uv_handle_t *)&c->pipe, on_closed);
    c->all->ops.closed(c, c->all->ops.arg);
}

static void on_written(uv_write_t *request, int status)
{
    struct write *w = (struct write *)request;
    struct control_conn *c = request->handle->data;
    free(w->line);
    free(w);
    if (status < 0)
        control_close(c);
}

static int send_later(struct control_conn *c, char *line, size_t sent)
{
    struct write *w = calloc(1, sizeof *w);
    if (!w)
        return UV_ENOMEM;
    w->line = line;
    uv_buf_t buf = uv_buf_init(line + sent, (unsigned)strlen(line + sent));
    int r = uv_write(&w->request, (uv_stream_t *)&c->pipe, &buf, 1, on_written);
    if (r < 0)
        free(w);
    return r;
}

void control_send(struct control_conn *c, char *line)
{
    if (c->closing || !line) {
        free(line);
        control_close(c);
        return;
    }
    size_t unread = uv_stream_get_write_queue_size((uv_stream_t *)&c->pipe);
    if (unread > UNREAD_MAX) {
        complaints_log(&c->all->complaints, LOG_WARN, "server",
                       "a control connection leaves %zu bytes unread and is closed", unread);
        free(line);
        control_close(c);
        return;
    }
    size_t len = strlen(line);
    uv_buf_t buf = uv_buf_init(line, (unsigned)len);
    int n = unread == 0 ? uv_try_write((uv_stream_t *)&c->pipe, &buf, 1) : 0;
    size_t sent = n > 0 ? (size_t)n : 0;
    if (sent == len) {
        free(line);
        return;
    }
    if ((n < 0 && n != UV_EAGAIN) || send_later(c, line, sent) < 0) {
        free(line);
        control_close(c);
    }
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

static void take_bytes(struct control_conn *c, const char *bytes, size_t len)
{
    while (len > 0 && !c->closing) {
        const char *newline = memchr(bytes, '\n', len);
        if (!newline) {
            keep(c, bytes, len);
            return;
        }
        size_t n = (size_t)(newline - bytes);
        end_line(c, bytes, n);
        bytes += n + 1;
        len -= n + 1;
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    /* One thread, and the bytes are used up before the next read. */
    static char bytes[READ_BYTES];
    *buf = uv_buf_init(bytes, sizeof bytes);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct control_conn *c = stream->data;
    if (n < 0)
        control_close(c);
    else
        take_bytes(c, buf->base, (size_t)n);
}

/* Says why before it closes: the line is short enough for any fresh socket. */
static void refuse(struct controls *all, int fd, const char *why)
{
    struct event e = { .type = EVENT_ERROR, .error = TUTTI_E_INTERNAL, .message = why };
    char *line = event_format(&e, NULL);
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
        (void)uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
}

static void on_shut(uv_shutdown_t *request, int status)
{
    control_close(request->handle->data);
    free(request);
}

void controls_finish(struct controls *all)
{
    struct control_conn *c, *tmp;
    HASH_ITER(hh, all->by_number, c, tmp)
    {
        uv_shutdown_t *request = calloc(1, sizeof *request);
        (void)uv_read_stop((uv_stream_t *)&c->pipe);
        if (!request || uv_shutdown(request, (uv_stream_t *)&c->pipe, on_shut) < 0) {
            free(request);
            control_close(c);
        }
    }
}
