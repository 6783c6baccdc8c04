/*
 * The voice gateway's conversation, version 8, as a state machine: texts in, texts and news out. It
 * knows neither sockets nor time. What the server says is hostile.
 *
 *   OPENING ─ identify ▶ IDENTIFIED ─ op 2 ▶ DISCOVERING ─ gateway_select ▶ SELECTED ─ op 4 ▶ READY
 *      └───── resume ──▶ RESUMING ─────────────────── op 9 ───────────────────────────────────▶┘
 *
 * Messages that the server missed to deliver may come before or after op 9, and are taken either
 * way. Their sequence is the last one seen, not the largest: it begins again at 0 after 65,535.
 *
 * Facts: Discord's documentation, "Voice Connections".
 */
#ifndef TUTTI_VOICE_GATEWAY_H
#define TUTTI_VOICE_GATEWAY_H

#include "proto/vmsg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gateway_state {
    GATEWAY_OPENING,
    GATEWAY_IDENTIFIED,
    GATEWAY_DISCOVERING,
    GATEWAY_SELECTED,
    GATEWAY_RESUMING,
    GATEWAY_READY,
    GATEWAY_STATES
};

/* Who connects where. Snowflakes; the texts must stay. */
struct gateway_identity {
    uint64_t guild, user;
    const char *session_id, *token;
};

/* From op 2: where our packets go. The text lives for the call. */
struct gateway_server {
    const char *address; /* as the server wrote it */
    uint16_t port;
    uint32_t ssrc;
    enum vmsg_mode mode; /* the best that it offers and we know */
};

/* Called from gateway_take and gateway_open. None may free the gateway. */
struct gateway_ops {
    void (*send)(const char *text, void *arg); /* a text message */
    void (*hello)(unsigned interval_ms, void *arg);
    void (*server)(const struct gateway_server *server, void *arg);
    void (*ready)(const uint8_t key[VMSG_KEY_BYTES], void *arg); /* again: another key */
    void (*resumed)(void *arg);
    void (*beat)(void *arg);                    /* a heartbeat was answered */
    void (*broken)(const char *why, void *arg); /* the server breaks the rules: to be left */
    void *arg;
};

struct gateway {
    enum gateway_state state;
    struct gateway_identity identity;
    struct gateway_ops ops;
    int32_t seq_ack; /* −1: no message had a sequence */
    enum vmsg_mode mode;
    uint64_t beat_ms; /* when the heartbeat that waits for its answer left; 0: none does */
};

void gateway_init(struct gateway *g, const struct gateway_identity *identity,
                  const struct gateway_ops *ops);

/* The WebSocket is open: identifies, or resumes the session of before. */
void gateway_open(struct gateway *g, bool resumes);

/* A text message, or a binary one. */
void gateway_take(struct gateway *g, const char *text, size_t len);
void gateway_take_binary(struct gateway *g, const uint8_t *bytes, size_t len);

/* Under which address the server sees us. */
void gateway_select(struct gateway *g, const char *address, uint16_t port);

/* A heartbeat is due. Returns false, sending none, if the last one was not answered. */
bool gateway_beat(struct gateway *g, uint64_t now_ms);

/* READY: tells whether we speak. */
void gateway_speak(struct gateway *g, uint32_t ssrc, bool speaks);

#endif
