#include "fetch/serve.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "fetch/source.h"
#include "proto/fmsg.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <uthash.h>

enum {
    AHEAD_BYTES = 256 * 1024,
    AHEAD_BYTES_MIN = 32 * 1024,
    /* Of all windows. When they hold as much, none gets more than the least a reader needs. */
    MEMORY_BYTES = 64 * 1024 * 1024,
    QUEUE_BYTES_MAX = 16 << 20, /* of messages that the daemon does not take */
    MESSAGES_A_TURN = 32,
    /* Descriptors for the resolver, and for a source that can only be refused. */
    SPARE_DESCRIPTORS = 64,
    DESCRIPTORS_MAX = 1 << 20,
    NAMES_MAX = 256, /* resolved at a time; each takes a thread and some descriptors */
    NAME_DESCRIPTORS = 8,
};

struct entry {
    struct server *server;
    uint32_t id;
    struct served_source *source;
    UT_hash_handle hh;
};

struct server {
    uv_loop_t loop;
    struct transfer_context context;
    int sock;
    uv_poll_t poll;
    struct entry *entries;
    struct buf queue;  /* length (uint32_t), message, … */
    size_t held_bytes; /* by all windows */
    bool is_over;
};

static void on_socket(uv_poll_t *poll, int status, int events);

static void watch(struct server *v)
{
    int events = UV_READABLE | (buf_len(&v->queue) > 0 ? UV_WRITABLE : 0);
    (void)uv_poll_start(&v->poll, events, on_socket);
}

static void leave(struct server *v, const char *why)
{
    if (!v->is_over)
        log_debug("fetch", "the end: %s", why);
    v->is_over = true;
    uv_stop(&v->loop);
}

/* ---- to the daemon ---- */

static void flush(struct server *v)
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
    watch(v);
}

static void on_say(const struct fmsg *m, void *arg)
{
    struct server *v = arg;
    static uint8_t bytes[FMSG_MAX];
    uint32_t len = (uint32_t)fmsg_encode(m, bytes, sizeof bytes);
    if (buf_append(&v->queue, &len, sizeof len) < 0 || buf_append(&v->queue, bytes, len) < 0) {
        /* Sources that nobody hears of are of no use: the daemon starts another fetcher. */
        leave(v, "the daemon takes no messages");
        return;
    }
    flush(v);
}

static void say_failed(struct server *v, uint32_t id, int e)
{
    struct fmsg m = {
        .type = FMSG_FAILED, .id = id, .failed = { .code = TUTTI_E_INTERNAL }, .why = strerror(-e)
    };
    on_say(&m, v);
}

/* ---- sources ---- */

/* What is there is divided; a source costs a quarter more than its read-ahead, for what lies behind
 * the reader, and may have two transfers. */
static void share_memory(struct server *v)
{
    size_t n = 0;
    for (struct entry *e = v->entries; e; e = e->hh.next)
        n += served_source_count_streams(e->source);
    size_t share = n > 0 ? MEMORY_BYTES / n * 4 / 5 : AHEAD_BYTES;
    share = share < AHEAD_BYTES ? share : AHEAD_BYTES;
    v->context.ahead_bytes = share > AHEAD_BYTES_MIN ? share : AHEAD_BYTES_MIN;
}

static void add_source(struct server *v, const struct fmsg *m, int sock)
{
    struct entry *e = NULL;
    AUTO_FD int fd = sock;
    HASH_FIND(hh, v->entries, &m->id, sizeof m->id, e);
    if (e) {
        leave(v, "the daemon breaks the rules");
        return;
    }
    /* It gets lost on its way when this process can have no more. */
    if (fd < 0 || fd >= v->context.request.descriptors_max) {
        say_failed(v, m->id, -EMFILE);
        return;
    }
    struct served_source_ops ops = { on_say, v };
    e = calloc(1, sizeof *e);
    int r = e ? served_source_new(&v->context, m, TAKE_FD(fd), &ops, &e->source) : -ENOMEM;
    if (r < 0) {
        free(e);
        say_failed(v, m->id, r);
        return;
    }
    e->server = v;
    e->id = m->id;
    HASH_ADD(hh, v->entries, id, sizeof e->id, e);
    if (!e->hh.tbl) {
        served_source_free(e->source);
        free(e);
        say_failed(v, m->id, -ENOMEM);
    }
    share_memory(v);
}

static void drop_entry(struct server *v, struct entry *e)
{
    HASH_DEL(v->entries, e);
    served_source_free(e->source);
    free(e);
    share_memory(v);
    /* Blocks and connections of a song are of no use to the next quiet hour. */
    if (!v->entries)
        (void)malloc_trim(0);
}

static void take(struct server *v, const struct fmsg *m, int fd)
{
    AUTO_FD int owned = fd;
    struct entry *e = NULL;
    HASH_FIND(hh, v->entries, &m->id, sizeof m->id, e);
    switch (m->type) {
    case FMSG_SOURCE:
        add_source(v, m, TAKE_FD(owned));
        break;
    case FMSG_RELINK:
        if (e && served_source_relink(e->source, m->url, m->headers) < 0)
            say_failed(v, m->id, -ENOMEM);
        break;
    case FMSG_DROP:
        if (e)
            drop_entry(v, e);
        break;
    default:
        leave(v, "the daemon breaks the rules");
        break;
    }
}

static void read_messages(struct server *v)
{
    static uint8_t bytes[FMSG_MAX];
    for (unsigned i = 0; i < MESSAGES_A_TURN && !v->is_over; i++) {
        struct fmsg m;
        int fd = -1;
        size_t n_fds = 0;
        ssize_t len = fd_recv(v->sock, bytes, sizeof bytes, &fd, 1, &n_fds, MSG_DONTWAIT);
        if (len == -EAGAIN || len == -EINTR)
            return;
        AUTO_FD int owned = n_fds > 0 ? fd : -1;
        if (len <= 0)
            leave(v, len == 0 ? "the daemon is gone" : strerror((int)-len));
        else if (fmsg_decode(bytes, (size_t)len, &m) < 0)
            leave(v, "the daemon breaks the rules");
        else
            take(v, &m, TAKE_FD(owned));
    }
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct server *v = poll->data;
    if (events & UV_WRITABLE)
        flush(v);
    if (status < 0 || events & UV_READABLE)
        read_messages(v);
}

/* ---- life ---- */

/* The daemon starts another fetcher, with which every source goes on at its byte. */
static void on_broken(void *arg)
{
    struct server *v = arg;
    if (!v->is_over)
        log_error("fetch", "curl can go on with nothing: out of memory?");
    leave(v, "curl is broken");
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct server *v = handle->data;
    (void)close(v->sock);
}

static void end(struct server *v)
{
    struct entry *e, *next;
    HASH_ITER(hh, v->entries, e, next) drop_entry(v, e);
    multi_free(v->context.request.multi);
    uv_close((uv_handle_t *)&v->poll, on_poll_closed);
    (void)uv_run(&v->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&v->loop);
    buf_done(&v->queue);
}

/* Each source takes two descriptors, or a few more: as many as the administrator permits. */
static int raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return SPARE_DESCRIPTORS;
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS_MAX ? limit.rlim_max : DESCRIPTORS_MAX;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    int most = (int)limit.rlim_cur;
    return most > 2 * SPARE_DESCRIPTORS ? most - SPARE_DESCRIPTORS : most / 2;
}

int serve_sources(const struct serve_config *config, int sock)
{
    struct server v = { .sock = sock };
    int r = uv_loop_init(&v.loop);
    if (r < 0)
        return r;
    buf_init(&v.queue, QUEUE_BYTES_MAX);
    v.context = (struct transfer_context){
        .loop = &v.loop,
        .request = config->request,
        .stall_ms = (uint64_t)(config->stall_timeout_s * 1000),
        .give_up_ms = (uint64_t)(config->give_up_s * 1000),
        .idle_ms = (uint64_t)(config->idle_s * 1000),
        .ahead_bytes = AHEAD_BYTES,
        .ahead_bytes_min = AHEAD_BYTES_MIN,
        .memory_bytes = MEMORY_BYTES,
        .held_bytes = &v.held_bytes,
    };
    v.context.request.descriptors_max = raise_descriptor_limit();
    unsigned names = (unsigned)v.context.request.descriptors_max / NAME_DESCRIPTORS;
    v.context.request.names_max = names < NAMES_MAX ? names : NAMES_MAX;
    r = multi_new(&v.loop, on_broken, &v, &v.context.request.multi);
    if (r < 0)
        return r;
    r = uv_poll_init(&v.loop, &v.poll, sock);
    if (r < 0)
        return r;
    v.poll.data = &v;
    watch(&v);
    if (!v.is_over)
        (void)uv_run(&v.loop, UV_RUN_DEFAULT);
    end(&v);
    return 0;
}
