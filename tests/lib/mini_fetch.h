/*
 * A fetcher in the test's own thread: it answers a source's messages whenever that waits, and is as
 * strict as the real one. A wait of the test's choice is given up instead, as for a command, and
 * all that follow until the test acts on it.
 */
#ifndef TUTTI_TESTS_MINI_FETCH_H
#define TUTTI_TESTS_MINI_FETCH_H

#include "media/source.h"
#include "proto/smsg.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { MINI_STREAMS = 1 + SMSG_STREAMS_MAX, MINI_OPENS_MAX = 2000 };

struct mini_resource {
    const char *prefix; /* of the URLs that have it; "": the root */
    const char *type;
    const void *bytes;
    size_t len;
};

struct mini_fetch {
    const struct mini_resource *resources; /* the root first, up to one without a prefix */
    int sock;
    struct {
        uint32_t id; /* 0: free, but for the root */
        const struct mini_resource *resource;
    } streams[MINI_STREAMS];
    int waits_left; /* until one is given up; −1: none will be */
    bool given_up;
    bool broken; /* the worker broke a rule */
    unsigned n_opens, n_closes;
};

static inline const struct mini_resource *mini_find(const struct mini_fetch *f, const char *url)
{
    const struct mini_resource *r = f->resources + 1;
    while (r->prefix && strncmp(url, r->prefix, strlen(r->prefix)) != 0)
        r++;
    return r->prefix ? r : NULL;
}

static inline void mini_say(struct mini_fetch *f, const struct smsg *m, const void *data,
                            size_t len)
{
    static uint8_t bytes[SMSG_MAX];
    size_t n = smsg_encode(m, bytes, sizeof bytes);
    if (len > 0)
        memcpy(bytes + n, data, len);
    (void)!send(f->sock, bytes, n + len, MSG_NOSIGNAL);
}

static inline void mini_say_facts(struct mini_fetch *f, uint32_t stream, uint64_t epoch,
                                  uint32_t serial, const struct mini_resource *r, const char *url)
{
    struct smsg m = { .type = stream == 0 ? SMSG_READY : SMSG_OPENED,
                      .stream = stream,
                      .facts = { .epoch = epoch,
                                 .serial = serial,
                                 .flags = FETCH_RANGES,
                                 .length = (int64_t)r->len,
                                 .kind =
                                     strstr(r->type, "mpegurl") ? FETCH_PLAYLIST : FETCH_MEDIA },
                      .content_type = r->type,
                      .url = url };
    mini_say(f, &m, NULL, 0);
}

static inline void mini_open(struct mini_fetch *f, const struct smsg *m)
{
    int i = 1;
    while (i < MINI_STREAMS && f->streams[i].id != 0)
        i++;
    if (i == MINI_STREAMS || ++f->n_opens > MINI_OPENS_MAX) {
        f->broken = true;
        return;
    }
    f->streams[i].id = m->stream;
    f->streams[i].resource = mini_find(f, m->url);
    struct smsg error = {
        .type = SMSG_ERROR,
        .stream = m->stream,
        .error = { .serial = m->open.serial, .code = TUTTI_E_NOT_FOUND, .http_status = 404 },
        .text = "it is not there"
    };
    if (f->streams[i].resource)
        mini_say_facts(f, m->stream, 0, m->open.serial, f->streams[i].resource, m->url);
    else
        mini_say(f, &error, NULL, 0);
}

static inline void mini_read(struct mini_fetch *f, int i, const struct smsg_read *read)
{
    const struct mini_resource *r = f->streams[i].resource;
    size_t at = (uint64_t)read->at < r->len ? (size_t)read->at : r->len;
    size_t len = r->len - at < read->len ? r->len - at : read->len;
    struct smsg m = { .type = SMSG_DATA,
                      .stream = f->streams[i].id,
                      .data = { .serial = read->serial, .at = read->at } };
    if (len == 0) {
        m.type = SMSG_END;
        m.end = (struct smsg_end){ .serial = read->serial, .length = (int64_t)r->len };
    }
    mini_say(f, &m, (const uint8_t *)r->bytes + at, len);
}

static inline void mini_take(struct mini_fetch *f, const struct smsg *m)
{
    int i = 0;
    while (i < MINI_STREAMS && (f->streams[i].id != m->stream || !f->streams[i].resource))
        i++;
    if (m->type == SMSG_RESET) {
        memset(f->streams, 0, sizeof f->streams);
        f->streams[0].resource = f->resources;
        mini_say_facts(f, 0, m->epoch, 0, f->resources, "http://here.test/root");
    } else if (m->type == SMSG_OPEN) {
        mini_open(f, m);
    } else if (m->type == SMSG_READ && i < MINI_STREAMS) {
        mini_read(f, i, &m->read);
    } else if (m->type == SMSG_CLOSE) {
        for (i = 1; i < MINI_STREAMS && f->streams[i].id != m->stream; i++)
            ;
        f->broken |= i == MINI_STREAMS;
        f->n_closes++;
        if (i < MINI_STREAMS)
            f->streams[i].id = 0;
    } else {
        f->broken = true;
    }
}

static inline void mini_serve(struct mini_fetch *f)
{
    static uint8_t bytes[SMSG_MAX];
    struct smsg m;
    ssize_t n;
    while ((n = recv(f->sock, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
        if (smsg_decode(bytes, (size_t)n, &m) < 0)
            f->broken = true;
        else
            mini_take(f, &m);
    }
}

static inline int mini_wait(struct source *s, int timeout_ms, void *arg)
{
    struct mini_fetch *f = arg;
    (void)s;
    (void)timeout_ms;
    if (f->given_up || f->broken || f->waits_left == 0) {
        f->given_up = true;
        return -EINTR;
    }
    f->waits_left -= f->waits_left > 0;
    mini_serve(f);
    return 0;
}

/* A source of these resources, which is ready to be opened. */
static inline struct source *mini_source(struct mini_fetch *f,
                                         const struct mini_resource *resources)
{
    int socks[2];
    struct source *s;
    struct source_wait wait = { .fn = mini_wait, .arg = f };
    *f = (struct mini_fetch){ .resources = resources, .waits_left = -1 };
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks), 0);
    f->sock = socks[1];
    assert_int_equal(source_new(socks[0], &wait, &s), 0);
    assert_int_equal(source_prepare(s), 0);
    return s;
}

static inline void mini_done(struct mini_fetch *f, struct source *s)
{
    mini_serve(f);
    assert_false(f->broken);
    source_free(s);
    (void)close(f->sock);
}

/* What the command wanted is done: waits are waits again, but for the `n`th from now on (−1). */
static inline void mini_give_up_in(struct mini_fetch *f, int n)
{
    f->given_up = false;
    f->waits_left = n;
}

#endif
