#include "link/fetcher.h"

#include "base/cleanup.h"
#include "link/fetch_process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uthash.h>

/* What is to be told to the owner of a source, from the loop. */
enum news { NEWS_FAILED = 1, NEWS_CHANGED = 2, NEWS_EXPIRED = 4, NEWS_REPLACED = 8 };

struct fetcher {
    struct fetch_process *process;
    struct fetch_source *sources; /* by id */
    uint32_t next_id;
    uv_timer_t teller; /* has news for some source */
    uint32_t *drops;   /* that could not be sent yet */
    size_t n_drops, drops_size;
};

struct fetch_source {
    struct fetcher *fetcher;
    uint32_t id;
    struct fetch_source_ops ops;
    char *url, *headers;
    bool is_relinkable;
    int worker_fd; /* the worker's end */
    int their_fd;  /* the fetcher's, until it has it */
    bool is_given; /* somebody has a dup of the worker's end */
    bool is_relink_due, is_over;
    bool is_expired; /* waits for another link */
    unsigned news;   /* enum news */
    /* what HEAD said, for the next fetcher */
    bool is_known;
    struct fmsg_head head;
    char *validator, *content_type, *base;
    /* what FAILED or EXPIRED said */
    enum tutti_error code;
    unsigned http_status;
    char why[FETCH_LINE_MAX + 1];
    UT_hash_handle hh;
};

/* ---- to the fetcher ---- */

static int announce(struct fetch_source *s)
{
    assert(s->their_fd >= 0);
    struct fmsg m = { .type = FMSG_SOURCE, .id = s->id, .url = s->url, .headers = s->headers };
    m.source.length = -1;
    m.source.flags = s->is_relinkable ? FMSG_RELINKABLE : 0;
    if (s->is_known) {
        m.source.flags |= FMSG_RESUMED;
        m.source.length = s->head.length;
        m.source.facts = s->head.facts;
        m.source.kind = s->head.kind;
        m.validator = s->validator;
        m.content_type = s->content_type;
        m.base = s->base;
    }
    int r = fetch_process_send(s->fetcher->process, &m, s->their_fd);
    if (r == 0) {
        (void)close(s->their_fd);
        s->their_fd = -1;
        s->is_relink_due = false; /* the announcement had the newest link */
    }
    return r;
}

static int send_relink(struct fetch_source *s)
{
    struct fmsg m = { .type = FMSG_RELINK, .id = s->id, .url = s->url, .headers = s->headers };
    int r = fetch_process_send(s->fetcher->process, &m, -1);
    if (r == 0)
        s->is_relink_due = false;
    return r;
}

static int send_what_is_due(struct fetch_source *s)
{
    if (s->is_over)
        return 0;
    if (s->their_fd >= 0)
        return announce(s);
    return s->is_relink_due ? send_relink(s) : 0;
}

static void on_writable(void *arg)
{
    struct fetcher *f = arg;
    while (f->n_drops > 0) {
        struct fmsg m = { .type = FMSG_DROP, .id = f->drops[f->n_drops - 1] };
        if (fetch_process_send(f->process, &m, -1) == -EAGAIN)
            return;
        f->n_drops--;
    }
    for (struct fetch_source *s = f->sources; s; s = s->hh.next) {
        if (send_what_is_due(s) == -EAGAIN)
            return;
    }
}

/* Without memory for the note the source stays with the fetcher until it sees its socket closed:
 * it is not asked for anything any more. */
static void note_drop(struct fetcher *f, uint32_t id)
{
    assert(f->n_drops <= f->drops_size);
    if (f->n_drops == f->drops_size) {
        size_t size = f->drops_size ? 2 * f->drops_size : 64;
        uint32_t *longer = reallocarray(f->drops, size, sizeof *longer);
        if (!longer)
            return;
        f->drops = longer;
        f->drops_size = size;
    }
    f->drops[f->n_drops++] = id;
}

static void drop(struct fetch_source *s)
{
    struct fetcher *f = s->fetcher;
    struct fmsg m = { .type = FMSG_DROP, .id = s->id };
    if (s->their_fd < 0 && fetch_process_send(f->process, &m, -1) == -EAGAIN)
        note_drop(f, s->id);
}

/* ---- news for the owners ---- */

static void fail(struct fetch_source *s, enum tutti_error code, const char *why);

static void tell(struct fetch_source *s)
{
    assert(s->news != 0);
    const struct fetch_source_ops *o = &s->ops;
    unsigned news = s->news;
    s->news = 0;
    /* Nothing of `s` is touched after a call: the callee may have freed it. */
    if (news & NEWS_FAILED && o->failed) {
        o->failed(s->code, s->http_status, s->why, o->arg);
    } else if (news & NEWS_CHANGED && o->changed) {
        o->changed(o->arg);
    } else if (news & NEWS_EXPIRED && o->expired) {
        s->news = news & NEWS_REPLACED;
        o->expired(s->http_status, o->arg);
    } else if (news & NEWS_REPLACED && o->replaced) {
        int fd = fcntl(s->worker_fd, F_DUPFD_CLOEXEC, 3);
        if (fd >= 0)
            o->replaced(fd, o->arg);
        else /* the reader's old one is of no use any more */
            fail(s, TUTTI_E_INTERNAL, "no descriptors are left for a source");
    }
}

static void on_tell(uv_timer_t *timer)
{
    struct fetcher *f = timer->data;
    struct fetch_source *s = f->sources;
    while (s) {
        if (!s->news) {
            s = s->hh.next;
            continue;
        }
        tell(s);
        s = f->sources; /* any of them may be gone */
    }
}

static void tell_later(struct fetch_source *s, unsigned news)
{
    s->news |= news;
    (void)uv_timer_start(&s->fetcher->teller, on_tell, 0, 0);
}

/* ---- from the fetcher ---- */

static int replace_text(char **field, const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    free(*field);
    *field = copy;
    return 0;
}

static void fail(struct fetch_source *s, enum tutti_error code, const char *why)
{
    if (s->is_over)
        return;
    s->is_over = true;
    s->code = code;
    s->http_status = 0;
    (void)snprintf(s->why, sizeof s->why, "%s", why);
    tell_later(s, NEWS_FAILED);
}

static void take_head(struct fetch_source *s, const struct fmsg *m)
{
    if (s->is_known)
        return;
    if (replace_text(&s->validator, m->validator) < 0 ||
        replace_text(&s->content_type, m->content_type) < 0 ||
        replace_text(&s->base, m->base) < 0) {
        fail(s, TUTTI_E_INTERNAL, "out of memory");
        return;
    }
    s->is_known = true;
    s->head = m->head;
    struct fetch_head head = { .length = m->head.length,
                               .flags = m->head.facts,
                               .kind = (enum fetch_kind)m->head.kind,
                               .content_type = m->content_type,
                               .url = m->base,
                               .name = m->name };
    if (s->ops.head)
        s->ops.head(&head, s->ops.arg);
}

static void take_failure(struct fetch_source *s, const struct fmsg *m, unsigned news)
{
    assert(news == NEWS_FAILED || news == NEWS_EXPIRED);
    s->is_over = news != NEWS_EXPIRED;
    s->is_expired = news == NEWS_EXPIRED;
    s->code = (enum tutti_error)m->failed.code;
    s->http_status = m->failed.http_status;
    (void)snprintf(s->why, sizeof s->why, "%s", m->why);
    tell_later(s, news);
}

static void on_message(const struct fmsg *m, void *arg)
{
    struct fetcher *f = arg;
    struct fetch_source *s = NULL;
    HASH_FIND(hh, f->sources, &m->id, sizeof m->id, s);
    if (!s || s->is_over)
        return; /* said before it heard of the end */
    switch (m->type) {
    case FMSG_HEAD:
        take_head(s, m);
        break;
    case FMSG_FAILED:
        take_failure(s, m, NEWS_FAILED);
        break;
    case FMSG_EXPIRED:
        take_failure(s, m, NEWS_EXPIRED);
        break;
    case FMSG_CHANGED:
        s->is_over = true;
        tell_later(s, NEWS_CHANGED);
        break;
    case FMSG_RECONNECTED:
        if (s->ops.reconnected)
            s->ops.reconnected(m->why, s->ops.arg);
        break;
    case FMSG_LIVE:
        s->head.facts = FETCH_LIVE;
        s->head.length = -1;
        break;
    default: /* its own messages, sent back: of no meaning */
        break;
    }
}

/* ---- another fetcher ---- */

static int make_pair(struct fetch_source *s)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    if (s->worker_fd >= 0)
        (void)close(s->worker_fd);
    if (s->their_fd >= 0)
        (void)close(s->their_fd);
    s->worker_fd = pair[0];
    s->their_fd = pair[1];
    return 0;
}

static void on_replaced(void *arg)
{
    struct fetcher *f = arg;
    f->n_drops = 0;
    for (struct fetch_source *s = f->sources; s; s = s->hh.next) {
        if (s->is_over)
            continue;
        if (s->their_fd >= 0) {
            (void)send_what_is_due(s); /* the dead one had never had it */
        } else if (make_pair(s) < 0) {
            fail(s, TUTTI_E_INTERNAL, "no descriptors are left for a source");
        } else {
            (void)announce(s);
            if (s->is_given)
                tell_later(s, NEWS_REPLACED);
        }
    }
}

static void on_hopeless(const char *why, void *arg)
{
    struct fetcher *f = arg;
    for (struct fetch_source *s = f->sources; s; s = s->hh.next)
        fail(s, TUTTI_E_INTERNAL, why);
}

/* ---- sources ---- */

int fetch_source_new(struct fetcher *f, const char *url, const char *headers, bool relinkable,
                     const struct fetch_source_ops *ops, struct fetch_source **ret_source)
{
    headers = headers ? headers : "";
    if (!fetch_text_is_sane(FETCH_TEXT_URL, url) ||
        !fetch_text_is_sane(FETCH_TEXT_HEADERS, headers))
        return -EINVAL;
    int r = fetch_process_start(f->process);
    if (r < 0)
        return r;
    struct fetch_source *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->fetcher = f;
    s->ops = *ops;
    s->is_relinkable = relinkable;
    s->worker_fd = s->their_fd = -1;
    s->id = f->next_id++;
    s->url = strdup(url);
    s->headers = strdup(headers);
    r = s->url && s->headers ? make_pair(s) : -ENOMEM;
    if (r == 0) {
        HASH_ADD(hh, f->sources, id, sizeof s->id, s);
        r = s->hh.tbl ? 0 : -ENOMEM;
    }
    if (r < 0) {
        fetch_source_free(s);
        return r;
    }
    (void)announce(s); /* now, or when there is room, or to the next fetcher */
    *ret_source = s;
    return 0;
}

void fetch_source_free(struct fetch_source *s)
{
    if (!s)
        return;
    if (s->hh.tbl) {
        drop(s);
        HASH_DEL(s->fetcher->sources, s);
    }
    if (s->worker_fd >= 0)
        (void)close(s->worker_fd);
    if (s->their_fd >= 0)
        (void)close(s->their_fd);
    free(s->url);
    free(s->headers);
    free(s->validator);
    free(s->content_type);
    free(s->base);
    free(s);
}

void fetch_source_set_ops(struct fetch_source *s, const struct fetch_source_ops *ops)
{
    s->ops = *ops;
    if (s->is_over && !s->news)
        tell_later(s, s->code != TUTTI_OK ? NEWS_FAILED : NEWS_CHANGED);
    if (s->is_expired && !s->news)
        tell_later(s, NEWS_EXPIRED);
}

int fetch_source_fd(struct fetch_source *s)
{
    int fd = fcntl(s->worker_fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return -errno;
    s->is_given = true;
    return fd;
}

int fetch_source_relink(struct fetch_source *s, const char *url, const char *headers)
{
    headers = headers ? headers : "";
    if (!fetch_text_is_sane(FETCH_TEXT_URL, url) ||
        !fetch_text_is_sane(FETCH_TEXT_HEADERS, headers))
        return -EINVAL;
    if (s->is_over)
        return 0;
    if (replace_text(&s->url, url) < 0 || replace_text(&s->headers, headers) < 0)
        return -ENOMEM;
    free(TAKE_PTR(s->base));
    free(TAKE_PTR(s->validator)); /* another link may have another */
    s->is_relink_due = true;
    s->is_expired = false;
    s->news &= ~(unsigned)NEWS_EXPIRED;
    (void)send_what_is_due(s);
    return 0;
}

bool fetch_source_is_relinkable(const struct fetch_source *s)
{
    return s->is_relinkable;
}

const char *fetch_source_url(const struct fetch_source *s)
{
    return s->url;
}

/* ---- the fetcher ---- */

static void destroy(struct fetcher *f)
{
    free(f->drops);
    free(f);
}

int fetcher_new(uv_loop_t *loop, const struct fetcher_config *config, struct fetcher **ret_fetcher)
{
    struct fetcher *f = calloc(1, sizeof *f);
    if (!f)
        return -ENOMEM;
    f->next_id = 1;
    struct fetch_process_ops ops = { on_message, on_writable, on_replaced, on_hopeless, f };
    int r = fetch_process_new(loop, config, &ops, &f->process);
    if (r < 0) {
        destroy(f);
        return r;
    }
    (void)uv_timer_init(loop, &f->teller);
    f->teller.data = f;
    *ret_fetcher = f;
    return 0;
}

static void on_teller_closed(uv_handle_t *handle)
{
    destroy(handle->data);
}

void fetcher_free(struct fetcher *f)
{
    if (!f)
        return;
    fetch_process_free(f->process);
    uv_close((uv_handle_t *)&f->teller, on_teller_closed);
}

pid_t fetcher_pid(const struct fetcher *f)
{
    return fetch_process_pid(f->process);
}

size_t fetcher_count(const struct fetcher *f)
{
    return HASH_COUNT(f->sources);
}
