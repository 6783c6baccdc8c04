#include "fetch/icy.h"

#include "base/text.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

void icy_init(struct icy *icy, size_t interval)
{
    assert(interval > 0 && interval <= ICY_INTERVAL_MAX);
    *icy = (struct icy){ .interval = interval, .until_length = interval };
}

/* The end of a quoted value: "';" ends it, a bare quote does not, for titles have apostrophes. */
static const char *value_end(const char *value)
{
    const char *end = strstr(value, "';");
    if (end)
        return end;
    const char *last = strrchr(value, '\'');
    return last ? last : value + strlen(value);
}

static void latin1_to_utf8(const char *s, size_t len, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (n + 2 >= size)
            break;
        if (c < 0x80) {
            out[n++] = (char)c;
        } else if (c >= 0xa0) {
            out[n++] = (char)(0xc0 | (c >> 6));
            out[n++] = (char)(0x80 | (c & 0x3f));
        } else {
            out[n++] = ' '; /* a control character of Latin-1 */
        }
    }
    out[n] = '\0';
}

int icy_read_title(const char *metadata, char *title, size_t size)
{
    static const char key[] = "StreamTitle='";
    const char *at = metadata;
    while (*at && strncasecmp(at, key, sizeof key - 1) != 0)
        at++;
    if (!*at)
        return 0;
    at += sizeof key - 1;
    size_t len = (size_t)(value_end(at) - at);
    char text[2 * ICY_METADATA_MAX + 2];
    char plain[ICY_METADATA_MAX + 1];
    memcpy(plain, at, len);
    plain[len] = '\0';
    (void)text_sanitise(text, sizeof text, plain);
    /* Control characters become spaces, so any difference in '?' means broken UTF-8. */
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '?' && plain[i] != '?') {
            latin1_to_utf8(plain, len, text, sizeof text);
            break;
        }
    }
    (void)text_sanitise(title, size, text);
    return 1;
}

static void take_metadata(struct icy *icy, const struct icy_ops *ops)
{
    char title[ICY_TITLE_MAX + 1];
    icy->metadata[icy->have] = '\0';
    if (icy_read_title(icy->metadata, title, sizeof title))
        ops->title(title, ops->arg);
}

int icy_feed(struct icy *icy, const uint8_t *bytes, size_t len, const struct icy_ops *ops)
{
    while (len > 0) {
        size_t n = 1;
        if (icy->want > 0) {
            n = icy->want < len ? icy->want : len;
            memcpy(icy->metadata + icy->have, bytes, n);
            icy->have += n;
            icy->want -= n;
            if (icy->want == 0)
                take_metadata(icy, ops);
        } else if (icy->until_length > 0) {
            n = icy->until_length < len ? icy->until_length : len;
            int r = ops->audio(bytes, n, ops->arg);
            if (r < 0)
                return r;
            icy->until_length -= n;
        } else {
            icy->want = (size_t)*bytes * 16;
            icy->have = 0;
            icy->until_length = icy->interval;
        }
        bytes += n;
        len -= n;
    }
    return 0;
}
