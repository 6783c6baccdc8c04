#include "proto/smsg.h"

#include "base/errors.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { TEXTS_MAX = 2 };

struct head {
    uint32_t type;
    uint32_t stream;
};

struct text {
    enum fetch_text_kind kind;
    size_t offset; /* of the pointer in struct smsg */
};

#define TEXT(kind, field) \
    { \
        FETCH_TEXT_##kind, offsetof(struct smsg, field) \
    }
#define NO_TEXTS \
    0, \
    { \
        { \
            0, 0 \
        } \
    }

static const struct {
    size_t body;
    size_t n_texts;
    struct text texts[TEXTS_MAX];
} shapes[SMSG_TYPE_END] = {
    [SMSG_RESET] = { sizeof(uint64_t), NO_TEXTS },
    [SMSG_READ] = { sizeof(struct smsg_read), NO_TEXTS },
    [SMSG_OPEN] = { sizeof(struct smsg_open), 2, { TEXT(URL, url), TEXT(HEADERS, headers) } },
    [SMSG_CLOSE] = { 0, NO_TEXTS },
    [SMSG_READY] = { sizeof(struct smsg_facts),
                     2,
                     { TEXT(TYPE, content_type), TEXT(URL_OR_NONE, url) } },
    [SMSG_DATA] = { sizeof(struct smsg_data), NO_TEXTS },
    [SMSG_END] = { sizeof(struct smsg_end), NO_TEXTS },
    [SMSG_CUT] = { sizeof(struct smsg_end), NO_TEXTS },
    [SMSG_ERROR] = { sizeof(struct smsg_error), 1, { TEXT(LINE, text) } },
    [SMSG_OPENED] = { sizeof(struct smsg_facts),
                      2,
                      { TEXT(TYPE, content_type), TEXT(URL_OR_NONE, url) } },
    [SMSG_TITLE] = { sizeof(struct smsg_title), 1, { TEXT(LINE, text) } },
};

_Static_assert(sizeof(struct head) + sizeof(struct smsg_open) + FETCH_URL_MAX + FETCH_HEADERS_MAX +
                       TEXTS_MAX <=
                   SMSG_MAX,
               "every message fits");
_Static_assert(sizeof(struct head) + sizeof(struct smsg_data) + SMSG_DATA_MAX <= SMSG_MAX,
               "every message fits");

static const char **text_field(struct smsg *m, const struct text *t)
{
    return (const char **)(void *)((char *)m + t->offset);
}

bool smsg_is_from_worker(enum smsg_type type)
{
    return type <= SMSG_CLOSE;
}

size_t smsg_encode(const struct smsg *m, void *bytes, size_t size)
{
    assert(size >= SMSG_MAX && m->type > 0 && m->type < SMSG_TYPE_END);
    struct head head = { .type = (uint32_t)m->type, .stream = m->stream };
    struct smsg copy = *m;
    char *at = bytes;
    memcpy(at, &head, sizeof head);
    at += sizeof head;
    memcpy(at, &m->epoch, shapes[m->type].body);
    at += shapes[m->type].body;
    for (size_t i = 0; i < shapes[m->type].n_texts; i++) {
        const struct text *t = &shapes[m->type].texts[i];
        at += fetch_text_put(t->kind, at, *text_field(&copy, t));
    }
    return (size_t)(at - (char *)bytes);
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
        return m->stream != 0 && m->open.reserved == 0 && at_is_sane(m->open.at) &&
               (m->open.end == -1 || (at_is_sane(m->open.end) && m->open.end >= m->open.at));
    case SMSG_CLOSE:
        return m->stream != 0;
    case SMSG_READY:
    case SMSG_OPENED:
        return facts_are_sane(m);
    case SMSG_DATA:
        return m->data.reserved == 0 && at_is_sane(m->data.at);
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
    struct head head;
    if (len < sizeof head || len > SMSG_MAX)
        return -EBADMSG;
    memcpy(&head, bytes, sizeof head);
    if (head.type == 0 || head.type >= SMSG_TYPE_END)
        return -EBADMSG;
    const char *at = (const char *)bytes + sizeof head;
    const char *end = (const char *)bytes + len;
    if ((size_t)(end - at) < shapes[head.type].body)
        return -EBADMSG;

    struct smsg m = { .type = (enum smsg_type)head.type, .stream = head.stream };
    memcpy(&m.epoch, at, shapes[head.type].body);
    at += shapes[head.type].body;
    for (size_t i = 0; i < shapes[head.type].n_texts; i++) {
        const struct text *t = &shapes[head.type].texts[i];
        const char *s = fetch_text_take(t->kind, &at, end);
        if (!s)
            return -EBADMSG;
        *text_field(&m, t) = s;
    }
    if (m.type == SMSG_DATA && at < end && end - at <= SMSG_DATA_MAX) {
        m.bytes = (const uint8_t *)at;
        m.n_bytes = (size_t)(end - at);
        at = end;
    } else if (m.type == SMSG_DATA) {
        return -EBADMSG;
    }
    if (at != end || !body_is_sane(&m))
        return -EBADMSG;
    *ret = m;
    return 0;
}
