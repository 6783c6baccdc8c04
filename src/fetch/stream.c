#include "fetch/stream.h"

#include "base/clock.h"
#include "fetch/outage.h"
#include "fetch/sniff.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DATA_PIECES = SMSG_DATA_MAX / WINDOW_BLOCK_BYTES + 1,
    LOOK_AROUND_BYTES = 512 * 1024,
};

/* ---- what is told ---- */

static void fail(struct stream *s, const struct judgement *why)
{
    if (s->is_failed)
        return;
    s->is_failed = true;
    s->failure = *why;
    s->ops.failed(s, why, s->ops.arg);
}

static void note_change(struct stream *s)
{
    if (s->is_failed)
        return;
    s->is_failed = true;
    s->failure = (struct judgement){ .verdict = VERDICT_CHANGED, .code = TUTTI_E_SOURCE_FAILED };
    (void)snprintf(s->failure.why, sizeof s->failure.why, "the resource has changed");
    s->ops.changed(s, s->ops.arg);
}

/* As soon as its kind can be told: the first bytes are there, or all there are, or as many as came
 * in the time in which others are given up. */
static void on_title(int64_t at, const char *title, void *arg);

static void tell_known(struct stream *s, const struct transfer *t)
{
    static const struct judgement packed = { .code = TUTTI_E_SOURCE_FAILED,
                                             .why = "it is in an encoding that was not asked for" };
    struct window const *w = &t->window;
    if (s->is_known_told || s->is_failed || !s->resource.is_known)
        return;
    bool enough = window_len(w) >= SNIFF_BYTES || w->begin > 0 || t->state == OVER;
    /* A trickling radio need not be waited for once it has shown something. */
    bool live = s->resource.facts & FETCH_LIVE && window_len(w) > 0;
    bool late = clock_now_ns() - s->start_ns >= OUTAGE_OPEN_MS * NS_PER_MS;
    if (!enough && !live && !late)
        return;
    uint8_t bytes[SNIFF_BYTES];
    struct iovec iov;
    size_t n_iov = 1;
    size_t n = window_view(w, w->begin, sizeof bytes, &iov, &n_iov);
    memcpy(bytes, n > 0 ? iov.iov_base : bytes, n);
    n = w->begin > 0 ? 0 : n;
    resource_look(&s->resource, bytes, n);
    if (s->id != 0 && s->n_titles == 0 && s->resource.name[0]) /* of the root the daemon is told */
        on_title(w->begin, s->resource.name, s);
    if (s->resource.coding == CODING_OTHER && !sniff_is_plain(bytes, n)) {
        fail(s, &packed);
        return;
    }
    const char *url = s->resource.base ? s->resource.base : s->resource.url;
    s->resource.kind = sniff_kind(s->resource.content_type, url, bytes, n);
    s->is_known_told = true;
    s->ops.known(s, s->ops.arg);
}

/* ---- answers ---- */

static int answer(struct stream *s, struct smsg *m)
{
    m->stream = s->id;
    int r = s->ops.send(m, NULL, 0, s->ops.arg);
    if (r == 0)
        s->is_reading = false;
    return r;
}

static void answer_end(struct stream *s, enum smsg_type type, int64_t length)
{
    struct smsg m = { .type = type, .end = { .serial = s->read.serial, .length = length } };
    (void)answer(s, &m);
}

static void answer_error(struct stream *s, const struct judgement *j)
{
    struct smsg m = {
        .type = SMSG_ERROR,
        .error = { .serial = s->read.serial, .code = j->code, .http_status = j->status },
        .text = j->why
    };
    (void)answer(s, &m);
}

/* The titles that come before `end`. */
static int send_titles(struct stream *s, int64_t end)
{
    assert(s->n_titles <= STREAM_TITLES);
    while (s->n_titles > 0 && s->titles[s->first_title].at < end) {
        const struct stream_title *t = &s->titles[s->first_title];
        struct smsg m = { .type = SMSG_TITLE, .title = { .at = t->at }, .text = t->text };
        int r = s->ops.send(&m, NULL, 0, s->ops.arg);
        if (r < 0)
            return r;
        s->first_title = (s->first_title + 1) % STREAM_TITLES;
        s->n_titles--;
    }
    return 0;
}

static void answer_data(struct stream *s, struct transfer *t)
{
    struct iovec iov[DATA_PIECES];
    size_t n_iov = DATA_PIECES;
    size_t len = s->read.len;
    int64_t end = resource_end(&s->resource);
    if (end >= 0 && (uint64_t)(end - s->read.at) < len)
        len = (size_t)(end - s->read.at);
    size_t n = window_view(&t->window, s->read.at, len, iov, &n_iov);
    struct smsg m = { .type = SMSG_DATA,
                      .stream = s->id,
                      .data = { .serial = s->read.serial,
                                .is_live = (s->resource.facts & FETCH_LIVE) != 0,
                                .at = s->read.at } };
    if (send_titles(s, s->read.at + (int64_t)n) < 0 || s->ops.send(&m, iov, n_iov, s->ops.arg) < 0)
        return;
    s->is_reading = false;
    transfer_consume(t, s->read.at + (int64_t)n);
}

/* Where the transfer has ended, and the read wants what is behind. */
static void answer_over(struct stream *s, struct transfer *t)
{
    switch (t->end) {
    case OVER_END:
        answer_end(s, SMSG_END, t->window.end);
        break;
    case OVER_CUT:
        answer_end(s, SMSG_CUT, t->window.end);
        break;
    case OVER_FAILED:
        fail(s, &t->failure);
        answer_error(s, &s->failure);
        break;
    default:
        note_change(s);
        answer_error(s, &s->failure);
        break;
    }
}

/* A reader goes on with a live stream whose fetcher died. */
static bool is_begun_anew(const struct stream *s, const struct transfer *t, int64_t at)
{
    return s->resource.facts & FETCH_LIVE && s->resource.is_known && t->pos == 0 &&
           t->window.begin == 0 && at > t->window.end;
}

static void renumber(struct stream *s, struct transfer *t, int64_t at)
{
    transfer_renumber(t, at);
    for (unsigned i = 0; i < s->n_titles; i++)
        s->titles[(s->first_title + i) % STREAM_TITLES].at += at;
}

static struct transfer *choose(struct stream *s, int64_t at)
{
    assert(s->current < STREAM_TRANSFERS && s->transfer[s->current]);
    struct transfer *t = s->transfer[s->current];
    unsigned other = 1 - s->current;
    /* What is live begins anywhere: its bytes are numbered as the reader likes. */
    if (s->resource.facts & FETCH_LIVE && t->state == DORMANT && window_len(&t->window) == 0)
        transfer_place(t, at);
    if (is_begun_anew(s, t, at))
        renumber(s, t, at);
    if (transfer_covers(t, at))
        return t;
    if (s->transfer[other] && transfer_covers(s->transfer[other], at)) {
        transfer_rest(t);
        s->current = other;
        return s->transfer[other];
    }
    return NULL;
}

/* The transfer to read from after a jump: the second one as long as the first is near the start and
 * has more to come; else the one at hand. */
static struct transfer *jump(struct stream *s, int64_t at)
{
    struct transfer *t = s->transfer[s->current];
    unsigned other = 1 - s->current;
    bool looks_around = t->window.end > 0 && t->pos <= LOOK_AROUND_BYTES && t->state != OVER &&
                        s->resource.facts & FETCH_RANGES;
    if (looks_around && (s->transfer[other] || transfer_new(s->context, &s->resource, &t->ops,
                                                            &s->transfer[other]) == 0)) {
        transfer_rest(t);
        s->current = other;
    }
    t = s->transfer[s->current];
    transfer_start(t, at);
    return t;
}

static void try_answer(struct stream *s)
{
    if (!s->is_reading)
        return;
    int64_t at = s->read.at;
    int64_t end = resource_end(&s->resource);
    if (end >= 0 && at >= end) {
        answer_end(s, SMSG_END, end);
        return;
    }
    struct transfer *t = choose(s, at);
    if (!t && s->is_failed) {
        answer_error(s, &s->failure);
        return;
    }
    if (!t && s->resource.is_known && s->resource.facts & FETCH_LIVE) {
        struct judgement j = { .code = TUTTI_E_NOT_SEEKABLE, .why = "a live stream goes on only" };
        answer_error(s, &j);
        return;
    }
    if (!t)
        t = jump(s, at);
    /* Either of these may fail at once, and have it answered. */
    bool is_there = s->is_reading && transfer_seek(t, at);
    if (!s->is_reading)
        return;
    if (is_there)
        answer_data(s, t);
    else if (t->state == OVER)
        answer_over(s, t);
}

/* ---- news from a transfer ---- */

static void on_transfer_changed(struct transfer *t, void *arg)
{
    struct stream *s = arg;
    if (t->state == OVER && t->end == OVER_CHANGED)
        note_change(s);
    tell_known(s, t);
    if (t->state == OVER && t->end == OVER_FAILED && !s->is_known_told)
        fail(s, &t->failure);
    if (s->is_reading && t == s->transfer[s->current])
        try_answer(s);
}

static void on_expired(unsigned status, const char *why, void *arg)
{
    struct stream *s = arg;
    s->ops.expired(s, status, why, s->ops.arg);
}

static void on_reconnected(const char *why, void *arg)
{
    struct stream *s = arg;
    s->ops.reconnected(s, why, s->ops.arg);
}

static void on_live(void *arg)
{
    struct stream *s = arg;
    if (s->is_known_told)
        s->ops.live(s, s->ops.arg);
}

static void on_title(int64_t at, const char *title, void *arg)
{
    struct stream *s = arg;
    if (!s->titles)
        s->titles = calloc(STREAM_TITLES, sizeof *s->titles);
    if (!s->titles)
        return;
    /* The last one, sent or not: a station says it again and again. */
    unsigned last = (s->first_title + s->n_titles + STREAM_TITLES - 1) % STREAM_TITLES;
    if (strcmp(s->titles[last].text, title) == 0)
        return;
    if (s->n_titles == STREAM_TITLES) {
        s->first_title = (s->first_title + 1) % STREAM_TITLES;
        s->n_titles--;
    }
    struct stream_title *t = &s->titles[(s->first_title + s->n_titles++) % STREAM_TITLES];
    t->at = at;
    (void)snprintf(t->text, sizeof t->text, "%s", title);
}

/* ---- the outside ---- */

int stream_new(const struct transfer_context *context, uint32_t id, const char *url,
               const char *headers, const struct stream_ops *ops, struct stream **ret_stream)
{
    assert(ops->send && ops->known && ops->failed && ops->changed);
    struct stream *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->id = id;
    s->context = context;
    s->ops = *ops;
    struct transfer_ops transfer_ops = {
        on_transfer_changed, on_expired, on_reconnected, on_title, on_live, s
    };
    if (resource_init(&s->resource, url, headers) < 0 ||
        transfer_new(context, &s->resource, &transfer_ops, &s->transfer[0]) < 0) {
        stream_free(s);
        return -ENOMEM;
    }
    *ret_stream = s;
    return 0;
}

void stream_free(struct stream *s)
{
    if (!s)
        return;
    for (unsigned i = 0; i < STREAM_TRANSFERS; i++)
        transfer_free(s->transfer[i]);
    resource_done(&s->resource);
    free(s->titles);
    free(s);
}

void stream_start(struct stream *s, int64_t at)
{
    s->start_ns = clock_now_ns();
    transfer_start(s->transfer[0], at);
}

void stream_place(struct stream *s)
{
    s->is_known_told = true;
    transfer_place(s->transfer[0], 0);
}

int stream_read(struct stream *s, const struct smsg_read *read)
{
    if (s->is_reading)
        return -EPROTO;
    s->read = *read;
    s->is_reading = true;
    try_answer(s);
    return 0;
}

void stream_forget_read(struct stream *s)
{
    s->is_reading = false;
}

void stream_begin_again(struct stream *s)
{
    struct transfer *t = s->transfer[s->current];
    stream_forget_read(s);
    bool has_begun = t->pos > 0 || !transfer_covers(t, 0);
    if (s->resource.is_known && s->resource.facts & FETCH_LIVE && !s->is_failed && has_begun)
        transfer_place(t, 0);
}

void stream_flush(struct stream *s)
{
    try_answer(s);
}

int stream_relink(struct stream *s, const char *url, const char *headers)
{
    if (s->is_failed)
        return 0;
    int r = resource_relink(&s->resource, url, headers);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < STREAM_TRANSFERS; i++) {
        if (s->transfer[i])
            transfer_relink(s->transfer[i]);
    }
    return 0;
}
