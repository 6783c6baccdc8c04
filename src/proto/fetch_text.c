#include "proto/fetch_text.h"

#include "base/text.h"

#include <ctype.h>
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

size_t fetch_text_put(enum fetch_text_kind kind, char *at, const char *s)
{
    size_t len = s ? text_cut_utf8(s, limits[kind]) : 0;
    if (len > 0)
        memcpy(at, s, len);
    at[len] = '\0';
    return len + 1;
}

const char *fetch_text_take(enum fetch_text_kind kind, const char **at, const char *end)
{
    const char *s = *at;
    const char *nul = s < end ? memchr(s, '\0', (size_t)(end - s)) : NULL;
    if (!nul || !fetch_text_is_sane(kind, s))
        return NULL;
    *at = nul + 1;
    return s;
}
