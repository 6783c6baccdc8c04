#include "proto/fmsg.h"

#include "base/errors.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { TEXTS_MAX = 5 };

struct head {
    uint32_t type;
    uint32_t id;
};

struct text {
    enum fetch_text_kind kind;
    size_t offset; /* of the pointer in struct fmsg */
};

#define TEXT(kind, field) \
    { \
        FETCH_TEXT_##kind, offsetof(struct fmsg, field) \
    }

static const struct {
    size_t body;
    size_t n_texts;
    struct text texts[TEXTS_MAX];
} shapes[FMSG_TYPE_END] = {
    [FMSG_SOURCE] = { sizeof(struct fmsg_source),
                      5,
                      { TEXT(URL, url), TEXT(HEADERS, headers), TEXT(VALIDATOR, validator),
                        TEXT(TYPE, content_type), TEXT(URL_OR_NONE, base) } },
    [FMSG_RELINK] = { 0, 2, { TEXT(URL, url), TEXT(HEADERS, headers) } },
    [FMSG_DROP] = { 0, 0, { { 0, 0 } } },
    [FMSG_HEAD] = { sizeof(struct fmsg_head),
                    4,
                    { TEXT(TYPE, content_type), TEXT(URL_OR_NONE, base), TEXT(VALIDATOR, validator),
                      TEXT(LINE, name) } },
    [FMSG_FAILED] = { sizeof(struct fmsg_failed), 1, { TEXT(LINE, why) } },
    [FMSG_EXPIRED] = { sizeof(struct fmsg_failed), 1, { TEXT(LINE, why) } },
    [FMSG_CHANGED] = { 0, 1, { TEXT(LINE, why) } },
    [FMSG_RECONNECTED] = { 0, 1, { TEXT(LINE, why) } },
};

_Static_assert(sizeof(struct head) + sizeof(struct fmsg_source) + 2 * FETCH_URL_MAX +
                       FETCH_HEADERS_MAX + FETCH_VALIDATOR_MAX + FETCH_TYPE_MAX + TEXTS_MAX <=
                   FMSG_MAX,
               "every message fits");

static const char **text_field(struct fmsg *m, const struct text *t)
{
    return (const char **)(void *)((char *)m + t->offset);
}

size_t fmsg_encode(const struct fmsg *m, void *bytes, size_t size)
{
    assert(size >= FMSG_MAX && m->type > 0 && m->type < FMSG_TYPE_END);
    struct head head = { .type = (uint32_t)m->type, .id = m->id };
    struct fmsg copy = *m;
    char *at = bytes;
    memcpy(at, &head, sizeof head);
    at += sizeof head;
    memcpy(at, &m->source, shapes[m->type].body);
    at += shapes[m->type].body;
    for (size_t i = 0; i < shapes[m->type].n_texts; i++) {
        const struct text *t = &shapes[m->type].texts[i];
        at += fetch_text_put(t->kind, at, *text_field(&copy, t));
    }
    return (size_t)(at - (char *)bytes);
}

static bool body_is_sane(const struct fmsg *m)
{
    switch (m->type) {
    case FMSG_SOURCE:
        return fetch_length_is_sane(m->source.length) && m->source.flags <= FMSG_SOURCE_FLAGS_ALL &&
               m->source.facts <= FETCH_FLAGS_ALL && m->source.kind < FETCH_KIND_COUNT &&
               m->source.reserved == 0;
    case FMSG_HEAD:
        return fetch_length_is_sane(m->head.length) && m->head.facts <= FETCH_FLAGS_ALL &&
               m->head.kind < FETCH_KIND_COUNT;
    case FMSG_FAILED:
        return m->failed.code > TUTTI_OK && m->failed.code < TUTTI_ERROR_COUNT &&
               m->failed.http_status <= 999;
    case FMSG_EXPIRED:
        return m->failed.code == TUTTI_OK && m->failed.http_status <= 999;
    default:
        return true;
    }
}

int fmsg_decode(const void *bytes, size_t len, struct fmsg *ret)
{
    struct head head;
    if (len < sizeof head || len > FMSG_MAX)
        return -EBADMSG;
    memcpy(&head, bytes, sizeof head);
    if (head.type == 0 || head.type >= FMSG_TYPE_END)
        return -EBADMSG;
    const char *at = (const char *)bytes + sizeof head;
    const char *end = (const char *)bytes + len;
    if ((size_t)(end - at) < shapes[head.type].body)
        return -EBADMSG;

    struct fmsg m = { .type = (enum fmsg_type)head.type, .id = head.id };
    memcpy(&m.source, at, shapes[head.type].body);
    at += shapes[head.type].body;
    for (size_t i = 0; i < shapes[head.type].n_texts; i++) {
        const struct text *t = &shapes[head.type].texts[i];
        const char *s = fetch_text_take(t->kind, &at, end);
        if (!s)
            return -EBADMSG;
        *text_field(&m, t) = s;
    }
    if (at != end || !body_is_sane(&m))
        return -EBADMSG;
    *ret = m;
    return 0;
}
