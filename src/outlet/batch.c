#include "outlet/batch.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "proto/frame.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <utlist.h>

enum {
    SOCKET_BUFFER_BYTES = 65536, /* at first: it grows with the batches */
    SOCKET_BUFFER_MAX = 4 << 20,
    BATCH_BYTES_MAX = 8 << 20,
    BATCH_KEEP_BYTES = 1 << 20, /* the frames of every tick must not be allocated anew */
    PIECES_A_WRITE = 64,
};

#define SLOW_WARNING_NS NS_PER_S

static void set_socket_buffer(struct batch *b, int bytes)
{
    /* The privileged way is not held to net.core.wmem_max. */
    if (setsockopt(b->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
        (void)setsockopt(b->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    b->rt.socket_bytes = bytes;
}

int batch_init(struct batch *b, struct batches *of, int fd, const struct batch_ops *ops)
{
    struct outqueue *queue = outqueue_new(&of->n_waiting_bytes);
    if (!queue)
        return -ENOMEM;
    *b = (struct batch){ .of = of, .ops = ops, .fd = fd, .may_drop = true, .rt.queue = queue };
    buf_init(&b->rt.frames, BATCH_BYTES_MAX);
    b->rt.frames.keep = BATCH_KEEP_BYTES;
    set_socket_buffer(b, SOCKET_BUFFER_BYTES);
    DL_APPEND(of->all, b);
    return 0;
}

void batch_done(struct batch *b)
{
    if (b->is_done)
        return;
    b->is_done = true;
    size_t len = buf_len(&b->rt.frames);
    if (outqueue_is_empty(b->rt.queue) && len > 0)
        (void)send(b->fd, buf_head(&b->rt.frames), len, MSG_DONTWAIT | MSG_NOSIGNAL);
    outqueue_free(TAKE_PTR(b->rt.queue));
    buf_done(&b->rt.frames);
    if (b->rt.is_dirty)
        LL_DELETE2(b->of->dirty, b, next_dirty);
    b->rt.is_dirty = false;
    DL_DELETE(b->of->all, b);
}

void batch_keep_all(struct batch *b, bool keep_all)
{
    b->may_drop = !keep_all;
}

bool batch_is_blocked(const struct batch *b)
{
    return !b->is_done && !outqueue_is_empty(b->rt.queue);
}

size_t batch_waiting_bytes(const struct batch *b)
{
    return b->is_done ? 0 : outqueue_bytes(b->rt.queue);
}

/* rt: a frame that must wait. Others may be dropped for it. */
static void enqueue(struct batch *b, const uint8_t *frame, size_t size, size_t sent)
{
    uint64_t n_dropped = 0;
    int r = outqueue_add(b->rt.queue, frame, size, sent, b->may_drop, &n_dropped);
    /* What is said names a channel of which a frame was dropped, or else one that waits. */
    bool names_channel = frame_channel(frame) != 0;
    if (names_channel && (n_dropped > 0 || b->rt.n_dropped == 0)) {
        b->rt.dropped_whose = b->rt.whose;
        b->rt.dropped_channel = frame_channel(frame);
    }
    b->rt.n_dropped += n_dropped;
    b->of->n_dropped += n_dropped;
    if (r < 0)
        b->ops->broken(b, r);
}

/* The socket took only `sent` bytes: the rest, cut into frames again, waits. Nothing waits yet, and
 * a batch has too few frames of a channel for any to be dropped. */
static void enqueue_rest(struct batch *b, size_t sent)
{
    const uint8_t *at = (const uint8_t *)buf_head(&b->rt.frames);
    const uint8_t *end = at + buf_len(&b->rt.frames);
    while (at < end && !b->is_done) {
        size_t size = frame_size(at);
        if (sent < size)
            enqueue(b, at, size, sent);
        sent -= sent < size ? sent : size;
        at += size;
    }
    if (!b->is_done)
        b->ops->waits(b, true);
}

static void say_if_slow(struct batch *b)
{
    if (b->rt.n_dropped == 0)
        return;
    uint64_t now_ns = clock_now_ns();
    if (b->rt.said_ns != 0 && now_ns - b->rt.said_ns < SLOW_WARNING_NS)
        return;
    uint64_t n = b->rt.n_dropped;
    b->rt.n_dropped = 0;
    b->rt.said_ns = now_ns;
    b->ops->slow(b, b->rt.dropped_whose, b->rt.dropped_channel, n);
}

/* The batch of a tick must fit behind one that was not read yet: hundreds of channels need more
 * than a few do, for whom a small buffer tells a slow consumer soon. */
static void fit_socket_buffer(struct batch *b)
{
    int bytes = b->rt.socket_bytes;
    while (bytes < SOCKET_BUFFER_MAX && buf_len(&b->rt.frames) > (size_t)bytes / 2)
        bytes *= 2;
    if (bytes != b->rt.socket_bytes)
        set_socket_buffer(b, bytes);
}

static void send_frames(struct batch *b)
{
    size_t len = buf_len(&b->rt.frames);
    fit_socket_buffer(b);
    ssize_t n = send(b->fd, buf_head(&b->rt.frames), len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        b->ops->broken(b, -errno);
        return;
    }
    size_t sent = n > 0 ? (size_t)n : 0;
    if (sent < len)
        enqueue_rest(b, sent);
    if (!b->is_done)
        buf_consume(&b->rt.frames, len);
}

static void flush(struct batch *b)
{
    if (buf_len(&b->rt.frames) > 0)
        send_frames(b);
    if (!b->is_done)
        say_if_slow(b);
}

static struct batch *most_waiting(const struct batches *of)
{
    struct batch *b, *most = NULL;
    DL_FOREACH(of->all, b)
    {
        if (!most || outqueue_bytes(b->rt.queue) > outqueue_bytes(most->rt.queue))
            most = b;
    }
    return most;
}

/* Half of what waits for it goes, or less where that will do. */
static void shed(struct batch *b)
{
    size_t enough = outqueue_bytes(b->rt.queue) / 2;
    uint64_t n = 0;
    while (b->may_drop && b->of->n_waiting_bytes > LIMIT_WAITING_BYTES_ALL &&
           outqueue_bytes(b->rt.queue) > enough && outqueue_drop(b->rt.queue))
        n++;
    b->rt.n_dropped += n;
    b->of->n_dropped += n;
    if (n == 0)
        b->ops->broken(b, -ENOBUFS);
    else
        say_if_slow(b);
}

void batches_flush(struct batches *of)
{
    while (of->dirty) {
        struct batch *b = of->dirty;
        LL_DELETE2(of->dirty, b, next_dirty);
        b->rt.is_dirty = false;
        flush(b);
    }
    /* The one for which most waits gives way to the others, which may be slow for a moment only. */
    while (of->n_waiting_bytes > LIMIT_WAITING_BYTES_ALL)
        shed(most_waiting(of));
}

void batch_put(struct batch *b, uint64_t whose, uint64_t channel, uint32_t sequence,
               const uint8_t *packet, uint32_t len)
{
    if (b->is_done)
        return;
    if (!b->rt.is_dirty) {
        LL_PREPEND2(b->of->dirty, b, next_dirty);
        b->rt.is_dirty = true;
    }
    uint8_t *room = (uint8_t *)buf_room(&b->rt.frames, FRAME_HEAD_BYTES + len);
    if (!room)
        room = (uint8_t *)buf_reserve(&b->rt.frames, FRAME_HEAD_BYTES + len);
    if (!room) {
        b->ops->broken(b, -ENOMEM);
        return;
    }
    frame_put_head(room, channel, sequence, len);
    if (len > 0)
        memcpy(room + FRAME_HEAD_BYTES, packet, len);
    b->rt.whose = whose;
    if (outqueue_is_empty(b->rt.queue))
        buf_commit(&b->rt.frames, FRAME_HEAD_BYTES + len);
    else
        enqueue(b, room, FRAME_HEAD_BYTES + len, 0);
}

void batch_resume(struct batch *b)
{
    struct iovec iov[PIECES_A_WRITE];
    while (batch_is_blocked(b)) {
        struct msghdr msg = { .msg_iov = iov };
        msg.msg_iovlen = outqueue_peek(b->rt.queue, iov, PIECES_A_WRITE);
        ssize_t n = sendmsg(b->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR)
                b->ops->broken(b, -errno);
            return;
        }
        outqueue_consume(b->rt.queue, (size_t)n);
    }
    if (!b->is_done)
        b->ops->waits(b, false);
}
