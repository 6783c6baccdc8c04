/*
 * A transfer: one place in a resource that is read from, a window of bytes before it and the
 * request that fills the window. Hides that connections end: it resumes at the byte. Here is the
 * reader's side; connection.c asks and takes answers, content.c what is in them, outage.c knows
 * when to ask again, readahead.c how much to have.
 *
 *              start                 head               window full
 *   DORMANT ──────────▶ ASKING ─────────────▶ FLOWING ─────────────▶ PAUSED
 *      ▲                 │  ▲                  │  ▲ ◀────────────────┘ │
 *      │            lost ▼  │ back-off over    │  half of it was read  │
 *      │                WAITING ◀──────────────┘ lost                  │
 *      └───── nobody reads ────────────────────────────────────────────┘
 *   EXPIRED: waits for another link.  OVER: at its end, or failed, or changed.
 */
#ifndef TUTTI_FETCH_TRANSFER_H
#define TUTTI_FETCH_TRANSFER_H

#include "fetch/icy.h"
#include "fetch/inflate.h"
#include "fetch/request.h"
#include "fetch/resource.h"
#include "fetch/window.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* What all transfers have in common. */
struct transfer_context {
    uv_loop_t *loop;
    struct request_context request;
    uint64_t stall_ms;
    uint64_t give_up_ms;
    uint64_t idle_ms;       /* a connection that nobody has read from for so long is closed */
    size_t ahead_bytes;     /* what each may read ahead now */
    size_t ahead_bytes_min; /* and what each may when all together hold too much: */
    size_t memory_bytes;
    size_t *held_bytes; /* what all windows hold */
};

enum transfer_state { DORMANT, ASKING, FLOWING, PAUSED, WAITING, EXPIRED, OVER };

enum transfer_end {
    NOT_OVER,
    OVER_END, /* all was there: that is certain */
    OVER_CUT, /* the connection ended, and nothing says whether that was all */
    OVER_FAILED,
    OVER_CHANGED,
};

struct transfer;

/* From the loop, or from inside transfer_ functions: the callee may look, not free. */
struct transfer_ops {
    /* Something has happened: bytes, a head, an end. Look again. */
    void (*changed)(struct transfer *t, void *arg);
    void (*expired)(unsigned status, const char *why, void *arg);
    void (*reconnected)(const char *why, void *arg);
    void (*title)(int64_t at, const char *title, void *arg);
    void (*live)(void *arg); /* the resource turned out to be live */
    void *arg;
};

struct transfer {
    /* read by the owner */
    struct window window;
    enum transfer_state state;
    enum transfer_end end;
    struct judgement failure; /* OVER_FAILED */

    /* the transfer's own */
    const struct transfer_context *context;
    struct resource *resource;
    struct transfer_ops ops;
    struct request *request;
    uv_timer_t timer;
    int64_t pos;    /* the reader's place */
    int64_t at;     /* of the next byte of the connection */
    int64_t asked;  /* where the request began; −1: no range */
    bool is_active; /* the owner reads here, not elsewhere */
    bool is_wanted; /* a read waits for the next byte */
    bool is_open_ended;
    /* the body: content.c */
    bool has_icy, is_encoded;
    struct icy *icy;
    struct inflate *inflate;
    size_t n_inflated;        /* [bytes] of the piece that did not fit */
    struct judgement verdict; /* on the answer that was aborted */
    bool is_told_changed;     /* the bytes that came differ from those we have */
    /* an outage, and the tries to end it */
    unsigned tries;
    uint64_t outage_ns; /* when it began; 0: none */
    uint64_t wanted_ns; /* since when a read waits */
    uint64_t byte_ns;   /* when the last one came, or the request left */
    uint64_t read_ns;   /* when the owner read last */
    uint64_t read_gap_ns;
    uint64_t flow_ns;    /* when the first byte of this connection came; 0: none has */
    uint64_t waited_ns;  /* how long the reader has waited since */
    int64_t start_end;   /* window.end when the request began: progress is what is beyond */
    int64_t lost_end;    /* window.end at the last loss; −1: none */
    size_t held;         /* [bytes] of `window`, as counted in held_bytes */
    bool is_outage_told; /* when it ends: not of one before the first answer */
    char why[256];       /* of the outage */
};

/* Nothing is requested yet. Returns 0 or -ENOMEM. */
int transfer_new(const struct transfer_context *context, struct resource *resource,
                 const struct transfer_ops *ops, struct transfer **ret_transfer);

/* The memory goes when the loop has closed the timer; no op is called any more. NULL is fine. */
void transfer_free(struct transfer *t);

/* Forgets all and requests from `at` on. */
void transfer_start(struct transfer *t, int64_t at);

/* Stands at `at` with nothing requested. */
void transfer_place(struct transfer *t, int64_t at);

/* True if a read at `at` costs no request beyond those that are made anyway. */
bool transfer_covers(const struct transfer *t, int64_t at);

/* A read at `at`, which is covered. If the byte is not there it is wanted from now on: `changed`
 * tells when to look again. True if it is there. */
bool transfer_seek(struct transfer *t, int64_t at);

/* The owner has taken all before `at`. */
void transfer_consume(struct transfer *t, int64_t at);

/* The owner reads elsewhere for now: nothing is tried anew. */
void transfer_rest(struct transfer *t);

/* The reader of a live stream may number its bytes as it likes: the first one that was not read
 * is `at` from now on. Nothing must have been read yet. */
void transfer_renumber(struct transfer *t, int64_t at);

/* The resource has another link: goes on, if it waited for that. */
void transfer_relink(struct transfer *t);

#endif
