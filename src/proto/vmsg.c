#include "proto/vmsg.h"

#include "base/text.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { HEAD_BYTES = 8 };

static const size_t body_bytes[VMSG_TYPE_END] = {
    [VMSG_AUDIO] = 0,
    [VMSG_SOCKET] = 0,
    [VMSG_CONNECT] = sizeof(struct vmsg_connect),
    [VMSG_DISCONNECT] = 0,
    [VMSG_STATE] = sizeof(struct vmsg_changed),
    [VMSG_SECRETS] = sizeof(struct vmsg_secrets),
    [VMSG_BEAT] = sizeof(struct vmsg_beat),
    [VMSG_COUNTS] = sizeof(struct vmsg_counts),
};

_Static_assert(offsetof(struct vmsg, connect) == HEAD_BYTES, "the struct begins as the message");
_Static_assert(sizeof(struct vmsg) <= VMSG_MAX, "every message fits");
_Static_assert(sizeof(struct vmsg_record) == 16 && sizeof(struct vmsg_batch) == 8,
               "batches have no holes");

size_t vmsg_encode(const struct vmsg *m, void *bytes)
{
    assert(m->type > 0 && m->type < VMSG_TYPE_END);
    size_t len = HEAD_BYTES + body_bytes[m->type];
    memcpy(bytes, m, len);
    return len;
}

/* Printable, of at most size − 1 bytes and with its NUL. */
static bool is_text(const char *s, size_t size)
{
    size_t len = strnlen(s, size);
    return len < size && text_is_printable(s, len);
}

static bool are_secrets(const struct vmsg_secrets *s)
{
    return s->mode < VMSG_MODE_COUNT && s->is_ipv6 <= 1 && s->seq_ack >= -1 &&
           s->seq_ack <= UINT16_MAX;
}

static bool is_connect(const struct vmsg_connect *c)
{
    static const uint8_t zeros[sizeof c->reserved];
    return c->resumes <= 1 && c->was_speaking <= 1 && are_secrets(&c->secrets) &&
           memcmp(c->reserved, zeros, sizeof zeros) == 0 &&
           is_text(c->session_id, sizeof c->session_id) && is_text(c->token, sizeof c->token) &&
           is_text(c->endpoint, sizeof c->endpoint) && c->endpoint[0] != '\0';
}

static bool body_is_sane(const struct vmsg *m)
{
    switch (m->type) {
    case VMSG_CONNECT:
        return is_connect(&m->connect);
    case VMSG_STATE:
        return m->changed.state < VMSG_STATE_COUNT && m->changed.close_code <= UINT16_MAX &&
               is_text(m->changed.why, sizeof m->changed.why);
    case VMSG_SECRETS:
        return are_secrets(&m->secrets);
    case VMSG_BEAT:
        return m->beat.seq_ack >= -1 && m->beat.seq_ack <= UINT16_MAX && m->beat.ping_ms >= -1;
    default:
        return true;
    }
}

int vmsg_decode(const void *bytes, size_t len, struct vmsg *ret)
{
    struct vmsg m = { 0 };
    if (len < HEAD_BYTES)
        return -EBADMSG;
    memcpy(&m, bytes, HEAD_BYTES);
    if (m.type == 0 || m.type >= VMSG_TYPE_END || len != HEAD_BYTES + body_bytes[m.type])
        return -EBADMSG;
    memcpy(&m, bytes, len);
    if (!body_is_sane(&m))
        return -EBADMSG;
    *ret = m;
    return 0;
}

bool vmsg_batch_add(uint8_t bytes[VMSG_BATCH_MAX], size_t *len, const struct vmsg_record *r,
                    const uint8_t *packet)
{
    assert(*len >= sizeof(struct vmsg_batch) && r->len <= VMSG_PACKET_MAX);
    if (VMSG_BATCH_MAX - *len < sizeof *r + r->len)
        return false;
    memcpy(bytes + *len, r, sizeof *r);
    if (r->len > 0)
        memcpy(bytes + *len + sizeof *r, packet, r->len);
    *len += sizeof *r + r->len;
    return true;
}

int vmsg_batch_next(const uint8_t *bytes, size_t len, size_t *at, struct vmsg_record *ret,
                    const uint8_t **ret_packet)
{
    struct vmsg_record r;
    if (*at == len)
        return 0;
    if (*at > len || len - *at < sizeof r)
        return -EBADMSG;
    memcpy(&r, bytes + *at, sizeof r);
    bool fits = r.kind == VMSG_FRAME ? r.len > 0 && r.len <= VMSG_PACKET_MAX : r.len == 0;
    if (r.kind >= VMSG_RECORD_KINDS || !fits || len - *at - sizeof r < r.len)
        return -EBADMSG;
    *ret_packet = bytes + *at + sizeof r;
    *at += sizeof r + r.len;
    *ret = r;
    return 1;
}
