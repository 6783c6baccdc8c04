/*
 * What the messages to and from the fetcher (fmsg.h, smsg.h) have in common: limits, the facts that
 * are known about a resource, texts, and how all of it stands in bytes: a fixed head, a body of
 * fixed size, the texts one behind the other, each with its NUL. A decoded message points into the
 * bytes that it was read from. Pure.
 */
#ifndef TUTTI_PROTO_FETCH_MSG_H
#define TUTTI_PROTO_FETCH_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

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
    FETCH_TEXT_URL, /* http or https; printable, without spaces */
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

enum { FETCH_MSG_TEXTS_MAX = 5 };

/* What one type of message is made of. */
struct fetch_msg_shape {
    size_t body_bytes;
    size_t n_texts;
    struct {
        enum fetch_text_kind kind;
        size_t offset; /* of the pointer in the struct */
    } texts[FETCH_MSG_TEXTS_MAX];
};

/* An element of `texts`: a `const char *` field of a struct. */
#define FETCH_MSG_TEXT(kind, type, field) \
    { \
        FETCH_TEXT_##kind, offsetof(type, field) \
    }

/* The messages of one kind, and the struct for them. It begins with the very bytes of the message:
 * its type, a uint32_t, what else is in the head, and the body. */
struct fetch_msg_layout {
    const struct fetch_msg_shape *shapes; /* by type, from 1 on */
    size_t n_shapes;
    size_t head_bytes;
    size_t max_bytes; /* of a message */
};

/* Writes the struct `m` as a message into bytes[0..size), size ≥ max_bytes. A text that is NULL
 * counts as "", one that is too long is cut at a character. What foreign servers say is made fit
 * here, for a process that receives what is not must take the sender for hostile, and end it with
 * all that it does for others: words for people, types and validators are made printable, a URL
 * that may be missing is left out. URLs and headers that are asked for are the sender's to check.
 * Returns the length. */
size_t fetch_msg_encode(const struct fetch_msg_layout *l, const void *m, void *bytes, size_t size);

/* Reads head, body and texts of one message; of the body, nothing is checked. Returns how many
 * bytes that were, or -EBADMSG: *ret may then be changed. `bytes` must live as long as *ret is
 * used. */
ssize_t fetch_msg_decode(const struct fetch_msg_layout *l, const void *bytes, size_t len,
                         void *ret);

#endif
