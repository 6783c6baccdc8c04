#include "fetch/multi.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Connections that nobody uses, kept for the next request to the same host. */
enum { IDLE_CONNECTIONS = 32 };

struct multi {
    uv_loop_t *loop;
    void (*broken)(void *arg);
    void *arg;
    CURLM *curl;
    uv_timer_t timer;
    uv_prepare_t prepare;
    uv_idle_t idle;           /* keeps the loop from sleeping while something is touched */
    struct multi_job touched; /* head of a ring */
    unsigned open_handles;
};

/* The poll handle of one of curl's sockets. */
struct socket_watch {
    uv_poll_t poll;
    struct multi *multi;
    curl_socket_t sock;
};

static void collect_results(struct multi *m)
{
    int left;
    CURLMsg *msg;
    while ((msg = curl_multi_info_read(m->curl, &left))) {
        struct multi_job *job = NULL;
        if (msg->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&job);
        job->is_done = true;
        job->result = msg->data.result;
        multi_touch(job);
    }
}

static void drive(struct multi *m, curl_socket_t sock, int events)
{
    int running;
    if (curl_multi_socket_action(m->curl, sock, events, &running) != CURLM_OK)
        m->broken(m->arg);
    collect_results(m);
}

static void on_socket_event(uv_poll_t *poll, int status, int events)
{
    struct socket_watch *w = poll->data;
    int flags = 0;
    /* Reading and writing tell curl what is wrong. Had it the error alone it could not know that a
     * kept connection was closed when it was used again, which is nobody's loss: it tries anew. */
    if (status < 0)
        flags = CURL_CSELECT_ERR | CURL_CSELECT_IN | CURL_CSELECT_OUT;
    if (events & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    drive(w->multi, w->sock, flags); /* may close the watch */
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static struct socket_watch *start_watch(struct multi *m, curl_socket_t sock)
{
    struct socket_watch *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->multi = m;
    w->sock = sock;
    w->poll.data = w;
    if (uv_poll_init_socket(m->loop, &w->poll, sock) < 0) {
        free(w);
        return NULL;
    }
    (void)curl_multi_assign(m->curl, sock, w);
    return w;
}

static int watch_socket(struct multi *m, struct socket_watch *w, curl_socket_t sock, int what)
{
    if (what == CURL_POLL_REMOVE) {
        if (w) {
            (void)curl_multi_assign(m->curl, sock, NULL);
            uv_close((uv_handle_t *)&w->poll, on_watch_closed);
        }
        return 0;
    }
    if (!w)
        w = start_watch(m, sock);
    if (!w)
        return -1;
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    return uv_poll_start(&w->poll, events, on_socket_event) < 0 ? -1 : 0;
}

static int on_socket(CURL *easy, curl_socket_t sock, int what, void *arg, void *socket_arg)
{
    struct multi *m = arg;
    int r = watch_socket(m, socket_arg, sock, what);
    if (r < 0)
        m->broken(m->arg); /* curl, told so, would have nothing to do with any socket any more */
    return r;
}

static void on_timer(uv_timer_t *timer)
{
    drive(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timeout_change(CURLM *curl, long timeout_ms, void *arg)
{
    struct multi *m = arg;
    if (timeout_ms < 0)
        (void)uv_timer_stop(&m->timer);
    else
        (void)uv_timer_start(&m->timer, on_timer, (uint64_t)timeout_ms, 0);
    return 0;
}

static void untouch(struct multi_job *job)
{
    assert(!job->is_touched || (job->prev && job->next));
    if (!job->is_touched)
        return;
    job->prev->next = job->next;
    job->next->prev = job->prev;
    job->is_touched = false;
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct multi *m = prepare->data;
    while (m->touched.next != &m->touched) {
        struct multi_job *job = m->touched.next;
        untouch(job);
        job->settle(job);
        collect_results(m);
    }
    (void)uv_idle_stop(&m->idle);
}

static void on_idle(uv_idle_t *idle)
{
}

void multi_touch(struct multi_job *job)
{
    struct multi *m = job->multi;
    if (job->is_touched)
        return;
    job->is_touched = true;
    job->next = &m->touched;
    job->prev = m->touched.prev;
    job->prev->next = job;
    m->touched.prev = job;
    (void)uv_idle_start(&m->idle, on_idle);
}

int multi_add(struct multi_job *job)
{
    assert(job->multi && job->settle && !job->is_added);
    job->is_done = false;
    (void)curl_easy_setopt(job->easy, CURLOPT_PRIVATE, job);
    if (curl_multi_add_handle(job->multi->curl, job->easy) != CURLM_OK)
        return -ENOMEM;
    job->is_added = true;
    return 0;
}

void multi_remove(struct multi_job *job)
{
    untouch(job);
    if (job->is_added)
        (void)curl_multi_remove_handle(job->multi->curl, job->easy);
    job->is_added = false;
    job->is_done = false;
}

int multi_new(uv_loop_t *loop, void (*broken)(void *arg), void *arg, struct multi **ret_multi)
{
    struct multi *m = calloc(1, sizeof *m);
    if (!m)
        return -ENOMEM;
    m->curl = curl_multi_init();
    if (!m->curl) {
        free(m);
        return -ENOMEM;
    }
    m->loop = loop;
    m->broken = broken;
    m->arg = arg;
    m->touched.next = m->touched.prev = &m->touched;
    (void)uv_timer_init(loop, &m->timer);
    (void)uv_prepare_init(loop, &m->prepare);
    (void)uv_idle_init(loop, &m->idle);
    m->timer.data = m->prepare.data = m->idle.data = m;
    m->open_handles = 3;
    (void)uv_prepare_start(&m->prepare, on_prepare);
    (void)curl_multi_setopt(m->curl, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(m->curl, CURLMOPT_SOCKETDATA, m);
    (void)curl_multi_setopt(m->curl, CURLMOPT_TIMERFUNCTION, on_timeout_change);
    (void)curl_multi_setopt(m->curl, CURLMOPT_TIMERDATA, m);
    (void)curl_multi_setopt(m->curl, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS);
    /* One transfer a connection: a paused one would hold up the others of its connection. */
    (void)curl_multi_setopt(m->curl, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    *ret_multi = m;
    return 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct multi *m = handle->data;
    if (--m->open_handles == 0)
        free(m);
}

void multi_free(struct multi *m)
{
    if (!m)
        return;
    (void)curl_multi_cleanup(m->curl);
    uv_close((uv_handle_t *)&m->timer, on_handle_closed);
    uv_close((uv_handle_t *)&m->prepare, on_handle_closed);
    uv_close((uv_handle_t *)&m->idle, on_handle_closed);
}
