#include "voice/serve.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "voice/connection.h"
#include "voice/seal.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <uthash.h>

enum {
    QUEUE_BYTES_MAX = 4 << 20, /* of messages that the daemon does not take */
    MESSAGES_A_TURN = 32,
    COUNTS_MS = 1000,
    DESCRIPTORS_MAX = 1 << 20,
};

struct held_connection {
    uint32_t id;
    struct connection *connection;
    UT_hash_handle hh;
};

struct voice_server {
    const struct voice_serve_config *config;
    uv_loop_t loop;
    struct connection_shared shared;
    int sock;
    uv_poll_t poll;
    uv_async_t news; /* the sending thread has some */
    uv_timer_t counting;
    struct vmsg_counts counts; /* as said last */
    struct held_connection *entries;
    struct buf queue; /* length (uint32_t), message, … */
    bool has_thread;
    bool is_over;
};

static void on_socket(uv_poll_t *poll, int status, int events);

static void leave(struct voice_server *v, const char *why)
{
    if (!v->is_over)
        log_debug("voice", "the end: %s", why);
    v->is_over = true;
    uv_stop(&v->loop);
}

/* ---- to the daemon ---- */

static void flush(struct voice_server *v)
{
    while (buf_len(&v->queue) > 0) {
        uint32_t len;
        memcpy(&len, buf_head(&v->queue), sizeof len);
        int r = fd_send(v->sock, buf_head(&v->queue) + sizeof len, len, NULL, 0, MSG_DONTWAIT);
        if (r == -EAGAIN || r == -ENOBUFS)
            break;
        if (r < 0) {
            leave(v, strerror(-r));
            return;
        }
        buf_consume(&v->queue, sizeof len + len);
    }
    int events = UV_READABLE | (buf_len(&v->queue) > 0 ? UV_WRITABLE : 0);
    (void)uv_poll_start(&v->poll, events, on_socket);
}

static void on_say(const struct vmsg *m, void *arg)
{
    struct voice_server *v = arg;
    uint8_t bytes[VMSG_MAX];
    uint32_t len = (uint32_t)vmsg_encode(m, bytes);
    if (buf_append(&v->queue, &len, sizeof len) < 0 || buf_append(&v->queue, bytes, len) < 0)
        leave(v, "the daemon takes no messages");
    else
        flush(v);
    OPENSSL_cleanse(bytes, len);
}

/* A socket goes with its message, at once: the daemon has taken what came before. */
static void on_socket_made(uint32_t number, int fd, void *arg)
{
    struct voice_server *v = arg;
    uint8_t bytes[VMSG_MAX];
    size_t len = vmsg_encode(&(struct vmsg){ .type = VMSG_SOCKET, .id = number }, bytes);
    int r = fd_send(v->sock, bytes, len, &fd, 1, MSG_DONTWAIT);
    if (r < 0) /* it serves all the same; only a successor of ours will have to do without */
        log_warn("voice", "the daemon has no copy of a UDP socket: %s", strerror(-r));
}

/* ---- from the sending thread ---- */

static void wake(void *arg)
{
    struct voice_server *v = arg;
    (void)uv_async_send(&v->news);
}

static struct held_connection *find(struct voice_server *v, uint32_t id)
{
    struct held_connection *e = NULL;
    HASH_FIND(hh, v->entries, &id, sizeof id, e);
    return e;
}

static void on_news(uv_async_t *async)
{
    struct voice_server *v = async->data;
    uint32_t id;
    enum sender_news news;
    while (sender_take_news(v->shared.sender, &id, &news)) {
        struct held_connection *e = find(v, id);
        if (e)
            connection_take_news(e->connection, news);
    }
}

static void on_counting(uv_timer_t *timer)
{
    struct voice_server *v = timer->data;
    struct vmsg m = { .type = VMSG_COUNTS, .counts = sender_counts(v->shared.sender) };
    if (memcmp(&m.counts, &v->counts, sizeof v->counts) == 0)
        return;
    v->counts = m.counts;
    on_say(&m, v);
}

/* ---- from the daemon ---- */

static void say_closed(struct voice_server *v, uint32_t id, const char *why)
{
    struct vmsg m = { .type = VMSG_STATE, .id = id, .changed = { .state = VMSG_CLOSED } };
    (void)snprintf(m.changed.why, sizeof m.changed.why, "%s", why);
    on_say(&m, v);
}

static void take_connect(struct voice_server *v, const struct vmsg *m)
{
    struct held_connection *e = find(v, m->id);
    if (e) {
        connection_replace(e->connection, &m->connect);
        return;
    }
    e = calloc(1, sizeof *e);
    if (e)
        e->connection = connection_new(&v->shared, m->id, &m->connect);
    if (!e || !e->connection) {
        free(e);
        say_closed(v, m->id, "out of memory");
        return;
    }
    e->id = m->id;
    HASH_ADD(hh, v->entries, id, sizeof e->id, e);
    if (!e->hh.tbl) {
        connection_free(e->connection);
        free(e);
        say_closed(v, m->id, "out of memory");
    }
}

static void drop(struct voice_server *v, struct held_connection *e)
{
    HASH_DEL(v->entries, e);
    connection_free(e->connection);
    free(e);
}

static void take_audio(struct voice_server *v, int fd)
{
    AUTO_FD int audio = fd;
    if (v->has_thread || audio < 0) {
        leave(v, "the daemon breaks the rules");
        return;
    }
    int r = sender_start(v->shared.sender, audio);
    if (r < 0) {
        log_error("voice", "no thread can be made: %s", strerror(-r));
        leave(v, "no thread");
        return;
    }
    (void)TAKE_FD(audio);
    v->has_thread = true;
    if (v->config->thread_made)
        v->config->thread_made();
}

static void take(struct voice_server *v, const struct vmsg *m, int fd)
{
    AUTO_FD int owned = fd;
    struct held_connection *e;
    switch (m->type) {
    case VMSG_AUDIO:
        take_audio(v, TAKE_FD(owned));
        break;
    case VMSG_SOCKET:
        if (owned >= 0 && flows_adopt(v->shared.flows, m->id, owned) == 0)
            (void)TAKE_FD(owned);
        break;
    case VMSG_CONNECT:
        take_connect(v, m);
        break;
    case VMSG_DISCONNECT:
        e = find(v, m->id);
        if (e)
            drop(v, e);
        break;
    default:
        leave(v, "the daemon breaks the rules");
        break;
    }
}

static void read_messages(struct voice_server *v)
{
    uint8_t bytes[VMSG_MAX];
    for (unsigned i = 0; i < MESSAGES_A_TURN && !v->is_over; i++) {
        struct vmsg m;
        int fd = -1;
        size_t n_fds = 0;
        ssize_t len = fd_recv(v->sock, bytes, sizeof bytes, &fd, 1, &n_fds, MSG_DONTWAIT);
        if (len == -EAGAIN || len == -EINTR)
            break;
        AUTO_FD int owned = n_fds > 0 ? fd : -1;
        if (len <= 0)
            leave(v, len == 0 ? "the daemon is gone" : strerror((int)-len));
        else if (vmsg_decode(bytes, (size_t)len, &m) < 0)
            leave(v, "the daemon breaks the rules");
        else
            take(v, &m, TAKE_FD(owned));
        OPENSSL_cleanse(&m, sizeof m);
    }
    OPENSSL_cleanse(bytes, sizeof bytes);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct voice_server *v = poll->data;
    if (events & UV_WRITABLE)
        flush(v);
    if (status < 0 || events & UV_READABLE)
        read_messages(v);
}

/* ---- life ---- */

static void end(struct voice_server *v)
{
    struct held_connection *e, *next;
    HASH_ITER(hh, v->entries, e, next) drop(v, e);
    sender_free(v->shared.sender);
    uv_close((uv_handle_t *)&v->poll, NULL);
    uv_close((uv_handle_t *)&v->news, NULL);
    uv_close((uv_handle_t *)&v->counting, NULL);
    if (v->shared.names)
        names_free(v->shared.names);
    flows_free(v->shared.flows);
    (void)uv_run(&v->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&v->loop);
    wss_tls_free(v->shared.tls);
    buf_done(&v->queue);
    (void)close(v->sock);
}

/* Each connection takes a descriptor or two. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS_MAX ? limit.rlim_max : DESCRIPTORS_MAX;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int begin(struct voice_server *v)
{
    v->shared.tls = wss_tls_new();
    if (!v->shared.tls)
        return -ENOMEM;
    int r = names_new(&v->loop, &v->shared.names);
    if (r == 0)
        r = flows_new(&v->loop, on_socket_made, v, &v->shared.flows);
    if (r == 0)
        r = sender_new(wake, v, &v->shared.sender);
    return r;
}

int voice_serve(const struct voice_serve_config *config, int sock)
{
    struct voice_server v = { .config = config, .sock = sock };
    raise_descriptor_limit();
    int r = seal_setup();
    if (r == 0)
        r = uv_loop_init(&v.loop);
    if (r < 0)
        return r;
    buf_init(&v.queue, QUEUE_BYTES_MAX);
    v.shared = (struct connection_shared){
        .loop = &v.loop,
        .policy = config->policy,
        .hosts = config->hosts,
        .n_hosts = config->n_hosts,
        .say = on_say,
        .arg = &v,
    };
    v.poll.data = v.news.data = v.counting.data = &v;
    r = uv_poll_init(&v.loop, &v.poll, sock);
    if (r < 0)
        return r;
    (void)uv_async_init(&v.loop, &v.news, on_news);
    (void)uv_timer_init(&v.loop, &v.counting);
    r = begin(&v);
    if (r == 0) {
        (void)uv_poll_start(&v.poll, UV_READABLE, on_socket);
        (void)uv_timer_start(&v.counting, on_counting, COUNTS_MS, COUNTS_MS);
        (void)uv_run(&v.loop, UV_RUN_DEFAULT);
    }
    end(&v);
    return r;
}
