/*
 * One voice connection: finds its server, speaks with the gateway, discovers its address, and gives
 * the sending thread a wire. What is lost is resumed where Discord allows it, else the connection
 * is over and the daemon hears why.
 *
 *   NAMING ─▶ OPENING ─▶ READY ──loss──▶ PAUSING ─▶ NAMING …          any ──▶ OVER
 *
 * A session that is resumed keeps its flow, its key and its wire; frames leave meanwhile.
 */
#ifndef TUTTI_VOICE_CONNECTION_H
#define TUTTI_VOICE_CONNECTION_H

#include "base/address.h"
#include "proto/vmsg.h"
#include "voice/flows.h"
#include "voice/names.h"
#include "voice/sender.h"
#include "voice/wss.h"

#include <stddef.h>
#include <uv.h>

struct connection;

/* What all connections share; must stay. */
struct connection_shared {
    uv_loop_t *loop;
    struct names *names;
    struct wss_tls *tls;
    struct flows *flows;
    struct sender *sender;
    struct address_policy policy;
    const char *const *hosts; /* voice servers that are permitted besides Discord's domains */
    size_t n_hosts;
    void (*say)(const struct vmsg *m, void *arg); /* STATE, SECRETS, BEAT */
    void *arg;
};

/* Begins. Returns NULL without memory; else what becomes of it is said. */
struct connection *connection_new(const struct connection_shared *shared, uint32_t id,
                                  const struct vmsg_connect *connect);

/* Other credentials or another server; the same ones change nothing, if it is not over. */
void connection_replace(struct connection *c, const struct vmsg_connect *connect);

/* Leaves the call. The memory goes when the loop comes round to it. */
void connection_free(struct connection *c);

/* News of its wire. */
void connection_take_news(struct connection *c, enum sender_news news);

#endif
