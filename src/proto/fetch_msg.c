#include "proto/fetch_msg.h"

#include "base/text.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

static const size_t limits[] = {
    [FETCH_TEXT_URL] = FETCH_URL_MAX,         [FETCH_TEXT_URL_OR_NONE] = FETCH_URL_MAX,
    [FETCH_TEXT_HEADERS] = FETCH_HEADERS_MAX, [FETCH_TEXT_VALIDATOR] = FETCH_VALIDATOR_MAX,
    [FETCH_TEXT_TYPE] = FETCH_TYPE_MAX,       [FETCH_TEXT_LINE] = FETCH_LINE_MAX,
};

bool fetch_is_refusal(unsigned http_status)
{
    return http_status == 401 || http_status == 403 || http_status == 404 || http_status == 410;
}

bool fetch_length_is_sane(int64_t length)
{
    return length >= -1 && length <= FETCH_LENGTH_MAX;
}

static bool is_url(const char *s, size_t len)
{
    if (strncasecmp(s, "http://", 7) != 0 && strncasecmp(s, "https://", 8) != 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)s[i] <= 0x20 || (unsigned char)s[i] == 0x7f)
            return false;
    }
    return text_is_printable(s, len);
}

/* RFC 9110: what a header's name is made of. */
static bool is_token_char(char c)
{
    return c != '\0' && (isalnum((unsigned char)c) || strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_header_line(const char *s, size_t len)
{
    size_t name = 0;
    while (name < len && is_token_char(s[name]))
        name++;
    return name > 0 && name < len && s[name] == ':' && text_is_printable(s, len);
}

static bool are_headers(const char *s)
{
    while (*s) {
        const char *newline = strchr(s, '\n');
        if (!newline || !is_header_line(s, (size_t)(newline - s)))
            return false;
        s = newline + 1;
    }
    return true;
}

bool fetch_text_is_sane(enum fetch_text_kind kind, const char *s)
{
    assert((size_t)kind < sizeof limits / sizeof limits[0]);
    size_t len = strnlen(s, limits[kind] + 1);
    if (len > limits[kind])
        return false;
    switch (kind) {
    case FETCH_TEXT_URL:
        return is_url(s, len);
    case FETCH_TEXT_URL_OR_NONE:
        return len == 0 || is_url(s, len);
    case FETCH_TEXT_HEADERS:
        return are_headers(s);
    default:
        return text_is_printable(s, len);
    }
}

/* Returns the bytes written, at most the kind's limit and one. */
static size_t put_text(enum fetch_text_kind kind, char *at, const char *s)
{
    s = s ? s : "";
    size_t len;
    switch (kind) {
    case FETCH_TEXT_VALIDATOR:
    case FETCH_TEXT_TYPE:
    case FETCH_TEXT_LINE:
        return text_sanitise(at, limits[kind] + 1, s) + 1;
    case FETCH_TEXT_URL_OR_NONE:
        len = fetch_text_is_sane(kind, s) ? strlen(s) : 0;
        break;
    default:
        len = text_cut_utf8(s, limits[kind]);
        break;
    }
    memcpy(at, s, len);
    at[len] = '\0';
    return len + 1;
}

/* Returns the text and moves *at behind its NUL; NULL if it has no NUL or is not sane. */
static const char *take_text(enum fetch_text_kind kind, const char **at, const char *end)
{
    const char *s = *at;
    const char *nul = s < end ? memchr(s, '\0', (size_t)(end - s)) : NULL;
    if (!nul || !fetch_text_is_sane(kind, s))
        return NULL;
    *at = nul + 1;
    return s;
}

/* Of a message or of the struct: both begin with it. NULL: there is no such type. */
static const struct fetch_msg_shape *shape_of(const struct fetch_msg_layout *l, const void *m)
{
    uint32_t type;
    memcpy(&type, m, sizeof type);
    return type > 0 && type < l->n_shapes ? &l->shapes[type] : NULL;
}

size_t fetch_msg_encode(const struct fetch_msg_layout *l, const void *m, void *bytes, size_t size)
{
    const struct fetch_msg_shape *shape = shape_of(l, m);
    assert(shape && size >= l->max_bytes);
    size_t fixed = l->head_bytes + shape->body_bytes;
    char *at = (char *)bytes + fixed;
    memcpy(bytes, m, fixed);
    for (size_t i = 0; i < shape->n_texts; i++) {
        const char *s;
        memcpy(&s, (const char *)m + shape->texts[i].offset, sizeof s);
        at += put_text(shape->texts[i].kind, at, s);
    }
    return (size_t)(at - (char *)bytes);
}

ssize_t fetch_msg_decode(const struct fetch_msg_layout *l, const void *bytes, size_t len, void *ret)
{
    if (len < l->head_bytes || len > l->max_bytes)
        return -EBADMSG;
    assert(l->n_shapes > 1 && l->head_bytes >= sizeof(uint32_t));
    const struct fetch_msg_shape *shape = shape_of(l, bytes);
    if (!shape || len - l->head_bytes < shape->body_bytes)
        return -EBADMSG;
    size_t fixed = l->head_bytes + shape->body_bytes;
    const char *at = (const char *)bytes + fixed;
    const char *end = (const char *)bytes + len;
    memcpy(ret, bytes, fixed);
    for (size_t i = 0; i < shape->n_texts; i++) {
        const char *s = take_text(shape->texts[i].kind, &at, end);
        if (!s)
            return -EBADMSG;
        memcpy((char *)ret + shape->texts[i].offset, &s, sizeof s);
    }
    return at - (const char *)bytes;
}
