#include "server/audio.h"

#include "base/buf.h"
#include "base/complaints.h"
#include "base/container.h"
#include "proto/attach.h"
#include "server/client_limits.h"
#include "server/turn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

struct audio_conn {
    struct audio_conn *prev, *next;
    struct audio *all;
    int fd;
    uv_poll_t poll;
    bool closing;
    struct tap tap;
    struct buf lines;
};

struct audio {
    struct audio_config config;
    struct audio_conn *conns; /* utlist */
    unsigned n_conns;
    struct complaints complaints;
    struct turn turn;
    bool freed;
    struct taps taps;
};

int audio_new(const struct audio_config *config, struct audio **ret_audio)
{
    struct audio *a = calloc(1, sizeof *a);
    if (!a)
        return -ENOMEM;
    a->config = *config;
    *ret_audio = a;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct audio_conn *c = handle->data;
    struct audio *a = c->all;
    (void)close(c->fd);
    DL_DELETE(a->conns, c);
    buf_done(&c->lines);
    credits_clear(&c->tap.credits);
    free(c);
    if (--a->n_conns == 0 && a->freed)
        free(a);
}

static void close_conn(struct audio_conn *c)
{
    if (c->closing)
        return;
    c->closing = true;
    batch_done(&c->tap.batch); /* the end markers of a shutdown leave */
    (void)uv_poll_stop(&c->poll);
    (void)shutdown(c->fd, SHUT_RDWR);
    uv_close((uv_handle_t *)&c->poll, on_closed);
    tap_off(&c->all->taps, &c->tap);
}

void audio_free(struct audio *a)
{
    struct audio_conn *c, *tmp;
    if (!a)
        return;
    a->freed = true;
    DL_FOREACH_SAFE(a->conns, c, tmp)
    {
        close_conn(c);
    }
    if (a->n_conns == 0)
        free(a);
}

struct taps *audio_taps(struct audio *a)
{
    return &a->taps;
}

uint64_t audio_dropped(const struct audio *a)
{
    return a->taps.batches.n_dropped;
}

void audio_flush(struct audio *a)
{
    batches_flush(&a->taps.batches);
}

void audio_close_attached(struct outlet_set *s)
{
    if (s->tap)
        close_conn(CONTAINER_OF(s->tap, struct audio_conn, tap));
}

/* ---- frames out ---- */

static struct audio_conn *from_batch(struct batch *b)
{
    return CONTAINER_OF(b, struct audio_conn, tap.batch);
}

static void on_event(uv_poll_t *poll, int status, int events);

static void on_broken(struct batch *b, int e)
{
    struct audio_conn *c = from_batch(b);
    if (e == -ENOBUFS || e == -ENOMEM)
        complaints_log(&c->all->complaints, LOG_WARN, "server",
                       "an audio connection that leaves %zu bytes unread is closed: %s",
                       batch_waiting_bytes(b),
                       e == -ENOBUFS ? "they are too many, and may not be dropped" : strerror(-e));
    close_conn(c);
}

static void on_waits(struct batch *b, bool waits)
{
    struct audio_conn *c = from_batch(b);
    (void)uv_poll_start(&c->poll, UV_READABLE | (waits ? UV_WRITABLE : 0), on_event);
    if (!waits)
        tap_go_on(&c->tap, 0);
}

static void on_slow(struct batch *b, uint64_t whose, uint64_t channel, uint64_t n_dropped)
{
    const struct audio_config *config = &from_batch(b)->all->config;
    config->ops.slow(whose, channel, n_dropped, config->ops.arg);
}

static const struct batch_ops batch_ops = {
    .broken = on_broken,
    .waits = on_waits,
    .slow = on_slow,
};

/* ---- lines in ---- */

static void take_attach(struct audio_conn *c, const struct attach_line *l)
{
    const struct audio_ops *ops = &c->all->config.ops;
    struct outlet_set *set = ops->find(l->client, ops->arg);
    if (!set) {
        complaints_log(&c->all->complaints, LOG_INFO, "server",
                       "an audio connection names an unknown client and is closed");
        close_conn(c);
        return;
    }
    if (set->tap != &c->tap) {
        audio_close_attached(set);
        tap_off(&c->all->taps, &c->tap);
    }
    credits_clear(&c->tap.credits);
    c->tap.is_credit_flow = l->credit_flow;
    batch_keep_all(&c->tap.batch, l->credit_flow);
    batch_put(&c->tap.batch, set->owner, 0, 0, NULL, 0);
    audio_flush(c->all);
    if (!c->closing)
        tap_attach(&c->tap, set, l->marks);
}

/* Credit begins with the attachment that it is for: what comes before, or in paced flow, is none.
 */
static void take_credit(struct audio_conn *c, const struct attach_line *l)
{
    if (!c->tap.set || !c->tap.is_credit_flow || tap_has_call(&c->all->taps, l->channel))
        return;
    if (credits_give(&c->tap.credits, l->channel, l->frames) < 0) {
        complaints_log(&c->all->complaints, LOG_WARN, "server",
                       "an audio connection is closed: out of memory for its credit");
        close_conn(c);
        return;
    }
    tap_go_on(&c->tap, l->channel);
}

static void take_line(struct audio_conn *c, const char *line, size_t len)
{
    struct attach_line l;
    if (attach_parse(line, len, &l) < 0) {
        complaints_log(&c->all->complaints, LOG_INFO, "server",
                       "an audio connection wrote an ill-formed line and is closed");
        close_conn(c);
    } else if (l.is_credit) {
        take_credit(c, &l);
    } else {
        take_attach(c, &l);
    }
}

static void take_lines(struct audio_conn *c)
{
    while (!c->closing) {
        const char *head = buf_head(&c->lines);
        const char *newline = buf_len(&c->lines) ? memchr(head, '\n', buf_len(&c->lines)) : NULL;
        if (!newline)
            break;
        size_t len = (size_t)(newline - head);
        take_line(c, head, len);
        if (!c->closing)
            buf_consume(&c->lines, len + 1);
    }
    if (!c->closing && buf_len(&c->lines) > ATTACH_LINE_MAX)
        close_conn(c);
}

/* Few lines are taken at a time. Where there is no time left in this turn the loop says in the next
 * one, too, that there is something to read. */
static void on_readable(struct audio_conn *c)
{
    if (turn_is_over(&c->all->turn, c->all->config.loop))
        return;
    char *room = buf_reserve(&c->lines, ATTACH_LINE_MAX);
    ssize_t n = room ? recv(c->fd, room, ATTACH_LINE_MAX, MSG_DONTWAIT) : -1;
    if (n < 0 && room && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        close_conn(c);
        return;
    }
    buf_commit(&c->lines, (size_t)n);
    take_lines(c);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct audio_conn *c = poll->data;
    if (status < 0) {
        close_conn(c);
        return;
    }
    if (events & UV_READABLE)
        on_readable(c);
    if ((events & UV_WRITABLE) && !c->closing)
        batch_resume(&c->tap.batch);
}

void audio_accept(struct audio *a, int fd)
{
    struct audio_conn *c = a->n_conns < a->config.max_connections ? calloc(1, sizeof *c) : NULL;
    if (!c || batch_init(&c->tap.batch, &a->taps.batches, fd, &batch_ops) < 0 ||
        uv_poll_init(a->config.loop, &c->poll, fd) < 0) {
        complaints_log(&a->complaints, LOG_WARN, "server",
                       "an audio connection is refused: too many, or out of memory");
        if (c && c->tap.batch.of)
            batch_done(&c->tap.batch);
        free(c);
        (void)close(fd);
        return;
    }
    c->all = a;
    c->fd = fd;
    c->poll.data = c;
    buf_init(&c->lines, 2 * ATTACH_LINE_MAX + 1);
    DL_APPEND(a->conns, c);
    a->n_conns++;
    (void)uv_poll_start(&c->poll, UV_READABLE, on_event);
    tap_open(&a->taps, &c->tap);
}
