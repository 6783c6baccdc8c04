#include "server/audio.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/complaints.h"
#include "proto/attach.h"
#include "proto/frame.h"
#include "server/client_limits.h"
#include "server/credits.h"
#include "server/outqueue.h"
#include "server/turn.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utlist.h>

enum {
    SOCKET_BUFFER_BYTES = 65536, /* at first: it grows with the batches */
    SOCKET_BUFFER_MAX = 4 << 20,
    BATCH_BYTES_MAX = 8 << 20,
    BATCH_KEEP_BYTES = 1 << 20, /* the frames of every tick must not be allocated anew */
    PIECES_A_WRITE = 64,
};

#define SLOW_WARNING_NS NS_PER_S

struct audio_conn {
    struct audio_conn *prev, *next;
    struct audio_conn *next_dirty; /* rt: the list of those to flush */
    struct audio *all;
    int fd;
    uv_poll_t poll;
    bool closing;
    struct client *client; /* attached to, or NULL: never attached, or let go */
    bool ever_attached;
    bool credit_flow;
    struct buf lines;
    struct credits credits;
    struct {
        struct buf batch;       /* frames taken since the last flush */
        struct outqueue *queue; /* frames that the socket did not take */
        bool dirty;             /* in the list of those to flush */
        int socket_bytes;       /* asked for as the socket's buffer */
        uint64_t n_dropped;     /* since the last warning */
        uint64_t dropped_client, dropped_channel;
        uint64_t warned_ns;
    } rt;
};

struct audio {
    struct audio_config config;
    struct audio_conn *conns; /* utlist */
    unsigned n_conns;
    struct complaints complaints;
    struct turn turn;
    bool freed;
    struct {
        struct audio_conn *dirty;
        uint64_t n_dropped;
        size_t n_waiting_bytes; /* in the queues of all connections */
    } rt;
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

void audio_free(struct audio *a)
{
    struct audio_conn *c, *tmp;
    if (!a)
        return;
    a->freed = true;
    DL_FOREACH_SAFE(a->conns, c, tmp)
    {
        audio_close(c);
    }
    if (a->n_conns == 0)
        free(a);
}

uint64_t audio_dropped(const struct audio *a)
{
    return a->rt.n_dropped;
}

bool audio_is_credit_flow(const struct audio_conn *c)
{
    return c->credit_flow;
}

static void update_unattached(struct audio *a)
{
    const struct audio_conn *c;
    bool there_is = false;
    DL_FOREACH(a->conns, c)
    {
        there_is |= !c->ever_attached && !c->closing;
    }
    clients_set_unattached_listener(a->config.clients, there_is);
}

static void on_closed(uv_handle_t *handle)
{
    struct audio_conn *c = handle->data;
    struct audio *a = c->all;
    (void)close(c->fd);
    DL_DELETE(a->conns, c);
    buf_done(&c->lines);
    buf_done(&c->rt.batch);
    credits_clear(&c->credits);
    free(c);
    if (--a->n_conns == 0 && a->freed)
        free(a);
}

static void let_go(struct audio_conn *c)
{
    struct client *client = c->client;
    c->client = NULL;
    if (client && client->audio == c)
        client_set_audio(client, NULL);
}

void audio_close(struct audio_conn *c)
{
    if (c->closing)
        return;
    c->closing = true;
    /* What is still in hand leaves if the socket takes it: the end markers of a shutdown. */
    if (outqueue_is_empty(c->rt.queue) && buf_len(&c->rt.batch) > 0)
        (void)send(c->fd, buf_head(&c->rt.batch), buf_len(&c->rt.batch),
                   MSG_DONTWAIT | MSG_NOSIGNAL);
    outqueue_free(TAKE_PTR(c->rt.queue));
    if (c->rt.dirty) {
        LL_DELETE2(c->all->rt.dirty, c, next_dirty);
        c->rt.dirty = false;
    }
    (void)uv_poll_stop(&c->poll);
    (void)shutdown(c->fd, SHUT_RDWR);
    uv_close((uv_handle_t *)&c->poll, on_closed);
    let_go(c);
    update_unattached(c->all);
}

/* ---- frames out ---- */

static void on_event(uv_poll_t *poll, int status, int events);

static void watch_writable(struct audio_conn *c, bool on)
{
    (void)uv_poll_start(&c->poll, UV_READABLE | (on ? UV_WRITABLE : 0), on_event);
}

/* Says why: an ENOBUFS is about what may not be dropped. */
static void close_for(struct audio_conn *c, int e)
{
    complaints_log(&c->all->complaints, LOG_WARN, "server",
                   "an audio connection that leaves %zu bytes unread is closed: %s",
                   outqueue_bytes(c->rt.queue),
                   e == -ENOBUFS ? "they are too many, and may not be dropped" : strerror(-e));
    audio_close(c);
}

/* rt: a frame of this client's that must wait. Paced frames may be dropped for it. */
static void enqueue(struct audio_conn *c, uint64_t client, const uint8_t *frame, size_t size,
                    size_t sent)
{
    uint64_t n_dropped = 0;
    int r = outqueue_add(c->rt.queue, frame, size, sent, !c->credit_flow, &n_dropped);
    /* The warning names a channel of which a frame was dropped, or else one that waits. */
    bool names_channel = frame_channel(frame) != 0;
    if (names_channel && (n_dropped > 0 || c->rt.n_dropped == 0)) {
        c->rt.dropped_client = client;
        c->rt.dropped_channel = frame_channel(frame);
    }
    c->rt.n_dropped += n_dropped;
    c->all->rt.n_dropped += n_dropped;
    if (r < 0)
        close_for(c, r);
}

/* The socket took only `sent` bytes of the batch: the rest, cut into frames again, waits. Nothing
 * waits yet, and a batch has too few frames of a channel for any to be dropped. */
static void enqueue_rest(struct audio_conn *c, size_t sent)
{
    const uint8_t *at = (const uint8_t *)buf_head(&c->rt.batch);
    const uint8_t *end = at + buf_len(&c->rt.batch);
    while (at < end && !c->closing) {
        size_t size = frame_size(at);
        if (sent < size)
            enqueue(c, c->client ? c->client->number : 0, at, size, sent);
        sent -= sent < size ? sent : size;
        at += size;
    }
    if (!c->closing)
        watch_writable(c, true);
}

static void warn_if_slow(struct audio_conn *c)
{
    if (c->rt.n_dropped == 0)
        return;
    uint64_t now_ns = clock_now_ns();
    if (c->rt.warned_ns != 0 && now_ns - c->rt.warned_ns < SLOW_WARNING_NS)
        return;
    uint64_t n = c->rt.n_dropped;
    c->rt.n_dropped = 0;
    c->rt.warned_ns = now_ns;
    c->all->config.slow(c->rt.dropped_client, c->rt.dropped_channel, n, c->all->config.arg);
}

static void set_socket_buffer(struct audio_conn *c, int bytes)
{
    /* The privileged way is not held to net.core.wmem_max. */
    if (setsockopt(c->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
        (void)setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    c->rt.socket_bytes = bytes;
}

/* The batch of a tick must fit behind one that was not read yet: hundreds of channels need more
 * than a few do, for whom a small buffer tells a slow consumer soon. */
static void fit_socket_buffer(struct audio_conn *c)
{
    int bytes = c->rt.socket_bytes;
    while (bytes < SOCKET_BUFFER_MAX && buf_len(&c->rt.batch) > (size_t)bytes / 2)
        bytes *= 2;
    if (bytes != c->rt.socket_bytes)
        set_socket_buffer(c, bytes);
}

static void flush_conn(struct audio_conn *c)
{
    if (buf_len(&c->rt.batch) > 0) {
        fit_socket_buffer(c);
        ssize_t n =
            send(c->fd, buf_head(&c->rt.batch), buf_len(&c->rt.batch), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            audio_close(c);
            return;
        }
        size_t sent = n > 0 ? (size_t)n : 0;
        if (sent < buf_len(&c->rt.batch))
            enqueue_rest(c, sent);
        if (!c->closing)
            buf_consume(&c->rt.batch, buf_len(&c->rt.batch));
    }
    warn_if_slow(c);
}

static struct audio_conn *most_waiting(struct audio *a)
{
    struct audio_conn *c, *most = NULL;
    DL_FOREACH(a->conns, c)
    {
        if (!c->closing && (!most || outqueue_bytes(c->rt.queue) > outqueue_bytes(most->rt.queue)))
            most = c;
    }
    return most;
}

/* Half of what waits for it goes, or less where that will do. */
static void shed(struct audio_conn *c)
{
    size_t enough = outqueue_bytes(c->rt.queue) / 2;
    uint64_t n = 0;
    while (!c->credit_flow && c->all->rt.n_waiting_bytes > LIMIT_WAITING_BYTES_ALL &&
           outqueue_bytes(c->rt.queue) > enough && outqueue_drop(c->rt.queue))
        n++;
    c->rt.n_dropped += n;
    c->all->rt.n_dropped += n;
    if (n == 0)
        close_for(c, -ENOBUFS);
    else
        warn_if_slow(c);
}

void audio_flush(struct audio *a)
{
    while (a->rt.dirty) {
        struct audio_conn *c = a->rt.dirty;
        LL_DELETE2(a->rt.dirty, c, next_dirty);
        c->rt.dirty = false;
        if (!c->closing)
            flush_conn(c);
    }
    /* Who lets most wait gives way to the others, who may be slow for a moment only. */
    while (a->rt.n_waiting_bytes > LIMIT_WAITING_BYTES_ALL)
        shed(most_waiting(a));
}

/* rt: takes one frame for this connection. */
static void put_frame(struct audio_conn *c, uint64_t client, uint64_t channel, uint32_t sequence,
                      const uint8_t *packet, uint32_t len)
{
    if (c->closing)
        return;
    if (!c->rt.dirty) {
        LL_PREPEND2(c->all->rt.dirty, c, next_dirty);
        c->rt.dirty = true;
    }
    uint8_t *room = (uint8_t *)buf_reserve(&c->rt.batch, FRAME_HEAD_BYTES + len);
    if (!room) {
        complaints_log(&c->all->complaints, LOG_WARN, "server",
                       "an audio connection is closed: out of memory");
        audio_close(c);
        return;
    }
    frame_put_head(room, channel, sequence, len);
    if (len > 0)
        memcpy(room + FRAME_HEAD_BYTES, packet, len);
    if (outqueue_is_empty(c->rt.queue)) {
        buf_commit(&c->rt.batch, FRAME_HEAD_BYTES + len);
        return;
    }
    enqueue(c, client, room, FRAME_HEAD_BYTES + len, 0);
}

static struct client *client_of(struct outlet *o)
{
    return (struct client *)(void *)((char *)o - offsetof(struct client, outlet));
}

static void outlet_frame(struct outlet *o, uint64_t channel, uint32_t sequence,
                         const uint8_t *packet, uint32_t packet_len)
{
    struct client *client = client_of(o);
    if (client->ever_attached) {
        if (client->audio)
            put_frame(client->audio, client->number, channel, sequence, packet, packet_len);
        return;
    }
    struct audio *a = client->all->audio;
    struct audio_conn *c, *tmp;
    DL_FOREACH_SAFE(a->conns, c, tmp)
    {
        if (!c->ever_attached)
            put_frame(c, client->number, channel, sequence, packet, packet_len);
    }
}

static void outlet_mark(struct outlet *o, uint64_t channel, uint32_t sequence, const char *play_id,
                        int64_t position)
{
    const struct client *client = client_of(o);
    uint8_t mark[FRAME_MARK_MAX];
    if (client->audio)
        put_frame(client->audio, client->number, 0, sequence, mark,
                  frame_put_mark(mark, channel, position, play_id));
}

static uint32_t outlet_credit(struct outlet *o, uint64_t channel)
{
    struct audio_conn *c = client_of(o)->audio;
    if (!c || c->closing || !outqueue_is_empty(c->rt.queue))
        return 0;
    return credits_of(&c->credits, channel);
}

static void outlet_spend(struct outlet *o, uint64_t channel)
{
    struct audio_conn *c = client_of(o)->audio;
    if (c)
        credits_spend(&c->credits, channel);
}

static void outlet_flush(struct outlet *o)
{
    audio_flush(client_of(o)->all->audio);
}

const struct outlet_ops audio_outlet_ops = {
    .frame = outlet_frame,
    .mark = outlet_mark,
    .credit = outlet_credit,
    .spend = outlet_spend,
    .flush = outlet_flush,
};

static void on_writable(struct audio_conn *c)
{
    struct iovec iov[PIECES_A_WRITE];
    while (!outqueue_is_empty(c->rt.queue)) {
        struct msghdr msg = { .msg_iov = iov };
        msg.msg_iovlen = outqueue_peek(c->rt.queue, iov, PIECES_A_WRITE);
        ssize_t n = sendmsg(c->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR)
                audio_close(c);
            return;
        }
        outqueue_consume(c->rt.queue, (size_t)n);
    }
    watch_writable(c, false);
    if (c->client && c->credit_flow)
        sessions_credit(c->client->all->sessions, c->client->number, 0);
}

/* ---- lines in ---- */

static void take_attach(struct audio_conn *c, const struct attach_line *l)
{
    struct client *client = client_find(c->all->config.clients, l->client);
    if (!client) {
        complaints_log(&c->all->complaints, LOG_INFO, "server",
                       "an audio connection names an unknown client and is closed");
        audio_close(c);
        return;
    }
    if (client->audio && client->audio != c)
        audio_close(client->audio);
    if (c->client != client)
        let_go(c);
    credits_clear(&c->credits);
    c->client = client;
    c->ever_attached = true;
    c->credit_flow = l->credit_flow;
    put_frame(c, client->number, 0, 0, NULL, 0);
    audio_flush(c->all);
    if (c->closing)
        return;
    client->outlet.marks = l->marks ? ++client->all->last_marks : 0;
    client_set_audio(client, c);
    update_unattached(c->all);
}

/* Credit begins with the attachment that it is for: what comes before, or in paced flow, is none.
 */
static void take_credit(struct audio_conn *c, const struct attach_line *l)
{
    if (!c->client || !c->credit_flow)
        return;
    if (credits_give(&c->credits, l->channel, l->frames) < 0) {
        complaints_log(&c->all->complaints, LOG_WARN, "server",
                       "an audio connection is closed: out of memory for its credit");
        audio_close(c);
        return;
    }
    sessions_credit(c->client->all->sessions, c->client->number, l->channel);
}

static void take_line(struct audio_conn *c, const char *line, size_t len)
{
    struct attach_line l;
    if (attach_parse(line, len, &l) < 0) {
        complaints_log(&c->all->complaints, LOG_INFO, "server",
                       "an audio connection wrote an ill-formed line and is closed");
        audio_close(c);
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
        audio_close(c);
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
        audio_close(c);
        return;
    }
    buf_commit(&c->lines, (size_t)n);
    take_lines(c);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct audio_conn *c = poll->data;
    if (status < 0) {
        audio_close(c);
        return;
    }
    if (events & UV_READABLE)
        on_readable(c);
    if ((events & UV_WRITABLE) && !c->closing)
        on_writable(c);
}

void audio_accept(struct audio *a, int fd)
{
    struct audio_conn *c = a->n_conns < a->config.max_connections ? calloc(1, sizeof *c) : NULL;
    struct outqueue *queue = c ? outqueue_new(&a->rt.n_waiting_bytes) : NULL;
    if (!queue || uv_poll_init(a->config.loop, &c->poll, fd) < 0) {
        complaints_log(&a->complaints, LOG_WARN, "server",
                       "an audio connection is refused: too many, or out of memory");
        outqueue_free(queue);
        free(c);
        (void)close(fd);
        return;
    }
    c->all = a;
    c->fd = fd;
    c->rt.queue = queue;
    c->poll.data = c;
    buf_init(&c->lines, 2 * ATTACH_LINE_MAX + 1);
    buf_init(&c->rt.batch, BATCH_BYTES_MAX);
    c->rt.batch.keep = BATCH_KEEP_BYTES;
    set_socket_buffer(c, SOCKET_BUFFER_BYTES);
    DL_APPEND(a->conns, c);
    a->n_conns++;
    watch_writable(c, false);
    update_unattached(a);
}
