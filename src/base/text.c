#include "base/text.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The length of the valid UTF-8 sequence at s, at most `len` bytes away, or 0. RFC 3629 table 3-7:
 * no overlong forms, no surrogates, nothing above U+10FFFF. */
static size_t sequence_len(const unsigned char *s, size_t len)
{
    static const struct {
        unsigned char lead_from, lead_to, second_from, second_to;
        size_t len;
    } forms[] = {
        { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
        { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
        { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };
    if (s[0] < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (s[0] < forms[i].lead_from || s[0] > forms[i].lead_to)
            continue;
        if (len < forms[i].len || s[1] < forms[i].second_from || s[1] > forms[i].second_to)
            return 0;
        for (size_t k = 2; k < forms[i].len; k++) {
            if (s[k] < 0x80 || s[k] > 0xbf)
                return 0;
        }
        return forms[i].len;
    }
    return 0;
}

/* Of a valid sequence. U+0080…U+009F are control characters as well: U+009B alone begins what a
 * terminal takes for a command. */
static bool is_control(const char *s)
{
    unsigned char c = (unsigned char)s[0];
    return c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)s[1] < 0xa0);
}

bool text_is_printable(const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = sequence_len((const unsigned char *)s + i, len - i);
        if (n == 0 || is_control(s + i))
            return false;
        i += n;
    }
    return true;
}

size_t text_cut_utf8(const char *s, size_t max)
{
    size_t n = strnlen(s, max + 1);
    if (n <= max)
        return n;
    n = max;
    while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
        n--;
    return n;
}

size_t text_sanitise(char *dst, size_t size, const char *s)
{
    assert(size > 0);
    size_t out = 0;
    size_t len = strlen(s);
    for (size_t i = 0; i < len;) {
        size_t n = sequence_len((const unsigned char *)s + i, len - i);
        size_t step = n > 0 ? n : 1;
        if (out + step >= size)
            break;
        if (n == 0)
            dst[out] = '?';
        else if (is_control(s + i))
            memset(dst + out, ' ', n);
        else
            memcpy(dst + out, s + i, n);
        out += step;
        i += step;
    }
    dst[out] = '\0';
    return out;
}

bool text_is_visible_ascii(unsigned char c)
{
    return c > ' ' && c < 0x7f;
}

char *text_percent_encode(const char *s, bool (*stays)(unsigned char c))
{
    static const char hex[] = "0123456789ABCDEF";
    char *encoded = malloc(3 * strlen(s) + 1);
    char *at = encoded;
    if (!encoded)
        return NULL;
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (stays(c)) {
            *at++ = *s;
        } else {
            *at++ = '%';
            *at++ = hex[c >> 4];
            *at++ = hex[c & 15];
        }
    }
    *at = '\0';
    return encoded;
}
