#include "media/remote.h"

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { MESSAGES_A_CALL = 64, STREAMS = SMSG_STREAMS_MAX + 1 };

enum state {
    STREAM_OPENING, /* OPEN or RESET was sent */
    STREAM_OPEN,
    STREAM_FAILED,
};

enum answer {
    ANSWER_NONE,
    ANSWER_DATA,
    ANSWER_END,
    ANSWER_CUT,
};

struct remote_stream {
    uint32_t id; /* 0: the root */
    enum state state;
    uint32_t open_serial;
    char *asked_url; /* NULL: the root */
    int64_t from, end;
    bool is_entry;
    /* what is known of it */
    int64_t length;
    unsigned flags;
    enum fetch_kind kind;
    char *content_type;
    char *url;
    /* the READ that is outstanding or answered; serial 0: none */
    uint32_t serial;
    int64_t at;
    uint32_t len;
    enum answer answer;
    uint8_t *data;
    size_t n_data;
    bool cut;
    struct failure failure;
};

struct remote {
    int sock; /* −1: the fetcher is gone */
    uint64_t epoch;
    bool ready; /* READY of this epoch has come */
    uint32_t last_serial;
    uint32_t last_id;
    struct remote_stream *streams[STREAMS]; /* [0]: the root */
    char title[FETCH_LINE_MAX + 1];
    bool title_is_new;
    uint8_t bytes[SMSG_MAX];
};

static void lose(struct remote *r, const char *why)
{
    if (r->sock < 0)
        return;
    log_info("remote", "the fetcher is gone: %s", why);
    (void)close(TAKE_FD(r->sock));
}

static void send_message(struct remote *r, const struct smsg *m)
{
    if (r->sock < 0)
        return;
    struct pollfd p = { .fd = r->sock, .events = POLLOUT };
    size_t len = smsg_encode(m, r->bytes, sizeof r->bytes);
    int e;
    /* The fetcher takes all that comes, sooner or later. */
    while ((e = fd_send(r->sock, r->bytes, len, NULL, 0, MSG_DONTWAIT)) == -EAGAIN)
        (void)poll(&p, 1, -1);
    if (e < 0)
        lose(r, strerror(-e));
}

static uint32_t next_serial(struct remote *r)
{
    if (++r->last_serial == 0)
        r->last_serial = 1;
    return r->last_serial;
}

static void send_open(struct remote *r, struct remote_stream *s)
{
    s->state = STREAM_OPENING;
    s->open_serial = next_serial(r);
    struct smsg m = {
        .type = SMSG_OPEN,
        .stream = s->id,
        .open = { .serial = s->open_serial, .is_entry = s->is_entry, .at = s->from, .end = s->end },
        .url = s->asked_url,
        .headers = "",
    };
    send_message(r, &m);
}

static void send_read(struct remote *r, struct remote_stream *s)
{
    assert(s->state == STREAM_OPEN);
    s->serial = next_serial(r);
    s->answer = ANSWER_NONE;
    struct smsg m = {
        .type = SMSG_READ,
        .stream = s->id,
        .read = { .serial = s->serial, .len = s->len, .at = s->at },
    };
    send_message(r, &m);
}

/* All that was asked for is forgotten there; what is open here is opened again. */
static void send_reset(struct remote *r)
{
    r->epoch = r->epoch + 1 + (clock_now_ns() << 8);
    r->ready = false;
    struct smsg m = { .type = SMSG_RESET, .epoch = r->epoch };
    send_message(r, &m);
    r->streams[0]->state = STREAM_OPENING;
    for (int i = 1; i < STREAMS; i++) {
        struct remote_stream *s = r->streams[i];
        if (s && s->state != STREAM_FAILED)
            send_open(r, s);
    }
}

static struct remote_stream *new_stream(const char *url, int64_t from, int64_t end)
{
    struct remote_stream *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->from = from;
    s->end = end;
    s->length = -1;
    s->asked_url = url ? strdup(url) : NULL;
    if (url && !s->asked_url) {
        free(s);
        return NULL;
    }
    return s;
}

static void free_stream(struct remote_stream *s)
{
    if (!s)
        return;
    free(s->asked_url);
    free(s->content_type);
    free(s->url);
    free(s->data);
    free(s);
}

int remote_new(int sock, struct remote **ret)
{
    struct remote *r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    r->sock = sock;
    r->streams[0] = new_stream(NULL, 0, -1);
    if (!r->streams[0]) {
        free(r);
        return -ENOMEM;
    }
    send_reset(r);
    *ret = r;
    return 0;
}

void remote_free(struct remote *r)
{
    if (!r)
        return;
    for (int i = 0; i < STREAMS; i++)
        free_stream(r->streams[i]);
    if (r->sock >= 0)
        (void)close(r->sock);
    free(r);
}

int remote_fd(const struct remote *r)
{
    return r->sock;
}

void remote_replace(struct remote *r, int sock)
{
    assert(sock >= 0);
    if (r->sock >= 0)
        (void)close(r->sock);
    r->sock = sock;
    send_reset(r);
    /* Reads are asked again when their streams are open again, see take_facts. */
}

struct remote_stream *remote_root(struct remote *r)
{
    return r->streams[0];
}

static struct remote_stream *open_stream(struct remote *r, const char *url, int64_t from,
                                         int64_t end, bool is_entry)
{
    int free_slot = 0;
    for (int i = 1; i < STREAMS && !free_slot; i++)
        free_slot = r->streams[i] ? 0 : i;
    if (!free_slot || !fetch_text_is_sane(FETCH_TEXT_URL, url))
        return NULL;
    struct remote_stream *s = new_stream(url, from, end);
    if (!s)
        return NULL;
    if (++r->last_id == 0)
        r->last_id = 1;
    s->id = r->last_id;
    s->is_entry = is_entry;
    r->streams[free_slot] = s;
    send_open(r, s);
    return s;
}

struct remote_stream *remote_open(struct remote *r, const char *url, int64_t from, int64_t end)
{
    return open_stream(r, url, from, end, false);
}

struct remote_stream *remote_open_entry(struct remote *r, const char *url)
{
    return open_stream(r, url, 0, -1, true);
}

static void send_close(struct remote *r, const struct remote_stream *s)
{
    struct smsg m = { .type = SMSG_CLOSE, .stream = s->id };
    send_message(r, &m);
}

void remote_close(struct remote *r, struct remote_stream *s)
{
    for (int i = 1; i < STREAMS; i++) {
        if (!s || r->streams[i] != s)
            continue;
        if (s->state != STREAM_FAILED)
            send_close(r, s);
        r->streams[i] = NULL;
        free_stream(s);
        return;
    }
}

static struct remote_stream *find(struct remote *r, uint32_t id)
{
    for (int i = 0; i < STREAMS; i++) {
        if (r->streams[i] && r->streams[i]->id == id)
            return r->streams[i];
    }
    return NULL;
}

/* It keeps its place at the fetcher until it is closed there. `why` may lie in r->bytes. */
static void fail(struct remote *r, struct remote_stream *s, enum tutti_error code, const char *why)
{
    failure_set(&s->failure, code, why);
    if (s->id != 0 && s->state != STREAM_FAILED)
        send_close(r, s);
    s->state = STREAM_FAILED;
}

static void take_facts(struct remote *r, struct remote_stream *s, const struct smsg *m)
{
    if (m->type == SMSG_READY) {
        if (m->facts.epoch != r->epoch)
            return;
        r->ready = true;
    } else if (s->id == 0 || s->state != STREAM_OPENING || m->facts.serial != s->open_serial) {
        return;
    }
    free(s->content_type);
    free(s->url);
    s->content_type = strdup(m->content_type);
    s->url = strdup(m->url);
    if (!s->content_type || !s->url) {
        fail(r, s, TUTTI_E_INTERNAL, "out of memory");
        return;
    }
    s->length = m->facts.length;
    s->flags = m->facts.flags;
    s->kind = (enum fetch_kind)m->facts.kind;
    s->state = STREAM_OPEN;
    if (s->serial != 0 && s->answer == ANSWER_NONE)
        send_read(r, s); /* it was asked of a fetcher that is gone */
}

static void take_data(struct remote *r, struct remote_stream *s, const struct smsg *m)
{
    if (m->data.at != s->at || m->n_bytes == 0 || m->n_bytes > s->len) {
        lose(r, "it answered something else than what was asked");
        return;
    }
    uint8_t *data = realloc(s->data, m->n_bytes);
    if (!data) {
        fail(r, s, TUTTI_E_INTERNAL, "out of memory");
        return;
    }
    memcpy(data, m->bytes, m->n_bytes);
    if (m->data.is_live)
        s->flags = FETCH_LIVE;
    s->data = data;
    s->n_data = m->n_bytes;
    s->answer = ANSWER_DATA;
}

static void take_end(struct remote_stream *s, const struct smsg *m)
{
    if (s->length < 0 && m->end.length >= 0)
        s->length = m->end.length;
    s->answer = m->type == SMSG_CUT ? ANSWER_CUT : ANSWER_END;
}

/* An ERROR answers an OPEN or a READ, as its serial tells. */
static void take_error(struct remote *r, struct remote_stream *s, const struct smsg *m)
{
    bool of_open = s->state == STREAM_OPENING && m->error.serial == s->open_serial;
    if (!of_open && (s->serial == 0 || m->error.serial != s->serial))
        return;
    fail(r, s, (enum tutti_error)m->error.code, m->text);
    s->failure.http_status = m->error.http_status;
}

static void take_message(struct remote *r, const struct smsg *m)
{
    struct remote_stream *s = find(r, m->stream);
    /* Before READY everything was meant for an earlier reader. */
    if (!s || (!r->ready && m->type != SMSG_READY))
        return;
    switch (m->type) {
    case SMSG_READY:
    case SMSG_OPENED:
        take_facts(r, s, m);
        break;
    case SMSG_DATA:
        if (s->serial == m->data.serial && s->serial != 0)
            take_data(r, s, m);
        break;
    case SMSG_END:
    case SMSG_CUT:
        if (s->serial == m->end.serial && s->serial != 0)
            take_end(s, m);
        break;
    case SMSG_ERROR:
        take_error(r, s, m);
        break;
    case SMSG_TITLE:
        (void)snprintf(r->title, sizeof r->title, "%s", m->text);
        r->title_is_new = true;
        break;
    default:
        lose(r, "it said what only a worker may say");
        break;
    }
}

/* Takes what has arrived. */
static void hear(struct remote *r)
{
    for (int i = 0; i < MESSAGES_A_CALL && r->sock >= 0; i++) {
        struct smsg m;
        size_t n_fds = 0;
        ssize_t len = fd_recv(r->sock, r->bytes, sizeof r->bytes, NULL, 0, &n_fds, MSG_DONTWAIT);
        if (len == -EAGAIN)
            return;
        if (len <= 0)
            lose(r, len == 0 ? "it closed the connection" : strerror((int)-len));
        else if (smsg_decode(r->bytes, (size_t)len, &m) < 0)
            lose(r, "it sent what makes no sense");
        else
            take_message(r, &m);
    }
}

int remote_get_facts(struct remote *r, struct remote_stream *s, struct remote_facts *ret)
{
    if (s->state == STREAM_OPENING)
        hear(r);
    if (s->state == STREAM_FAILED)
        return -EIO;
    if (s->state == STREAM_OPENING)
        return -EAGAIN;
    *ret = (struct remote_facts){
        .length = s->length,
        .flags = s->flags,
        .kind = s->kind,
        .content_type = s->content_type,
        .url = s->url,
    };
    return 1;
}

/* What was asked of it is asked no more; it begins anew. */
void remote_join_again(struct remote *r, struct remote_stream *s)
{
    s->serial = 0;
    s->answer = ANSWER_NONE;
    s->cut = false;
    if (s->state != STREAM_OPEN)
        return;
    if (s->id == 0) {
        send_reset(r);
        return;
    }
    send_close(r, s);
    if (++r->last_id == 0)
        r->last_id = 1;
    s->id = r->last_id;
    send_open(r, s);
}

/* A read that nobody wants any more: only CLOSE and RESET take it back. */
static void abandon_read(struct remote *r, struct remote_stream *s)
{
    bool was_cut = s->cut;
    remote_join_again(r, s);
    s->cut = was_cut;
}

static ssize_t take_answer(struct remote_stream *s, void *bytes, size_t len)
{
    assert(s->answer != ANSWER_NONE);
    enum answer answer = s->answer;
    size_t n = s->n_data < len ? s->n_data : len;
    s->serial = 0;
    s->answer = ANSWER_NONE;
    if (answer == ANSWER_DATA) {
        memcpy(bytes, s->data, n);
        return (ssize_t)n;
    }
    s->cut |= answer == ANSWER_CUT;
    return 0;
}

ssize_t remote_read(struct remote *r, struct remote_stream *s, void *bytes, size_t len, int64_t at)
{
    if (s->serial != 0 && s->answer == ANSWER_NONE)
        hear(r);
    if (s->serial != 0 && s->at != at) {
        if (s->answer == ANSWER_NONE)
            abandon_read(r, s);
        s->serial = 0;
    }
    if (s->state == STREAM_FAILED)
        return -EIO;
    if (s->serial == 0) {
        s->at = at;
        s->len = (uint32_t)(len < REMOTE_READ_MAX ? len : REMOTE_READ_MAX);
        if (s->state == STREAM_OPEN)
            send_read(r, s);
        else
            s->serial = next_serial(r); /* sent when the stream is open */
        s->answer = ANSWER_NONE;
        hear(r);
    }
    if (s->answer != ANSWER_NONE)
        return take_answer(s, bytes, len);
    return s->state == STREAM_FAILED ? -EIO : -EAGAIN;
}

bool remote_is_live(const struct remote_stream *s)
{
    return (s->flags & FETCH_LIVE) != 0;
}

bool remote_was_cut(const struct remote_stream *s)
{
    return s->cut;
}

const struct failure *remote_failure(const struct remote_stream *s)
{
    return &s->failure;
}

const char *remote_new_title(struct remote *r)
{
    if (!r->title_is_new)
        return NULL;
    r->title_is_new = false;
    return r->title;
}
