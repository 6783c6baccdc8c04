#include "voice/rtp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/socket.h>

enum {
    VERSION_2 = 0x80, /* no padding, no extension, no contributing sources */
    DISCOVERY_REQUEST = 1,
    DISCOVERY_ANSWER = 2,
    DISCOVERY_LENGTH = 70, /* of what follows type and length */
    UDP_HEADER_BYTES = 8,
};

const uint8_t rtp_silence[RTP_SILENCE_BYTES] = { 0xf8, 0xff, 0xfe };

static void put16(uint8_t *at, uint16_t n)
{
    n = htons(n);
    memcpy(at, &n, sizeof n);
}

static void put32(uint8_t *at, uint32_t n)
{
    n = htonl(n);
    memcpy(at, &n, sizeof n);
}

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

void rtp_write_header(uint8_t h[RTP_HEADER_BYTES], uint64_t tick, uint32_t ssrc)
{
    h[0] = VERSION_2;
    h[1] = RTP_PAYLOAD_TYPE;
    put16(h + 2, (uint16_t)tick);
    put32(h + 4, (uint32_t)(tick * RTP_TICK_SAMPLES));
    put32(h + 8, ssrc);
}

void rtp_write_discovery(uint8_t p[RTP_DISCOVERY_BYTES], uint32_t ssrc)
{
    memset(p, 0, RTP_DISCOVERY_BYTES);
    put16(p, DISCOVERY_REQUEST);
    put16(p + 2, DISCOVERY_LENGTH);
    put32(p + 4, ssrc);
}

bool rtp_read_discovery(const uint8_t *p, size_t len, uint32_t ssrc,
                        char ret_address[RTP_ADDRESS_BYTES], uint16_t *ret_port)
{
    if (len != RTP_DISCOVERY_BYTES || get16(p) != DISCOVERY_ANSWER ||
        get16(p + 2) != DISCOVERY_LENGTH || get32(p + 4) != ssrc)
        return false;
    const char *address = (const char *)p + 8;
    struct in6_addr parsed;
    uint16_t port = get16(p + 8 + RTP_ADDRESS_BYTES);
    if (!memchr(address, '\0', RTP_ADDRESS_BYTES) || port == 0 ||
        (inet_pton(AF_INET, address, &parsed) != 1 && inet_pton(AF_INET6, address, &parsed) != 1))
        return false;
    memcpy(ret_address, address, RTP_ADDRESS_BYTES);
    *ret_port = port;
    return true;
}

void rtp_write_keepalive(uint8_t p[RTP_KEEPALIVE_BYTES], uint32_t count)
{
    memset(p, 0, RTP_KEEPALIVE_BYTES);
    for (unsigned i = 0; i < sizeof count; i++)
        p[i] = (uint8_t)(count >> (8 * i));
}

int rtp_filter_incoming(int fd)
{
    /* The kernel shows a filter of a UDP socket the UDP header first. */
    static struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UDP_HEADER_BYTES + RTP_DISCOVERY_BYTES, 0, 3),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, UDP_HEADER_BYTES),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DISCOVERY_ANSWER, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UDP_HEADER_BYTES + RTP_DISCOVERY_BYTES),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    const struct sock_fprog filter = { .len = sizeof program / sizeof program[0],
                                       .filter = program };
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) < 0 ? -errno : 0;
}
