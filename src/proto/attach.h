/* The JSON lines that a client may write on the audio socket. Pure. See docs/protocol.md. */
#ifndef TUTTI_PROTO_ATTACH_H
#define TUTTI_PROTO_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ATTACH_LINE_MAX = 1024,      /* [bytes] */
    ATTACH_CLIENT_MAX = 64,      /* [bytes] */
    ATTACH_CREDIT_MAX = 1 << 30, /* frames, 248 days: a line that gives more gives these */
};

struct attach_line {
    bool is_credit;
    /* attach */
    char client[ATTACH_CLIENT_MAX + 1];
    bool credit_flow;
    bool marks; /* the daemon is to say in band whose frames follow */
    /* credit */
    uint64_t channel;
    uint32_t frames;
};

/* Reads the line s[0..len). Returns 0, or -EBADMSG if it is neither a whole attach nor a whole
 * credit line: the connection is to be closed then. */
int attach_parse(const char *s, size_t len, struct attach_line *ret);

#endif
