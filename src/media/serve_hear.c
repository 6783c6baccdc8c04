/*
 * What the daemon tells a worker. Messages are taken out of the socket into a short queue and acted
 * on in order, but never from inside a read: one that waits for the network only looks whether
 * something came that it is in the way of.
 */
#include "media/serve_parts.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum { OPENING_WAIT_MS = 250 };

bool serve_cannot_do(const struct track *track, const struct wmsg_render *render)
{
    struct track_info info;
    track_get_info(track, &info);
    return !info.seekable && render->pos > 0 && !render->exact;
}

/* The fetcher died; another has the source. */
static void take_source(struct serve *s, uint32_t play, int fd)
{
    if (fd < 0 || (s->next_play != 0 && serve_replace_next(s, play, fd)))
        return;
    if (play == s->play && s->source)
        source_replace(s->source, fd);
    else
        (void)close(fd);
}

static void take_render(struct serve *s, const struct wmsg *m)
{
    if (m->play != s->play || s->step == STEP_IDLE)
        return;
    s->next = m->render;
    s->has_render = true;
}

/* Returns the descriptor if it was not wanted. */
static int act_on(struct serve *s, const struct wmsg *m, int fd)
{
    static const struct failure no_source = { .code = TUTTI_E_INTERNAL,
                                              .why = "a source came without its descriptor" };
    switch (m->type) {
    case WMSG_OPEN:
        serve_end_play(s);
        s->play = m->play;
        s->open = m->open;
        if (fd >= 0)
            serve_begin_open(s, fd);
        else
            serve_say_failed(s, s->play, &no_source);
        return -1;
    case WMSG_RENDER:
        take_render(s, m);
        break;
    case WMSG_NEXT:
        if (fd < 0 || s->step == STEP_IDLE)
            break;
        serve_take_next(s, m, fd);
        return -1;
    case WMSG_DROP_NEXT:
        if (m->play == s->next_play)
            serve_drop_next(s);
        break;
    case WMSG_JOINED:
        serve_take_joined(s, m->play);
        break;
    case WMSG_CLOSE:
        if (m->play == s->play)
            serve_close_play(s);
        break;
    default:
        break;
    }
    return fd;
}

/* Of renders that follow one upon the other only the newest is acted on: it takes the place of the
 * one before, and any number of them finds room. */
static void put_last(struct serve *s)
{
    const struct heard *last = &s->heard[s->n_heard];
    struct heard *before = s->n_heard > 0 ? &s->heard[s->n_heard - 1] : NULL;
    if (!before || last->m.type != WMSG_RENDER || before->m.type != WMSG_RENDER ||
        before->m.play != last->m.play) {
        s->n_heard++;
        return;
    }
    if (before->fd >= 0)
        (void)close(before->fd);
    *before = *last;
}

/* Takes one message into the queue. Returns false if there was none. */
static bool take_one(struct serve *s)
{
    uint8_t bytes[WMSG_MAX];
    int fds[1] = { -1 };
    size_t n_fds = 0;
    struct heard *h = &s->heard[s->n_heard];
    ssize_t len = fd_recv(s->sock, bytes, sizeof bytes, fds, 1, &n_fds, MSG_DONTWAIT);
    if (len == -EAGAIN)
        return false;
    if (len <= 0) {
        if (len < 0)
            log_error("worker", "socket: %s", strerror((int)-len));
        s->done = true;
        return false;
    }
    h->fd = n_fds > 0 ? fds[0] : -1;
    if (wmsg_decode(bytes, (size_t)len, &h->m) < 0) {
        log_error("worker", "an ill-formed message");
        if (h->fd >= 0)
            (void)close(h->fd);
        s->done = true;
        return false;
    }
    if (h->m.type == WMSG_SOURCE)
        take_source(s, h->m.play, h->fd);
    else if (h->m.type != WMSG_BELL)
        put_last(s);
    else if (h->fd >= 0)
        (void)close(h->fd);
    return true;
}

static void act_on_all(struct serve *s)
{
    while (!s->done && s->n_heard > 0) {
        struct heard first = s->heard[0];
        s->n_heard--;
        memmove(s->heard, s->heard + 1, s->n_heard * sizeof s->heard[0]);
        int fd = act_on(s, &first.m, first.fd);
        if (fd >= 0)
            (void)close(fd);
    }
    while (s->done && s->n_heard > 0) {
        int fd = s->heard[--s->n_heard].fd;
        if (fd >= 0)
            (void)close(fd);
    }
}

void serve_hear(struct serve *s, int timeout_ms)
{
    if (timeout_ms != 0 && s->n_heard == 0) {
        struct pollfd p[2] = { { .fd = s->sock, .events = POLLIN },
                               { .fd = serve_opening_fd(s), .events = POLLIN } };
        /* What is being opened may also wait for time to pass. */
        bool limit = s->opening && (timeout_ms < 0 || timeout_ms > OPENING_WAIT_MS);
        (void)poll(p, 2, limit ? OPENING_WAIT_MS : timeout_ms);
    }
    do {
        while (!s->done && s->n_heard < SERVE_HEARD_MAX && take_one(s))
            ;
        act_on_all(s);
    } while (!s->done && s->n_heard > 0);
    serve_go_on_opening(s);
}

/* What must not wait until the network has answered. */
static bool is_urgent(const struct serve *s, const struct wmsg *m)
{
    if (m->type == WMSG_OPEN)
        return true;
    if (m->play != s->play && m->play != s->next_play)
        return false;
    if (m->type == WMSG_RENDER)
        return !s->is_opening && s->step != STEP_IDLE && !serve_cannot_do(s->track, &m->render);
    return m->type == WMSG_CLOSE;
}

static bool must_give_up(const struct serve *s)
{
    bool urgent = s->done || s->n_heard == SERVE_HEARD_MAX;
    for (unsigned i = 0; i < s->n_heard; i++)
        urgent = urgent || is_urgent(s, &s->heard[i].m);
    return urgent;
}

static int wait_for_source(struct source *source, int timeout_ms, void *arg)
{
    struct serve *s = arg;
    enum ring_worker_state before = s->state;
    struct pollfd p[2] = { { .fd = s->sock, .events = POLLIN },
                           { .fd = source_poll_fd(source), .events = POLLIN } };
    if (must_give_up(s))
        return -EINTR;
    if (poll(p, 2, 0) == 0) {
        serve_set_state(s, RING_WORKER_WAITING_SOURCE);
        (void)poll(p, 2, timeout_ms);
        serve_set_state(s, before);
    }
    while (!s->done && s->n_heard < SERVE_HEARD_MAX && take_one(s))
        ;
    return must_give_up(s) ? -EINTR : 0;
}

struct source_wait serve_source_wait(struct serve *s)
{
    return (struct source_wait){ .fn = wait_for_source, .arg = s };
}
