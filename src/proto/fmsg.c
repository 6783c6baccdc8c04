#include "proto/fmsg.h"

#include "base/errors.h"

#include <errno.h>

#define TEXT(kind, field) FETCH_MSG_TEXT(kind, struct fmsg, field)

static const struct fetch_msg_shape shapes[FMSG_TYPE_END] = {
    [FMSG_SOURCE] = { sizeof(struct fmsg_source),
                      5,
                      { TEXT(URL, url), TEXT(HEADERS, headers), TEXT(VALIDATOR, validator),
                        TEXT(TYPE, content_type), TEXT(URL_OR_NONE, base) } },
    [FMSG_RELINK] = { 0, 2, { TEXT(URL, url), TEXT(HEADERS, headers) } },
    [FMSG_DROP] = { .body_bytes = 0 },
    [FMSG_HEAD] = { sizeof(struct fmsg_head),
                    4,
                    { TEXT(TYPE, content_type), TEXT(URL_OR_NONE, base), TEXT(VALIDATOR, validator),
                      TEXT(LINE, name) } },
    [FMSG_FAILED] = { sizeof(struct fmsg_failed), 1, { TEXT(LINE, why) } },
    [FMSG_EXPIRED] = { sizeof(struct fmsg_failed), 1, { TEXT(LINE, why) } },
    [FMSG_CHANGED] = { 0, 1, { TEXT(LINE, why) } },
    [FMSG_RECONNECTED] = { 0, 1, { TEXT(LINE, why) } },
    [FMSG_LIVE] = { .body_bytes = 0 },
};

static const struct fetch_msg_layout layout = { shapes, FMSG_TYPE_END,
                                                offsetof(struct fmsg, source), FMSG_MAX };

_Static_assert(sizeof(enum fmsg_type) == 4 && offsetof(struct fmsg, id) == 4 &&
                   offsetof(struct fmsg, source) == 8,
               "the struct begins as the message does");
_Static_assert(offsetof(struct fmsg, source) + sizeof(struct fmsg_source) + 2 * FETCH_URL_MAX +
                       FETCH_HEADERS_MAX + FETCH_VALIDATOR_MAX + FETCH_TYPE_MAX +
                       FETCH_MSG_TEXTS_MAX <=
                   FMSG_MAX,
               "every message fits");

size_t fmsg_encode(const struct fmsg *m, void *bytes, size_t size)
{
    return fetch_msg_encode(&layout, m, bytes, size);
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
    struct fmsg m = { 0 };
    ssize_t n = fetch_msg_decode(&layout, bytes, len, &m);
    if (n < 0 || (size_t)n != len || !body_is_sane(&m))
        return -EBADMSG;
    *ret = m;
    return 0;
}
