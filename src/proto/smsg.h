/*
 * Messages between a worker and tutti-fetch, over a source's SOCK_SEQPACKET socketpair: one message
 * a packet, host byte order, a fixed head, a body of fixed size, texts or data behind it. Pure:
 * bytes in, struct out; decoding refuses what does not fit exactly. Either side treats the other
 * as hostile; the fetcher drops a peer that breaks the rules.
 *
 *   worker → fetcher   RESET  READ  OPEN  CLOSE
 *   fetcher → worker   READY  DATA  END  CUT  ERROR  OPENED  TITLE
 *
 * Stream 0 is the source's root resource and always open; others are opened by the worker.
 *
 * RESET comes first from every reader: what an earlier one asked for is forgotten, its streams are
 * closed. The answer is READY with the same epoch (which a reader draws afresh); a reader drops
 * everything that comes before it. READY comes when the root's headers are known; after a failure
 * of the source it comes as well, and reads get the ERROR.
 *
 * READ is answered by exactly one of DATA (at least one byte, from exactly `at`), END (the resource
 * ends at or before `at`, and that is certain), CUT (likewise, but the connection just ended and
 * nothing says whether that was the resource's end: FETCH_OPEN_ENDED) or ERROR. There is no answer
 * as long as data may still come: the fetcher connects anew, resumes, waits for a new link. One
 * READ a stream may be outstanding; another is a breach, but after CLOSE or RESET.
 *
 * A stream may turn out to be live while it is read: DATA says so. A live stream (FETCH_LIVE) can
 * be read only onwards: a byte that is gone is an ERROR. Its bytes are counted as they are
 * delivered, over connections that were lost.
 */
#ifndef TUTTI_PROTO_SMSG_H
#define TUTTI_PROTO_SMSG_H

#include "proto/fetch_msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum smsg_type {
    SMSG_RESET = 1,
    SMSG_READ,
    SMSG_OPEN,
    SMSG_CLOSE,
    SMSG_READY,
    SMSG_DATA,
    SMSG_END,
    SMSG_CUT,
    SMSG_ERROR,
    SMSG_OPENED,
    SMSG_TITLE,
    SMSG_TYPE_END
};

enum {
    SMSG_DATA_MAX = 65536,         /* [bytes] in one DATA */
    SMSG_MAX = SMSG_DATA_MAX + 64, /* [bytes] of a message */
    SMSG_STREAMS_MAX = 8,          /* nested streams that may be open at once */
};

struct smsg_read {
    uint32_t serial; /* comes back in the answer; the worker's choice */
    uint32_t len;    /* [bytes] 1 … SMSG_DATA_MAX: DATA brings at most these */
    int64_t at;      /* [bytes] from the start of the resource */
};

/* OPEN: another resource. Answered by OPENED or ERROR; after an ERROR, too, it is one of those that
 * are open until CLOSE. */
struct smsg_open {
    uint32_t serial;
    uint32_t is_entry; /* 1: an entry of a list of links, which may be a station */
    int64_t at;        /* [bytes] the first request asks for this byte; reads may go anywhere */
    int64_t end;       /* [bytes] nothing from here on is requested or read; −1: all */
    /* texts: url; headers, or empty for those of the source's root */
};

/* READY, OPENED: what is known of the resource. */
struct smsg_facts {
    uint64_t epoch;  /* READY; 0 in OPENED */
    uint32_t serial; /* OPENED; 0 in READY */
    uint32_t flags;  /* enum fetch_flag */
    int64_t length;  /* [bytes]; −1: unknown */
    uint32_t kind;   /* enum fetch_kind */
    uint32_t reserved;
    /* texts: content_type, url (after all redirects: relative URLs are relative to it) */
};

struct smsg_data {
    uint32_t serial;
    uint32_t is_live; /* 1: the stream is live, whatever READY or OPENED said */
    int64_t at;       /* [bytes] of the first one: as the READ asked */
    /* data: 1 … the READ's len */
};

struct smsg_error {
    uint32_t serial;
    uint32_t code;        /* enum tutti_error */
    uint32_t http_status; /* 0: none */
    uint32_t reserved;
    /* texts: why, one line for people */
};

/* END, CUT */
struct smsg_end {
    uint32_t serial;
    uint32_t reserved;
    int64_t length; /* [bytes] the resource turned out to have */
};

/* TITLE: what plays from this byte on (ICY). Comes before the DATA that has the byte. */
struct smsg_title {
    int64_t at;
    /* texts: title */
};

struct smsg {
    enum smsg_type type;
    uint32_t stream; /* 0: the root. OPEN: a number that no open stream has */
    union {
        uint64_t epoch; /* RESET */
        struct smsg_read read;
        struct smsg_open open;
        struct smsg_facts facts; /* READY, OPENED */
        struct smsg_data data;
        struct smsg_end end; /* END, CUT */
        struct smsg_error error;
        struct smsg_title title;
    };
    /* NULL where the type has none; decoded: they point into the message's bytes. */
    const char *url;          /* OPEN, READY, OPENED */
    const char *headers;      /* OPEN */
    const char *content_type; /* READY, OPENED */
    const char *text;         /* ERROR: why; TITLE: the title */
    const uint8_t *bytes;     /* DATA */
    size_t n_bytes;           /* DATA */
};

/* True if a worker may send this type, false if the fetcher may. */
bool smsg_is_from_worker(enum smsg_type type);

/* Writes `m` as a message into bytes[0..size), size ≥ SMSG_MAX; of DATA only what stands before
 * the data, which the sender adds itself (sendmsg gathers). Returns the length. */
size_t smsg_encode(const struct smsg *m, void *bytes, size_t size);

/* Reads one message. Returns 0; -EBADMSG if it is not exactly one well-formed message: *ret then
 * unchanged. `bytes` must live as long as *ret is used. */
int smsg_decode(const void *bytes, size_t len, struct smsg *ret);

#endif
