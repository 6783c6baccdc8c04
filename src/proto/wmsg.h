/*
 * Messages between the daemon, the zygote and the workers, over SOCK_SEQPACKET socketpairs: one
 * message a packet, host byte order (one machine), a fixed head and a body of fixed size with an
 * optional text behind it. Pure: bytes in, struct out; decoding refuses what does not fit exactly.
 *
 *   daemon → zygote   SPAWN (+ the worker's end of its socketpair, + the ring's memfd)
 *   zygote → daemon   SPAWNED
 *   daemon → worker   OPEN (+ source descriptor)  RENDER  NEXT (+ source descriptor)  DROP_NEXT
 *                     JOINED  CLOSE  BELL  SOURCE (+ source descriptor)
 *   worker → daemon   IDLE  OPENED  FAILED  RENDER_FAILED  WARNING  TITLE  LENGTH  BELL  DYING
 *
 * A worker serves one play at a time: OPEN … CLOSE. After CLOSE it answers IDLE; everything it says
 * before that which names the old `play` is stale. FAILED ends the play: the worker waits for
 * CLOSE.
 */
#ifndef TUTTI_PROTO_WMSG_H
#define TUTTI_PROTO_WMSG_H

#include "proto/duration.h"
#include "proto/sound.h"
#include "ring/layout.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum wmsg_type {
    WMSG_SPAWN = 1,
    WMSG_SPAWNED,
    WMSG_OPEN,
    WMSG_RENDER,
    WMSG_CLOSE,
    WMSG_BELL,
    WMSG_IDLE,
    WMSG_OPENED,
    WMSG_FAILED,
    WMSG_RENDER_FAILED,
    WMSG_WARNING,
    WMSG_TITLE,
    WMSG_NEXT,
    WMSG_DROP_NEXT,
    WMSG_JOINED,
    WMSG_SOURCE, /* a play's source has a new descriptor: the fetcher died, another goes on */
    WMSG_DYING,  /* the text says of what: the last message there is */
    WMSG_LENGTH, /* more is known of the source than OPENED said */
    WMSG_TYPE_END
};

enum {
    WMSG_TEXT_MAX = 512, /* [bytes] of a text, without a final NUL */
    WMSG_MAX = 1024,     /* [bytes] of a message */
};

/* [samples at 48 kHz] A quarter of a century is no position and no duration. */
#define WMSG_POS_MAX ((int64_t)25 * 365 * 24 * 3600 * 48000)

/* SPAWN: make a worker. The descriptors are its socket and its ring. */
struct wmsg_spawn {
    uint32_t id; /* comes back in SPAWNED */
    struct ring_shape shape;
};

struct wmsg_spawned {
    uint32_t id;
    int32_t pid; /* or negative errno */
};

/* How to render: from where, how it is to sound, into which lane. The one primitive behind start,
 * seek, volume and recovery. */
struct wmsg_render {
    int64_t pos;        /* [samples at 48 kHz] source time of the first frame */
    struct sound sound; /* what is to be heard */
    struct sound from;  /* what was heard until now: its volume is ramped from here in 10 ms */
    uint32_t gen;       /* marks every record of this render */
    uint8_t lane;
    uint8_t exact; /* 1: frames must lie on the grid of the frames before (a volume change);
                      0: `pos` starts a new grid (a seek) */
    uint8_t joins; /* 1: of a live stream; it is joined anew at now, and `pos` counts on */
    uint8_t reserved;
};

/* OPEN: a source. Its descriptor comes along. NEXT: of its render, position and gain count. */
struct wmsg_open {
    struct wmsg_render render; /* the first render: lane, generation, position, gain */
    struct ring_hint hint;     /* where to resume; packet −1: not a resumption */
    uint32_t depth_frames;     /* fill the ring up to here */
    uint32_t bitrate;          /* [bit/s] */
    uint32_t complexity;       /* 0 … 10 */
    uint32_t reserved;
};

/* LENGTH, OPENED: what is known of how long the source is. */
struct wmsg_length {
    int64_t duration; /* [samples at 48 kHz]; −1 unknown or live */
    uint8_t kind;     /* enum duration_kind */
    uint8_t is_live;  /* it goes on at now, wherever one was */
    uint8_t reserved[6];
};

struct wmsg_opened {
    struct wmsg_length length;
    int64_t pos;         /* [samples at 48 kHz] of the first frame, as `render.pos` came out */
    uint32_t lag;        /* [samples] constant lag L of this play's frames */
    uint8_t passthrough; /* the first frames are the source's own */
    uint8_t seekable;
    uint8_t late; /* a next play: the end of the current one was made without it */
    uint8_t reserved;
    /* text: the title, or empty */
};

/* FAILED: the play cannot go on. RENDER_FAILED: that render cannot be done, the play goes on. */
struct wmsg_failed {
    uint32_t code;        /* enum tutti_error */
    uint32_t gen;         /* RENDER_FAILED: of which render */
    uint32_t http_status; /* FAILED: of the answer that the source failed with; 0: none */
    uint32_t reserved;
    /* text: one line for people */
};

struct wmsg_warning {
    uint32_t code; /* enum tutti_warning */
    uint32_t reserved;
    /* text: one line for people */
};

struct wmsg {
    enum wmsg_type type;
    uint32_t play; /* the daemon's serial number of the play; 0 where none is meant */
    union {
        struct wmsg_spawn spawn;
        struct wmsg_spawned spawned;
        struct wmsg_open open;
        struct wmsg_render render;
        struct wmsg_opened opened;
        struct wmsg_length length;
        struct wmsg_failed failed;
        struct wmsg_warning warning;
    };
    char text[WMSG_TEXT_MAX +
              1]; /* NUL-terminated; for OPENED, FAILED, RENDER_FAILED, WARNING, TITLE, DYING */
};

/* Writes `m` as a message into bytes[0..size), size ≥ WMSG_MAX. Text beyond the limit is cut.
 * Returns the length. */
size_t wmsg_encode(const struct wmsg *m, void *bytes, size_t size);

/* Reads one message. Returns 0; -EBADMSG if it is not exactly one well-formed message (unknown
 * type, wrong length, a lane, code or position out of range, text not printable UTF-8): *ret then
 * unchanged. */
int wmsg_decode(const void *bytes, size_t len, struct wmsg *ret);

#endif
