/* Text from foreign hands: is it UTF-8, may it be shown, where may it be cut. */
#ifndef TUTTI_BASE_TEXT_H
#define TUTTI_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* True if s[0..len) is valid UTF-8 (RFC 3629) without control characters, be they of ASCII or
 * U+0080…U+009F. */
bool text_is_printable(const char *s, size_t len);

/* The length of `s`, cut to at most `max` bytes without splitting a UTF-8 sequence. */
size_t text_cut_utf8(const char *s, size_t max);

/* Copies `s` into dst[0..size) so that text_is_printable holds: each byte of a control
 * character becomes a space, a broken byte '?'. Cuts at a character. Always terminates; returns the
 * length. */
size_t text_sanitise(char *dst, size_t size, const char *s);

/* Of what is seen in ASCII: neither a blank nor a control character. */
bool text_is_visible_ascii(unsigned char c);

/* Returns a copy in which every byte that does not stay as it is has become %XX (RFC 3986 section
 * 2.1). NULL without memory. */
char *text_percent_encode(const char *s, bool (*stays)(unsigned char c));

#endif
