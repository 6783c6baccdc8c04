#include "voice/names.h"

#include <ares.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum { LOOK_MS = 250, TIMEOUT_MS = 2500, TRIES = 3, PORT_CHARS = 6 };

/* A descriptor of c-ares'. */
struct names_watch {
    uv_poll_t poll;
    struct names *names;
    ares_socket_t fd;
    struct names_watch *next;
};

struct names_query {
    struct names *names;
    names_fn fn; /* NULL: it was cancelled */
    void *arg;
    struct names_query **place; /* where its starter has it */
};

struct names {
    uv_loop_t *loop;
    ares_channel channel;
    uv_timer_t timer;
    unsigned n_running;
    struct names_watch *watches;
};

static void on_event(uv_poll_t *poll, int status, int events)
{
    const struct names_watch *w = poll->data;
    ares_socket_t readable = status < 0 || events & UV_READABLE ? w->fd : ARES_SOCKET_BAD;
    ares_socket_t writable = status < 0 || events & UV_WRITABLE ? w->fd : ARES_SOCKET_BAD;
    ares_process_fd(w->names->channel, readable, writable);
}

static void on_timer(uv_timer_t *timer)
{
    struct names *n = timer->data;
    ares_process_fd(n->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void drop_watch(struct names *n, struct names_watch *w)
{
    LL_DELETE(n->watches, w);
    uv_close((uv_handle_t *)&w->poll, on_watch_closed);
}

static struct names_watch *make_watch(struct names *n, ares_socket_t fd)
{
    struct names_watch *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->names = n;
    w->fd = fd;
    w->poll.data = w;
    if (uv_poll_init(n->loop, &w->poll, fd) < 0) {
        free(w);
        return NULL;
    }
    LL_PREPEND(n->watches, w);
    return w;
}

/* Without memory for a watch the query ends by its time-out. */
static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct names *n = arg;
    struct names_watch *w;
    LL_SEARCH_SCALAR(n->watches, w, fd, fd);
    if (!readable && !writable) {
        if (w)
            drop_watch(n, w);
        return;
    }
    if (!w)
        w = make_watch(n, fd);
    if (w)
        (void)uv_poll_start(&w->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
                            on_event);
}

int names_new(uv_loop_t *loop, struct names **ret_names)
{
    struct names *n = calloc(1, sizeof *n);
    if (!n)
        return -ENOMEM;
    n->loop = loop;
    struct ares_options options = { .timeout = TIMEOUT_MS,
                                    .tries = TRIES,
                                    .sock_state_cb = on_socket_state,
                                    .sock_state_cb_data = n };
    if (ares_init_options(&n->channel, &options,
                          ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) !=
        ARES_SUCCESS) {
        free(n);
        return -ENOMEM;
    }
    (void)uv_timer_init(loop, &n->timer);
    n->timer.data = n;
    *ret_names = n;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void names_free(struct names *n)
{
    if (!n)
        return;
    ares_destroy(n->channel);
    assert(n->n_running == 0 && !n->watches);
    uv_close((uv_handle_t *)&n->timer, on_closed);
}

static size_t copy_addresses(const struct ares_addrinfo *found,
                             struct sockaddr_storage addresses[NAMES_ADDRESSES_MAX])
{
    size_t n = 0;
    const struct ares_addrinfo_node *node = found ? found->nodes : NULL;
    for (; node && n < NAMES_ADDRESSES_MAX; node = node->ai_next) {
        if ((node->ai_family != AF_INET && node->ai_family != AF_INET6) ||
            node->ai_addrlen > sizeof addresses[0])
            continue;
        memset(&addresses[n], 0, sizeof addresses[n]);
        memcpy(&addresses[n++], node->ai_addr, node->ai_addrlen);
    }
    return n;
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
    struct names_query *q = arg;
    struct sockaddr_storage addresses[NAMES_ADDRESSES_MAX];
    size_t n = status == ARES_SUCCESS ? copy_addresses(found, addresses) : 0;
    if (found)
        ares_freeaddrinfo(found);
    assert(q->names->n_running > 0);
    if (--q->names->n_running == 0)
        (void)uv_timer_stop(&q->names->timer);
    if (q->fn) {
        *q->place = NULL;
        q->fn(addresses, n,
              n > 0 ? "" : ares_strerror(status == ARES_SUCCESS ? ARES_ENODATA : status), q->arg);
    }
    free(q);
}

int names_start(struct names *n, const char *host, uint16_t port, names_fn fn, void *arg,
                struct names_query **ret_query)
{
    struct names_query *q = calloc(1, sizeof *q);
    char service[PORT_CHARS];
    if (!q)
        return -ENOMEM;
    *q = (struct names_query){ .names = n, .fn = fn, .arg = arg, .place = ret_query };
    *ret_query = q;
    (void)snprintf(service, sizeof service, "%u", (unsigned)port);
    if (n->n_running++ == 0)
        (void)uv_timer_start(&n->timer, on_timer, LOOK_MS, LOOK_MS);
    const struct ares_addrinfo_hints hints = { .ai_flags = ARES_AI_NUMERICSERV,
                                               .ai_family = AF_UNSPEC,
                                               .ai_socktype = SOCK_STREAM };
    ares_getaddrinfo(n->channel, host, service, &hints, on_answer, q);
    return 0;
}

void names_cancel(struct names_query *q)
{
    q->fn = NULL;
    *q->place = NULL;
}
