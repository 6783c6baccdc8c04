#include "proto/wmsg.h"

#include "base/errors.h"
#include "base/text.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

struct head {
    uint32_t type;
    uint32_t play;
};

static const struct {
    size_t body;
    bool has_text;
    bool known;
} shapes[WMSG_TYPE_END] = {
    [WMSG_SPAWN] = { sizeof(struct wmsg_spawn), false, true },
    [WMSG_SPAWNED] = { sizeof(struct wmsg_spawned), false, true },
    [WMSG_OPEN] = { sizeof(struct wmsg_open), false, true },
    [WMSG_RENDER] = { sizeof(struct wmsg_render), false, true },
    [WMSG_CLOSE] = { 0, false, true },
    [WMSG_BELL] = { 0, false, true },
    [WMSG_IDLE] = { 0, false, true },
    [WMSG_OPENED] = { sizeof(struct wmsg_opened), true, true },
    [WMSG_FAILED] = { sizeof(struct wmsg_failed), true, true },
    [WMSG_RENDER_FAILED] = { sizeof(struct wmsg_failed), true, true },
    [WMSG_WARNING] = { sizeof(struct wmsg_warning), true, true },
    [WMSG_TITLE] = { 0, true, true },
    [WMSG_NEXT] = { sizeof(struct wmsg_open), false, true },
    [WMSG_DROP_NEXT] = { 0, false, true },
    [WMSG_JOINED] = { 0, false, true },
    [WMSG_SOURCE] = { 0, false, true },
    [WMSG_DYING] = { 0, true, true },
    [WMSG_LENGTH] = { sizeof(struct wmsg_length), false, true },
};

_Static_assert(sizeof(struct head) + sizeof(struct wmsg_open) + WMSG_TEXT_MAX <= WMSG_MAX,
               "every message fits");

size_t wmsg_encode(const struct wmsg *m, void *bytes, size_t size)
{
    assert(size >= WMSG_MAX && m->type > 0 && m->type < WMSG_TYPE_END);
    struct head head = { .type = (uint32_t)m->type, .play = m->play };
    char *at = bytes;
    memcpy(at, &head, sizeof head);
    at += sizeof head;
    memcpy(at, &m->open, shapes[m->type].body);
    at += shapes[m->type].body;
    if (shapes[m->type].has_text) {
        size_t n = text_cut_utf8(m->text, WMSG_TEXT_MAX);
        memcpy(at, m->text, n);
        at += n;
    }
    return (size_t)(at - (char *)bytes);
}

static bool pos_is_sane(int64_t pos)
{
    return pos >= 0 && pos <= WMSG_POS_MAX;
}

static bool render_is_sane(const struct wmsg_render *r)
{
    return r->lane < RING_LANES && r->exact <= 1 && r->joins <= 1 && pos_is_sane(r->pos) &&
           sound_is_sane(&r->sound) && sound_is_sane(&r->from);
}

/* A number, and how well it is known, belong together. */
static bool length_is_sane(const struct wmsg_length *l)
{
    if (l->kind >= DURATION_KIND_COUNT || l->is_live > 1)
        return false;
    return l->kind == DURATION_UNKNOWN ? l->duration == -1
                                       : pos_is_sane(l->duration) && !l->is_live;
}

static bool body_is_sane(const struct wmsg *m)
{
    switch (m->type) {
    case WMSG_OPEN:
    case WMSG_NEXT:
        return render_is_sane(&m->open.render) && m->open.depth_frames > 0 &&
               m->open.depth_frames <= RING_FRAMES_MAX && m->open.complexity <= 10;
    case WMSG_RENDER:
        return render_is_sane(&m->render);
    case WMSG_OPENED:
        return length_is_sane(&m->opened.length) && pos_is_sane(m->opened.pos) &&
               m->opened.lag <= 48000 && m->opened.passthrough <= 1 && m->opened.seekable <= 1;
    case WMSG_LENGTH:
        return length_is_sane(&m->length);
    case WMSG_FAILED:
    case WMSG_RENDER_FAILED:
        return m->failed.code > TUTTI_OK && m->failed.code < TUTTI_ERROR_COUNT &&
               m->failed.http_status <= 999;
    case WMSG_WARNING:
        return m->warning.code > TUTTI_W_NONE && m->warning.code < TUTTI_WARNING_COUNT;
    default:
        return true;
    }
}

int wmsg_decode(const void *bytes, size_t len, struct wmsg *ret)
{
    struct head head;
    if (len < sizeof head || len > WMSG_MAX)
        return -EBADMSG;
    memcpy(&head, bytes, sizeof head);
    if (head.type >= WMSG_TYPE_END || !shapes[head.type].known)
        return -EBADMSG;
    const char *body = (const char *)bytes + sizeof head;
    size_t body_len = shapes[head.type].body;
    size_t rest = len - sizeof head;
    if (rest < body_len || rest - body_len > (shapes[head.type].has_text ? WMSG_TEXT_MAX : 0))
        return -EBADMSG;

    struct wmsg m = { .type = (enum wmsg_type)head.type, .play = head.play };
    memcpy(&m.open, body, body_len);
    memcpy(m.text, body + body_len, rest - body_len);
    if (!body_is_sane(&m) || !text_is_printable(m.text, rest - body_len))
        return -EBADMSG;
    *ret = m;
    return 0;
}
