/*
 * What goes over UDP to and from a voice server, as bytes: the RTP header (RFC 3550), the discovery
 * of our own address, keepalives. Discord's documentation of voice connections has all but the
 * last. Pure, but for rtp_filter_incoming.
 */
#ifndef TUTTI_VOICE_RTP_H
#define TUTTI_VOICE_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RTP_HEADER_BYTES = 12,
    RTP_PAYLOAD_TYPE = 120, /* Opus, 48 kHz, two channels */
    RTP_TICK_SAMPLES = 960, /* at 48 kHz: 20 ms */
    RTP_DISCOVERY_BYTES = 74,
    RTP_ADDRESS_BYTES = 64, /* of the text in an answer, with its NUL */
    RTP_KEEPALIVE_BYTES = 8,
    RTP_SILENCE_BYTES = 3,
};

/* An Opus packet of 20 ms in which nothing is heard; five of them end a talk, so that receivers do
 * not interpolate what came before. */
extern const uint8_t rtp_silence[RTP_SILENCE_BYTES];

/* The header of the packet of a tick. Sequence and timestamp are the tick by their modulus: the
 * low 16 bits of the tick, and the low 32 bits of the samples before it. */
void rtp_write_header(uint8_t h[RTP_HEADER_BYTES], uint64_t tick, uint32_t ssrc);

/* Asks a voice server under which address it sees us. */
void rtp_write_discovery(uint8_t p[RTP_DISCOVERY_BYTES], uint32_t ssrc);

/* Reads the answer. Returns false if it is none, or another connection's. */
bool rtp_read_discovery(const uint8_t *p, size_t len, uint32_t ssrc,
                        char ret_address[RTP_ADDRESS_BYTES], uint16_t *ret_port);

/* Keeps the way through address translation open. */
void rtp_write_keepalive(uint8_t p[RTP_KEEPALIVE_BYTES], uint32_t count);

/* Has the kernel drop whatever a UDP socket receives but answers to discovery: what others say in a
 * call wakes nobody here. Returns 0 or negative errno. */
int rtp_filter_incoming(int fd);

#endif
