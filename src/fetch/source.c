#include "fetch/source.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

enum {
    STREAMS = 1 + SMSG_STREAMS_MAX,
    MESSAGES_A_TURN = 16, /* then the other sources have theirs */
};

/* A stream, and what its reader is still to be told of it. */
struct slot {
    struct served_source *source;
    struct stream *stream; /* NULL: free */
    uint32_t serial;       /* of OPEN */
    bool is_opening;       /* OPEN is not answered yet */
};

struct served_source {
    const struct transfer_context *context;
    struct served_source_ops ops;
    uint32_t id;
    int sock;
    uv_poll_t poll;
    struct jar *jar;
    struct slot slots[STREAMS]; /* [0]: the root */
    bool is_blocked;            /* the worker's queue is full */
    bool is_reset_due;          /* READY is owed, with this epoch: */
    uint64_t epoch;
};

static void on_socket(uv_poll_t *poll, int status, int events);

static void watch(struct served_source *s)
{
    int events = UV_READABLE | (s->is_blocked ? UV_WRITABLE : 0);
    (void)uv_poll_start(&s->poll, events, on_socket);
}

static void say(struct served_source *s, struct fmsg *m)
{
    m->id = s->id;
    s->ops.say(m, s->ops.arg);
}

/* A worker that breaks the rules, or sends an empty message, which looks like the end of all
 * workers, is heard no more: the source is over. */
static void shut(struct served_source *s, const char *why)
{
    struct fmsg m = { .type = FMSG_FAILED,
                      .failed = { .code = TUTTI_E_INTERNAL },
                      .why = "the reader broke the rules" };
    log_debug("fetch", "source %u: %s: its reader is dropped", s->id, why);
    say(s, &m);
    (void)uv_poll_stop(&s->poll);
    (void)shutdown(s->sock, SHUT_RDWR);
    for (unsigned i = 0; i < STREAMS; i++) {
        if (s->slots[i].stream)
            stream_forget_read(s->slots[i].stream);
    }
    s->is_reset_due = false;
}

/* ---- to the worker ---- */

static int send_message(struct served_source *s, const struct smsg *m, const struct iovec *data,
                        size_t n_data)
{
    static uint8_t bytes[SMSG_MAX];
    struct iovec iov[1 + SMSG_DATA_MAX / WINDOW_BLOCK_BYTES + 1];
    assert(1 + n_data <= sizeof iov / sizeof iov[0]);
    iov[0] = (struct iovec){ bytes, smsg_encode(m, bytes, sizeof bytes) };
    for (size_t i = 0; i < n_data; i++)
        iov[1 + i] = data[i];
    struct msghdr h = { .msg_iov = iov, .msg_iovlen = 1 + n_data };
    if (sendmsg(s->sock, &h, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return 0;
    if (errno != EAGAIN && errno != ENOBUFS)
        return -errno;
    s->is_blocked = true;
    watch(s);
    return -EAGAIN;
}

static int on_stream_send(const struct smsg *m, const struct iovec *data, size_t n_data, void *arg)
{
    struct slot *slot = arg;
    return send_message(slot->source, m, data, n_data);
}

static void send_facts(struct slot *slot)
{
    assert(slot->stream);
    struct served_source *s = slot->source;
    const struct resource *r = &slot->stream->resource;
    bool is_root = slot == &s->slots[0];
    if (is_root ? !s->is_reset_due : !slot->is_opening)
        return;
    if (!slot->stream->is_known_told && !slot->stream->is_failed)
        return;
    struct smsg m = {
        .type = is_root ? SMSG_READY : SMSG_OPENED,
        .stream = slot->stream->id,
        .facts = { .epoch = is_root ? s->epoch : 0,
                   .serial = is_root ? 0 : slot->serial,
                   .flags = r->facts,
                   .length = r->is_known ? r->length : -1,
                   .kind = (uint32_t)r->kind },
        .content_type = r->content_type,
        .url = r->base ? r->base : r->url,
    };
    if (send_message(s, &m, NULL, 0) < 0)
        return;
    if (is_root)
        s->is_reset_due = false;
    else
        slot->is_opening = false;
}

static void close_slot(struct slot *slot)
{
    stream_free(slot->stream);
    slot->stream = NULL;
    slot->is_opening = false;
}

/* OPEN cannot be done. */
static void refuse_open(struct slot *slot, const struct judgement *why)
{
    assert(slot->stream && slot->is_opening);
    struct smsg m = {
        .type = SMSG_ERROR,
        .stream = slot->stream->id,
        .error = { .serial = slot->serial, .code = why->code, .http_status = why->status },
        .text = why->why
    };
    if (send_message(slot->source, &m, NULL, 0) != -EAGAIN)
        slot->is_opening = false;
}

/* Whatever is owed to the worker and may have a place now. */
static void flush(struct served_source *s)
{
    for (unsigned i = 0; i < STREAMS && !s->is_blocked; i++) {
        struct slot *slot = &s->slots[i];
        if (!slot->stream)
            continue;
        if (i > 0 && slot->is_opening && slot->stream->is_failed)
            refuse_open(slot, &slot->stream->failure);
        else
            send_facts(slot);
        stream_flush(slot->stream);
    }
}

/* ---- news of streams ---- */

static bool is_root(const struct slot *slot)
{
    return slot == &slot->source->slots[0];
}

static void on_known(struct stream *stream, void *arg)
{
    struct slot *slot = arg;
    const struct resource *r = &stream->resource;
    if (is_root(slot)) {
        struct fmsg m = {
            .type = FMSG_HEAD,
            .head = { .length = r->length, .facts = r->facts, .kind = (uint32_t)r->kind },
            .content_type = r->content_type,
            .base = r->base ? r->base : r->url,
            .validator = r->validator,
            .name = r->name
        };
        say(slot->source, &m);
    }
    send_facts(slot);
}

static void on_failed(struct stream *stream, const struct judgement *why, void *arg)
{
    struct slot *slot = arg;
    log_debug("fetch", "source %u stream %u: %s", slot->source->id, stream->id, why->why);
    if (is_root(slot)) {
        struct fmsg m = { .type = FMSG_FAILED,
                          .failed = { .code = why->code, .http_status = why->status },
                          .why = why->why };
        say(slot->source, &m);
        send_facts(slot);
    } else if (slot->is_opening) {
        refuse_open(slot, why);
    }
}

static void on_changed(struct stream *stream, void *arg)
{
    struct slot *slot = arg;
    struct fmsg m = { .type = FMSG_CHANGED, .why = "" };
    if (is_root(slot))
        say(slot->source, &m);
    else if (slot->is_opening)
        refuse_open(slot, &stream->failure);
}

static void on_expired(struct stream *stream, unsigned status, const char *why, void *arg)
{
    struct slot *slot = arg;
    struct fmsg m = { .type = FMSG_EXPIRED, .failed = { .http_status = status }, .why = why };
    say(slot->source, &m); /* only the root can be relinked */
}

static void on_reconnected(struct stream *stream, const char *why, void *arg)
{
    struct slot *slot = arg;
    struct fmsg m = { .type = FMSG_RECONNECTED, .why = why };
    if (!slot->source->slots[0].stream->is_known_told)
        return; /* the daemon does not know yet that there was anything to lose */
    say(slot->source, &m);
}

static void on_live(struct stream *stream, void *arg)
{
    struct slot *slot = arg;
    struct fmsg m = { .type = FMSG_LIVE };
    log_debug("fetch", "source %u stream %u is live", slot->source->id, stream->id);
    if (is_root(slot))
        say(slot->source, &m);
}

static int make_stream(struct slot *slot, uint32_t id, const char *url, const char *headers)
{
    assert(!slot->stream);
    struct stream_ops ops = { on_stream_send, on_known,       on_failed, on_changed,
                              on_expired,     on_reconnected, on_live,   slot };
    int r = stream_new(slot->source->context, id, url, headers, &ops, &slot->stream);
    if (r == 0)
        slot->stream->resource.jar = slot->source->jar;
    return r;
}

/* ---- from the worker ---- */

static struct slot *find_slot(struct served_source *s, uint32_t stream)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        if (s->slots[i].stream && s->slots[i].stream->id == stream)
            return &s->slots[i];
    }
    return NULL;
}

static void reset(struct served_source *s, uint64_t epoch)
{
    for (unsigned i = 1; i < STREAMS; i++)
        close_slot(&s->slots[i]);
    stream_begin_again(s->slots[0].stream);
    s->epoch = epoch;
    s->is_reset_due = true;
    send_facts(&s->slots[0]);
}

static int open_stream(struct served_source *s, const struct smsg *m)
{
    unsigned i = 1;
    while (i < STREAMS && s->slots[i].stream)
        i++;
    if (i == STREAMS || find_slot(s, m->stream))
        return -EPROTO;
    struct slot *slot = &s->slots[i];
    const struct resource *root = &s->slots[0].stream->resource;
    bool inherits = *m->headers == '\0';
    if (make_stream(slot, m->stream, m->url, inherits ? root->headers : m->headers) < 0)
        return -ENOMEM;
    /* A list may name any host: what is the user's is still for the root's only. */
    slot->stream->resource.home = inherits ? strdup(root->url) : NULL;
    if (inherits && !slot->stream->resource.home) {
        close_slot(slot);
        return -ENOMEM;
    }
    slot->serial = m->open.serial;
    slot->is_opening = true;
    slot->stream->resource.end = m->open.end;
    slot->stream->resource.wants_icy = slot->stream->resource.live.is_entry = m->open.is_entry;
    stream_start(slot->stream, m->open.at);
    return 0;
}

static int take(struct served_source *s, const struct smsg *m)
{
    struct slot *slot = find_slot(s, m->stream);
    switch (m->type) {
    case SMSG_RESET:
        reset(s, m->epoch);
        return 0;
    case SMSG_OPEN:
        return open_stream(s, m);
    case SMSG_READ:
        if (!slot || slot->is_opening || (is_root(slot) && s->is_reset_due))
            return -EPROTO;
        return stream_read(slot->stream, &m->read);
    case SMSG_CLOSE:
        if (!slot)
            return -EPROTO;
        close_slot(slot);
        return 0;
    default:
        return -EPROTO;
    }
}

static void read_messages(struct served_source *s)
{
    static uint8_t bytes[SMSG_MAX];
    for (unsigned i = 0; i < MESSAGES_A_TURN; i++) {
        struct smsg m;
        size_t n_fds;
        ssize_t len = fd_recv(s->sock, bytes, sizeof bytes, NULL, 0, &n_fds, MSG_DONTWAIT);
        if (len == -EAGAIN || len == -EINTR)
            return;
        int r = len < 0 ? (int)len : len == 0 ? -EPIPE : smsg_decode(bytes, (size_t)len, &m);
        if (r == 0)
            r = take(s, &m);
        if (r < 0) {
            shut(s, strerror(-r));
            return;
        }
    }
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct served_source *s = poll->data;
    if (status < 0) /* libuv polls no more, but there may be more to read than in one turn */
        watch(s);
    if (events & UV_WRITABLE) {
        s->is_blocked = false;
        flush(s);
        watch(s);
    }
    if (status < 0 || events & UV_READABLE)
        read_messages(s);
}

/* ---- life ---- */

static void resume_root(struct stream *root, const struct fmsg *m)
{
    struct resource *r = &root->resource;
    r->is_known = true;
    r->length = r->sent_length = m->source.length;
    r->facts = m->source.facts;
    r->live.is_icy = r->facts & FETCH_LIVE;
    r->gives_parts = r->facts & FETCH_RANGES;
    r->is_unranged = !r->gives_parts; /* it may come packed */
    r->kind = (enum fetch_kind)m->source.kind;
    (void)snprintf(r->validator, sizeof r->validator, "%s", m->validator);
    (void)snprintf(r->content_type, sizeof r->content_type, "%s", m->content_type);
    r->base = *m->base ? strdup(m->base) : NULL;
    stream_place(root);
}

int served_source_new(const struct transfer_context *context, const struct fmsg *m, int sock,
                      const struct served_source_ops *ops, struct served_source **ret_source)
{
    AUTO_FD int fd = sock;
    struct served_source *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->context = context;
    s->ops = *ops;
    s->id = m->id;
    for (unsigned i = 0; i < STREAMS; i++)
        s->slots[i].source = s;
    int r = jar_new(&s->jar);
    if (r == 0)
        r = make_stream(&s->slots[0], 0, m->url, m->headers);
    if (r == 0)
        r = uv_poll_init(context->loop, &s->poll, fd);
    if (r < 0) {
        stream_free(s->slots[0].stream);
        jar_free(s->jar);
        free(s);
        return r;
    }
    s->sock = TAKE_FD(fd);
    s->poll.data = s;
    struct stream *root = s->slots[0].stream;
    root->resource.wants_icy = true;
    root->resource.is_relinkable = m->source.flags & FMSG_RELINKABLE;
    watch(s);
    *ret_source = s;
    if (m->source.flags & FMSG_RESUMED)
        resume_root(root, m);
    else
        stream_start(root, 0);
    return 0;
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct served_source *s = handle->data;
    (void)close(s->sock);
    free(s);
}

void served_source_free(struct served_source *s)
{
    if (!s)
        return;
    for (unsigned i = 0; i < STREAMS; i++)
        close_slot(&s->slots[i]);
    jar_free(s->jar);
    uv_close((uv_handle_t *)&s->poll, on_poll_closed);
}

uint32_t served_source_id(const struct served_source *s)
{
    return s->id;
}

int served_source_relink(struct served_source *s, const char *url, const char *headers)
{
    return stream_relink(s->slots[0].stream, url, headers);
}

unsigned served_source_count_streams(const struct served_source *s)
{
    unsigned n = 0;
    for (unsigned i = 0; i < STREAMS; i++)
        n += s->slots[i].stream != NULL;
    return n;
}
