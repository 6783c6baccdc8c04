/*
 * Messages between the daemon and tutti-voice, over SOCK_SEQPACKET socketpairs: one message a
 * packet, host byte order. Pure: bytes in, struct out; decoding refuses what does not fit exactly.
 *
 *   daemon → voice   AUDIO (+ the socket that batches come by)  SOCKET (+ a UDP socket)
 *                    CONNECT  DISCONNECT
 *   voice → daemon   SOCKET (+ a UDP socket)  STATE  SECRETS  BEAT  COUNTS
 *
 * A voice connection has a number that the daemon chose. CONNECT with a number in use replaces what
 * it was connected to. After DISCONNECT nothing more is said of the number but what had left.
 *
 * What a connection needs to go on when tutti-voice dies is with the daemon, in memory only: the
 * SECRETS and the UDP sockets that tutti-voice made. Both are sent back to the next tutti-voice.
 *
 * Frames have a socket of their own, which the sending thread alone reads: one batch a packet, a
 * head and records one behind the other. The daemon gives each packet on the wire its `tick`, which
 * only grows while a connection lives. RTP sequence, RTP timestamp and the nonce are functions of
 * it (voice/rtp.h), so that no process that dies can make one of them repeat.
 */
#ifndef TUTTI_PROTO_VMSG_H
#define TUTTI_PROTO_VMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum vmsg_type {
    VMSG_AUDIO = 1,
    VMSG_SOCKET,
    VMSG_CONNECT,
    VMSG_DISCONNECT,
    VMSG_STATE,
    VMSG_SECRETS,
    VMSG_BEAT,
    VMSG_COUNTS,
    VMSG_TYPE_END
};

enum {
    VMSG_MAX = 2048,        /* [bytes] of a message */
    VMSG_KEY_BYTES = 32,    /* of either encryption */
    VMSG_SESSION_MAX = 128, /* [bytes] of a session id, without its NUL */
    VMSG_TOKEN_MAX = 256,
    VMSG_ENDPOINT_MAX = 261, /* a name of 253 bytes, a colon, a port */
    VMSG_WHY_MAX = 255,
};

/* How packets are encrypted: Discord's aead_aes256_gcm_rtpsize, aead_xchacha20_poly1305_rtpsize. */
enum vmsg_mode { VMSG_AES256_GCM, VMSG_XCHACHA20_POLY1305, VMSG_MODE_COUNT };

enum vmsg_state {
    VMSG_CONNECTING, /* on the way to the first READY, or to another server */
    VMSG_READY,      /* what is heard here is heard there */
    VMSG_RESUMING,   /* the gateway is lost; frames go on leaving */
    VMSG_CLOSED,     /* over; only a CONNECT with new credentials helps */
    VMSG_STATE_COUNT
};

/* Where packets of a connection go, and under which key. */
struct vmsg_secrets {
    uint8_t key[VMSG_KEY_BYTES];
    uint8_t address[16]; /* of the voice server; IPv4: the first four */
    uint16_t port;
    uint8_t is_ipv6;
    uint8_t mode;    /* enum vmsg_mode */
    uint32_t ssrc;   /* RFC 3550 */
    uint32_t socket; /* number of the UDP socket */
    int32_t seq_ack; /* of the last message of the gateway's; −1: none had one */
};

struct vmsg_connect {
    uint64_t guild, user, channel; /* snowflakes */
    /* resumes: the session of a tutti-voice that died, which `secrets` belong to */
    uint8_t resumes;
    uint8_t was_speaking; /* the server knows already that it speaks */
    uint8_t reserved[6];
    struct vmsg_secrets secrets;
    char session_id[VMSG_SESSION_MAX + 1];
    char token[VMSG_TOKEN_MAX + 1];
    char endpoint[VMSG_ENDPOINT_MAX + 1]; /* host, or host:port */
};

struct vmsg_changed {
    uint32_t state;      /* enum vmsg_state */
    uint32_t close_code; /* RFC 6455 section 7.4 and Discord's 4xxx; 0: none */
    char why[VMSG_WHY_MAX + 1];
};

/* Said when either number changes. */
struct vmsg_beat {
    int32_t seq_ack; /* as in vmsg_secrets */
    int32_t ping_ms; /* from a heartbeat to its answer; −1: none yet */
};

/* Of all connections since tutti-voice began. Said when they have changed, once a second. */
struct vmsg_counts {
    uint64_t packets;  /* that left */
    uint64_t late;     /* frames that came so late that they were dropped */
    uint64_t failed;   /* packets that the kernel did not take */
    uint64_t repeated; /* frames refused because their tick had been used */
};

struct vmsg {
    uint32_t type; /* enum vmsg_type */
    uint32_t id;   /* of the connection; of the UDP socket in SOCKET */
    union {
        struct vmsg_connect connect;
        struct vmsg_changed changed; /* STATE */
        struct vmsg_secrets secrets;
        struct vmsg_beat beat;
        struct vmsg_counts counts;
    };
};

/* Writes `m` as a message into bytes[0..VMSG_MAX). Returns the length. */
size_t vmsg_encode(const struct vmsg *m, void *bytes);

/* Reads one message. Returns 0, or -EBADMSG if it is not exactly one well-formed message (unknown
 * type, wrong length, a number out of range, a text that is not printable or has no end). */
int vmsg_decode(const void *bytes, size_t len, struct vmsg *ret);

/* ---- batches ---- */

enum {
    VMSG_BATCH_MAX = 65536,  /* [bytes] of a packet with a batch */
    VMSG_PACKET_MAX = 1275,  /* [bytes] of an Opus packet: RFC 6716 section 3.2.1 */
    VMSG_RECORDS_MAX = 1024, /* of a batch */
};

struct vmsg_batch {
    uint64_t due_ns; /* CLOCK_MONOTONIC: when its frames were due */
};

enum vmsg_record_kind {
    VMSG_FRAME, /* an Opus packet follows */
    VMSG_REST,  /* nothing follows for now: the VMSG_REST_TICKS ticks from `tick` on are silence */
    VMSG_RECORD_KINDS
};

enum { VMSG_REST_TICKS = 5 };

struct vmsg_record {
    uint64_t tick;
    uint32_t id;   /* of the connection */
    uint16_t kind; /* enum vmsg_record_kind */
    uint16_t len;  /* [bytes] of the packet; 0 in REST */
};

/* Appends a record with its packet to bytes[0..*len), of which a head was written before. Returns
 * false if it has no room: then nothing was written. */
bool vmsg_batch_add(uint8_t bytes[VMSG_BATCH_MAX], size_t *len, const struct vmsg_record *r,
                    const uint8_t *packet);

/* Reads the record at *at, which begins as sizeof(struct vmsg_batch) and is moved behind it.
 * Returns 1, 0 at the end, or -EBADMSG. */
int vmsg_batch_next(const uint8_t *bytes, size_t len, size_t *at, struct vmsg_record *ret,
                    const uint8_t **ret_packet);

#endif
