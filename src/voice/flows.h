/*
 * The UDP sockets. Connections share them, so that a batch leaves with few system calls: a flow is
 * one socket and one address of a server, and belongs to one connection. Two connections to the
 * same address have different sockets, so that the server can tell them apart by their ports as
 * well.
 *
 * Sockets stay open until the process ends. Each has a number, under which the daemon keeps a
 * duplicate of it: the next tutti-voice sends from the same ports.
 */
#ifndef TUTTI_VOICE_FLOWS_H
#define TUTTI_VOICE_FLOWS_H

#include "voice/outbox.h"

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct flows;
struct flow;

/* Called from the loop with what the server of a flow has sent; only answers to discovery pass the
 * sockets' filter. May close the flow. */
typedef void (*flow_received_fn)(const uint8_t *bytes, size_t len, void *arg);

/* A socket was made. */
typedef void (*flows_made_fn)(uint32_t number, int fd, void *arg);

/* Returns 0 or -ENOMEM. */
int flows_new(uv_loop_t *loop, flows_made_fn made, void *arg, struct flows **ret_flows);

/* Every flow must have been closed. NULL is fine. */
void flows_free(struct flows *f);

/* Takes over the socket that another tutti-voice made under this number. Returns 0, or negative
 * errno: then the caller still owns it. */
int flows_adopt(struct flows *f, uint32_t number, int fd);

/* Opens a flow to an address, by a socket that no other flow to it uses. Returns 0 or negative
 * errno. */
int flows_open(struct flows *f, const union udp_address *to, flow_received_fn received, void *arg,
               struct flow **ret_flow);

/* The same by the socket of that number. Returns -ENOENT if there is none, -EADDRINUSE if another
 * flow has it. */
int flows_open_by(struct flows *f, uint32_t number, const union udp_address *to,
                  flow_received_fn received, void *arg, struct flow **ret_flow);

void flow_close(struct flow *flow);

int flow_fd(const struct flow *flow);
uint32_t flow_number(const struct flow *flow);
const union udp_address *flow_to(const struct flow *flow);

/* Sends a datagram. What cannot leave is lost, as it may be on the way. */
void flow_send(struct flow *flow, const void *bytes, size_t len);

#endif
