#include "pool/worker.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    MESSAGES_A_TURN = 16,
    LAST_MESSAGES_MAX = 1024, /* more than a socket holds */
    LAST_WORDS_BYTES = 128,
    WORDS_BURST = 50, /* warnings and titles, each of which goes to clients … */
    WORD_MS = 100,    /* … and one more in this time, for ever */
};

struct worker {
    uv_loop_t *loop;
    uint32_t id;
    enum worker_state state;
    int sock;
    uv_poll_t poll;
    pid_t pid; /* 0 until the zygote has told it; nothing is heard of it before */
    bool was_ready;
    struct ring_consumer *ring;
    uint32_t gen;
    uint32_t play;
    uint32_t next_play; /* 0: none */
    uint32_t n_messages;
    uint32_t asked_at;    /* progress when it was last asked for frames … */
    uint32_t frames_then; /* … and the frames made until then */
    uint64_t idle_since_ms;
    uint64_t words_until_ms;     /* what was said lately is paid for by then */
    struct worker_user_ops user; /* while BUSY */
    void *user_arg;
    struct worker_pool_ops pool;
    const char *kill_why; /* set: dies at the next turn of the loop */
    char last_words[LAST_WORDS_BYTES];
};

static const struct {
    const char *name;
    unsigned may_become; /* bits of worker_state */
} states[WORKER_STATE_COUNT] = {
    [WORKER_SPAWNING] = { "spawning", 1u << WORKER_IDLE | 1u << WORKER_DEAD },
    [WORKER_IDLE] = { "idle", 1u << WORKER_BUSY | 1u << WORKER_DEAD },
    [WORKER_BUSY] = { "busy", 1u << WORKER_CLOSING | 1u << WORKER_DEAD },
    [WORKER_CLOSING] = { "closing", 1u << WORKER_IDLE | 1u << WORKER_DEAD },
    [WORKER_DEAD] = { "dead", 0 },
};

static void worker_move(struct worker *w, enum worker_state to)
{
    assert(states[w->state].may_become & 1u << to);
    log_debug("pool", "worker %u: %s -> %s", w->id, states[w->state].name, states[to].name);
    w->state = to;
}

static void become_idle(struct worker *w)
{
    assert(w->pid > 0);
    worker_move(w, WORKER_IDLE);
    w->was_ready = true;
    w->idle_since_ms = uv_now(w->loop);
    for (unsigned lane = 0; lane < RING_LANES; lane++)
        ring_discard(w->ring, lane);
    w->pool.idle(w, w->pool.arg);
}

/* The borrower hears of it first, then the pool, which frees the worker. */
static void die(struct worker *w, const char *why)
{
    assert(why && w->state != WORKER_DEAD);
    bool borrowed = w->state == WORKER_BUSY;
    log_error("pool", "worker %d died: %s", (int)w->pid, why);
    worker_move(w, WORKER_DEAD);
    (void)uv_poll_stop(&w->poll);
    if (borrowed)
        w->user.died(why, w->user_arg);
    w->pool.gone(w, w->pool.arg);
}

static const char *keep_last_words(struct worker *w, const struct wmsg *m)
{
    (void)text_sanitise(w->last_words, sizeof w->last_words, m->text);
    return w->last_words;
}

/* Reads what still lies in the socket of a worker that is given up. What it says there that it dies
 * of is the reason, else `why`. */
static const char *hear_last_words(struct worker *w, const char *why)
{
    uint8_t bytes[WMSG_MAX];
    size_t n_fds;
    for (int i = 0; i < LAST_MESSAGES_MAX; i++) {
        struct wmsg m;
        ssize_t len = fd_recv(w->sock, bytes, sizeof bytes, NULL, 0, &n_fds, MSG_DONTWAIT);
        if (len <= 0 || wmsg_decode(bytes, (size_t)len, &m) < 0)
            return why;
        if (m.type == WMSG_DYING)
            return keep_last_words(w, &m);
    }
    return why;
}

/* What was said of a play that is over is stale. */
static bool is_about_user(const struct worker *w, const struct wmsg *m)
{
    return m->type == WMSG_BELL || m->play == w->play ||
           (m->play == w->next_play && w->next_play != 0);
}

static bool is_word(const struct wmsg *m)
{
    return m->type == WMSG_WARNING || m->type == WMSG_TITLE || m->type == WMSG_LENGTH;
}

/* A worker that somebody else has taken over must not drown the clients in what it says. */
static bool says_too_much(struct worker *w, const struct wmsg *m)
{
    if (!is_word(m))
        return false;
    uint64_t now_ms = uv_now(w->loop);
    if (w->words_until_ms < now_ms)
        w->words_until_ms = now_ms;
    w->words_until_ms += WORD_MS;
    return w->words_until_ms > now_ms + (uint64_t)WORDS_BURST * WORD_MS;
}

/* Returns false if the worker has died of the message. */
static bool take_message(struct worker *w, const struct wmsg *m)
{
    switch (m->type) {
    case WMSG_IDLE:
        if (w->state == WORKER_SPAWNING || w->state == WORKER_CLOSING) {
            become_idle(w);
            return true;
        }
        break;
    case WMSG_BELL:
    case WMSG_OPENED:
    case WMSG_FAILED:
    case WMSG_RENDER_FAILED:
    case WMSG_WARNING:
    case WMSG_TITLE:
    case WMSG_LENGTH:
        if (says_too_much(w, m)) {
            die(w, "it says too much");
            return false;
        }
        if (w->state == WORKER_BUSY && is_about_user(w, m))
            w->user.message(m, w->user_arg);
        return w->state != WORKER_DEAD;
    case WMSG_DYING:
        die(w, keep_last_words(w, m));
        return false;
    default:
        break;
    }
    die(w, "it sent a message that it may not send");
    return false;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct worker *w = poll->data;
    /* After an error libuv polls no more; but there may be more to hear than fits into a turn. */
    if (status < 0)
        (void)uv_poll_start(poll, UV_READABLE, on_readable);
    for (int i = 0; i < MESSAGES_A_TURN; i++) {
        uint8_t bytes[WMSG_MAX];
        struct wmsg m;
        size_t n_fds;
        if (w->kill_why) {
            die(w, hear_last_words(w, w->kill_why));
            return;
        }
        ssize_t len = fd_recv(w->sock, bytes, sizeof bytes, NULL, 0, &n_fds, MSG_DONTWAIT);
        if (len == -EAGAIN)
            return;
        if (len == 0) {
            die(w, "its process ended");
            return;
        }
        if (len < 0 || wmsg_decode(bytes, (size_t)len, &m) < 0) {
            die(w, "it sent a message that makes no sense");
            return;
        }
        w->n_messages++;
        if (!take_message(w, &m))
            return;
    }
}

void worker_hear_words(struct worker *w)
{
    uint8_t bytes[WMSG_MAX];
    struct wmsg m;
    size_t n_fds;
    for (int i = 0; i < MESSAGES_A_TURN && w->state == WORKER_BUSY; i++) {
        ssize_t len =
            fd_recv(w->sock, bytes, sizeof bytes, NULL, 0, &n_fds, MSG_DONTWAIT | MSG_PEEK);
        if (len <= 0 || wmsg_decode(bytes, (size_t)len, &m) < 0 ||
            !(is_word(&m) || m.type == WMSG_BELL))
            return;
        (void)fd_recv(w->sock, bytes, sizeof bytes, NULL, 0, &n_fds, MSG_DONTWAIT);
        if (says_too_much(w, &m)) {
            worker_kill(w, "it says too much");
            return;
        }
        if (is_word(&m) && is_about_user(w, &m))
            w->user.message(&m, w->user_arg);
    }
}

int worker_new(uv_loop_t *loop, uint32_t id, const struct ring_shape *shape,
               const struct worker_pool_ops *ops, struct worker **ret_worker, int *ret_sock,
               int *ret_ring_fd)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    AUTO_FD int ours = pair[0];
    AUTO_FD int theirs = pair[1];
    AUTO_FREE struct worker *w = calloc(1, sizeof *w);
    if (!w)
        return -ENOMEM;
    int r = ring_consumer_new(shape, &w->ring, ret_ring_fd);
    if (r < 0)
        return r;
    r = uv_poll_init(loop, &w->poll, ours);
    if (r < 0) {
        ring_consumer_free(w->ring);
        (void)close(*ret_ring_fd);
        return r;
    }
    w->loop = loop;
    w->id = id;
    w->pool = *ops;
    w->poll.data = w;
    w->sock = TAKE_FD(ours);
    *ret_sock = TAKE_FD(theirs);
    *ret_worker = TAKE_PTR(w);
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct worker *w = handle->data;
    (void)close(w->sock);
    ring_consumer_free(w->ring);
    free(w);
}

void worker_free(struct worker *w)
{
    w->state = WORKER_DEAD;
    /* The peer hears the end of file now, not when the loop gets to the closing. */
    (void)shutdown(w->sock, SHUT_RDWR);
    uv_close((uv_handle_t *)&w->poll, on_closed);
}

void worker_spawned(struct worker *w, pid_t pid)
{
    assert(pid > 0);
    if (w->state != WORKER_SPAWNING || w->pid > 0)
        return;
    w->pid = pid;
    (void)uv_poll_start(&w->poll, UV_READABLE, on_readable);
}

static int send_message(struct worker *w, const struct wmsg *m, int fd)
{
    uint8_t bytes[WMSG_MAX];
    size_t len = wmsg_encode(m, bytes, sizeof bytes);
    return fd_send(w->sock, bytes, len, &fd, fd >= 0 ? 1 : 0, MSG_DONTWAIT);
}

static uint32_t progress(const struct worker *w)
{
    return ring_frames_made(w->ring) + w->n_messages;
}

static void ask(struct worker *w)
{
    w->asked_at = progress(w);
    w->frames_then = ring_frames_made(w->ring);
}

int worker_open(struct worker *w, const struct worker_user_ops *user, void *arg, struct wmsg *open,
                int source_fd)
{
    assert(w->state == WORKER_IDLE);
    open->type = WMSG_OPEN;
    open->open.render.gen = ++w->gen;
    int r = send_message(w, open, source_fd);
    if (r < 0) {
        die(w, hear_last_words(w, "it does not listen"));
        return r;
    }
    ask(w);
    w->play = open->play;
    w->next_play = 0;
    w->user = *user;
    w->user_arg = arg;
    log_debug("pool", "worker %u (process %d) opens play %u", w->id, (int)w->pid, open->play);
    worker_move(w, WORKER_BUSY);
    return 0;
}

void worker_close(struct worker *w)
{
    struct wmsg m = { .type = WMSG_CLOSE, .play = w->play };
    worker_move(w, WORKER_CLOSING);
    /* One that does not read is not asked again: it is of no more use to anybody. */
    if (send_message(w, &m, -1) < 0)
        worker_kill(w, "it does not listen");
}

int worker_render(struct worker *w, struct wmsg_render *render)
{
    assert(w->state == WORKER_BUSY);
    render->gen = ++w->gen;
    struct wmsg m = { .type = WMSG_RENDER, .play = w->play, .render = *render };
    int r = send_message(w, &m, -1);
    if (r == 0)
        ask(w);
    return r;
}

int worker_next(struct worker *w, struct wmsg *next, int source_fd)
{
    next->type = WMSG_NEXT;
    int r = send_message(w, next, source_fd);
    if (r == 0)
        w->next_play = next->play;
    return r;
}

/* A worker that cannot be told so would play what nobody wants any more. */
static void must_hear(struct worker *w, enum wmsg_type type)
{
    struct wmsg m = { .type = type, .play = w->next_play };
    if (send_message(w, &m, -1) < 0)
        worker_kill(w, "it does not listen");
}

void worker_replace_source(struct worker *w, uint32_t play, int source_fd)
{
    struct wmsg m = { .type = WMSG_SOURCE, .play = play };
    if (send_message(w, &m, source_fd) < 0)
        worker_kill(w, "it does not listen");
}

void worker_drop_next(struct worker *w)
{
    must_hear(w, WMSG_DROP_NEXT);
    w->next_play = 0;
}

void worker_join(struct worker *w, void *arg)
{
    must_hear(w, WMSG_JOINED);
    w->play = w->next_play;
    w->next_play = 0;
    w->user_arg = arg;
}

bool worker_wake(struct worker *w, unsigned lane)
{
    assert(lane < RING_LANES);
    if (!ring_producer_wants_bell(w->ring, lane))
        return false;
    struct wmsg m = { .type = WMSG_BELL };
    (void)send_message(w, &m, -1); /* a full socket wakes its reader, too */
    return true;
}

void worker_kill(struct worker *w, const char *why)
{
    if (w->state == WORKER_DEAD || w->kill_why)
        return;
    w->kill_why = why;
    /* Makes the socket readable (end of file), so that the loop comes round to it at once. */
    (void)shutdown(w->sock, SHUT_RDWR);
}

struct ring_consumer *worker_ring(struct worker *w)
{
    return w->ring;
}

struct ring_consumer *worker_take_ring(struct worker *w)
{
    return TAKE_PTR(w->ring);
}

enum worker_state worker_state(const struct worker *w)
{
    return w->state;
}

/* One that was rung is expected to do something; it says "waiting for room" until it does. */
static bool may_rest(const struct worker *w)
{
    if (w->state == WORKER_SPAWNING || w->state == WORKER_CLOSING)
        return false;
    if (w->state != WORKER_BUSY)
        return true;
    switch (ring_worker_state(w->ring)) {
    case RING_WORKER_WAITING_SOURCE:
        return true;
    case RING_WORKER_IDLE:
        return progress(w) != w->asked_at;
    case RING_WORKER_WAITING_ROOM:
        return progress(w) != w->asked_at && ring_producer_sleeps(w->ring);
    default:
        return false;
    }
}

struct watch_pulse worker_pulse(const struct worker *w)
{
    bool is_closing = w->state == WORKER_CLOSING;
    return (struct watch_pulse){
        .task = is_closing ? WATCH_ANSWER : WATCH_PLAY,
        .progress = is_closing ? 0 : progress(w), /* then nothing counts but IDLE */
        .may_rest = may_rest(w),
        .has_begun = ring_frames_made(w->ring) != w->frames_then,
    };
}

uint32_t worker_id(const struct worker *w)
{
    return w->id;
}

pid_t worker_pid(const struct worker *w)
{
    return w->pid;
}

bool worker_was_ready(const struct worker *w)
{
    return w->was_ready;
}

uint64_t worker_idle_since_ms(const struct worker *w)
{
    return w->idle_since_ms;
}
