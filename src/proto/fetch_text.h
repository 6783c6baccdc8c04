/*
 * What the messages to and from the fetcher (fmsg.h, smsg.h) have in common: limits, the facts that
 * are known about a resource, and texts. On the wire the texts of a message stand one behind the
 * other, each with its NUL; a decoded message points into the bytes that it was read from. Pure.
 */
#ifndef TUTTI_PROTO_FETCH_TEXT_H
#define TUTTI_PROTO_FETCH_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* [bytes] of a text, without its NUL */
enum {
    FETCH_URL_MAX = 16384,
    FETCH_HEADERS_MAX = 16384,
    FETCH_VALIDATOR_MAX = 1024,
    FETCH_TYPE_MAX = 256, /* a content type */
    FETCH_LINE_MAX = 512, /* a name, a title, a sentence for people */
};

#define FETCH_LENGTH_MAX (INT64_C(1) << 50) /* [bytes] of a resource */

/* Facts about a resource, as its answer told them. */
enum fetch_flag {
    FETCH_RANGES = 1, /* it can be read from any byte at the cost of one request */
    FETCH_LIVE = 2,   /* an endless stream (ICY): it goes on at now, whatever byte is asked for */
    FETCH_OPEN_ENDED = 4, /* nothing tells its end from a lost connection: it ends with CUT */
    FETCH_FLAGS_ALL = 7,
};

/* What the first bytes and the content type make of it. */
enum fetch_kind {
    FETCH_MEDIA,
    FETCH_PLAYLIST, /* HLS, M3U or PLS */
    FETCH_PAGE,     /* HTML */
    FETCH_KIND_COUNT
};

enum fetch_text_kind {
    FETCH_TEXT_URL, /* http or https; printable ASCII without spaces */
    FETCH_TEXT_URL_OR_NONE,
    FETCH_TEXT_HEADERS,   /* "Name: value\n", any number of times */
    FETCH_TEXT_VALIDATOR, /* "" or printable */
    FETCH_TEXT_TYPE,
    FETCH_TEXT_LINE,
};

/* 401, 403, 404, 410: the link may be old. */
bool fetch_is_refusal(unsigned http_status);

bool fetch_length_is_sane(int64_t length); /* −1 (unknown) … FETCH_LENGTH_MAX */

/* True if `s` is a text of this kind, limit included. */
bool fetch_text_is_sane(enum fetch_text_kind kind, const char *s);

/* Writes the text and its NUL to at[0..). NULL counts as "". A text that is too long is cut at a
 * character. Returns the bytes written, at most the kind's limit and one. */
size_t fetch_text_put(enum fetch_text_kind kind, char *at, const char *s);

/* Takes one text from *at, which must lie before `end`. Returns it and moves *at behind its NUL;
 * NULL if it has no NUL or is not sane. */
const char *fetch_text_take(enum fetch_text_kind kind, const char **at, const char *end);

#endif
