/*
 * The packets that leave together: they are put side by side, then sent with one system call for
 * each UDP socket. Takes no memory of its own. One thread's.
 */
#ifndef TUTTI_VOICE_OUTBOX_H
#define TUTTI_VOICE_OUTBOX_H

#include "proto/vmsg.h"
#include "voice/seal.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* An IPv4 or IPv6 address with its port. */
union udp_address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

enum { OUTBOX_BYTES = VMSG_BATCH_MAX + VMSG_RECORDS_MAX * SEAL_OVERHEAD };

/* Zeroed, it is empty. */
struct outbox {
    unsigned n; /* packets */
    uint32_t len;
    struct outbox_packet {
        int fd; /* −1: it was sent */
        uint32_t offset, len;
        union udp_address to;
    } outgoing[VMSG_RECORDS_MAX];
    struct mmsghdr messages[VMSG_RECORDS_MAX];
    struct iovec vectors[VMSG_RECORDS_MAX];
    uint8_t bytes[OUTBOX_BYTES];
};

socklen_t outbox_address_len(const union udp_address *a);

/* rt: where a packet of at most `len` bytes is to be written, or NULL if there is no room. */
uint8_t *outbox_room(struct outbox *o, size_t len);

/* rt: takes in the packet of `len` bytes that was written there. */
void outbox_add(struct outbox *o, int fd, const union udp_address *to, size_t len);

/* rt: sends all and empties it. What a socket does not take at once is lost: nothing is waited for.
 * Returns how many packets left. */
unsigned outbox_send(struct outbox *o);

#endif
