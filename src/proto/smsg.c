#include "proto/smsg.h"

#include "base/errors.h"

#include <errno.h>

#define TEXT(kind, field) FETCH_MSG_TEXT(kind, struct smsg, field)

static const struct fetch_msg_shape shapes[SMSG_TYPE_END] = {
    [SMSG_RESET] = { .body_bytes = sizeof(uint64_t) },
    [SMSG_READ] = { .body_bytes = sizeof(struct smsg_read) },
    [SMSG_OPEN] = { sizeof(struct smsg_open), 2, { TEXT(URL, url), TEXT(HEADERS, headers) } },
    [SMSG_CLOSE] = { .body_bytes = 0 },
    [SMSG_READY] = { sizeof(struct smsg_facts),
                     2,
                     { TEXT(TYPE, content_type), TEXT(URL_OR_NONE, url) } },
    [SMSG_DATA] = { .body_bytes = sizeof(struct smsg_data) },
    [SMSG_END] = { .body_bytes = sizeof(struct smsg_end) },
    [SMSG_CUT] = { .body_bytes = sizeof(struct smsg_end) },
    [SMSG_ERROR] = { sizeof(struct smsg_error), 1, { TEXT(LINE, text) } },
    [SMSG_OPENED] = { sizeof(struct smsg_facts),
                      2,
                      { TEXT(TYPE, content_type), TEXT(URL_OR_NONE, url) } },
    [SMSG_TITLE] = { sizeof(struct smsg_title), 1, { TEXT(LINE, text) } },
};

static const struct fetch_msg_layout layout = { shapes, SMSG_TYPE_END, offsetof(struct smsg, epoch),
                                                SMSG_MAX };

_Static_assert(sizeof(enum smsg_type) == 4 && offsetof(struct smsg, stream) == 4 &&
                   offsetof(struct smsg, epoch) == 8,
               "the struct begins as the message does");
_Static_assert(offsetof(struct smsg, epoch) + sizeof(struct smsg_open) + FETCH_URL_MAX +
                       FETCH_HEADERS_MAX + FETCH_MSG_TEXTS_MAX <=
                   SMSG_MAX,
               "every message fits");
_Static_assert(offsetof(struct smsg, epoch) + sizeof(struct smsg_data) + SMSG_DATA_MAX <= SMSG_MAX,
               "every message fits");

bool smsg_is_from_worker(enum smsg_type type)
{
    return type <= SMSG_CLOSE;
}

size_t smsg_encode(const struct smsg *m, void *bytes, size_t size)
{
    return fetch_msg_encode(&layout, m, bytes, size);
}

static bool at_is_sane(int64_t at)
{
    return at >= 0 && at <= FETCH_LENGTH_MAX;
}

static bool facts_are_sane(const struct smsg *m)
{
    const struct smsg_facts *f = &m->facts;
    return fetch_length_is_sane(f->length) && f->flags <= FETCH_FLAGS_ALL &&
           f->kind < FETCH_KIND_COUNT && f->reserved == 0 &&
           (m->type == SMSG_READY ? m->stream == 0 && f->serial == 0
                                  : m->stream != 0 && f->epoch == 0);
}

static bool body_is_sane(const struct smsg *m)
{
    switch (m->type) {
    case SMSG_RESET:
        return m->stream == 0;
    case SMSG_READ:
        return at_is_sane(m->read.at) && m->read.len > 0 && m->read.len <= SMSG_DATA_MAX;
    case SMSG_OPEN:
        return m->stream != 0 && m->open.is_entry <= 1 && at_is_sane(m->open.at) &&
               (m->open.end == -1 || (at_is_sane(m->open.end) && m->open.end >= m->open.at));
    case SMSG_CLOSE:
        return m->stream != 0;
    case SMSG_READY:
    case SMSG_OPENED:
        return facts_are_sane(m);
    case SMSG_DATA:
        return m->data.is_live <= 1 && at_is_sane(m->data.at);
    case SMSG_END:
    case SMSG_CUT:
        return m->end.reserved == 0 && at_is_sane(m->end.length);
    case SMSG_ERROR:
        return m->error.reserved == 0 && m->error.code > TUTTI_OK &&
               m->error.code < TUTTI_ERROR_COUNT && m->error.http_status <= 999;
    case SMSG_TITLE:
        return at_is_sane(m->title.at);
    default:
        return false;
    }
}

int smsg_decode(const void *bytes, size_t len, struct smsg *ret)
{
    struct smsg m = { 0 };
    ssize_t n = fetch_msg_decode(&layout, bytes, len, &m);
    if (n < 0)
        return -EBADMSG;
    size_t rest = len - (size_t)n;
    if (m.type == SMSG_DATA && rest > 0 && rest <= SMSG_DATA_MAX) {
        m.bytes = (const uint8_t *)bytes + n;
        m.n_bytes = rest;
    } else if (m.type == SMSG_DATA || rest > 0) {
        return -EBADMSG;
    }
    if (!body_is_sane(&m))
        return -EBADMSG;
    *ret = m;
    return 0;
}
