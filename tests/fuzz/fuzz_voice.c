/* What a voice server sends: texts and binary messages of the gateway, one a line, in a call at any
 * stage; and datagrams. */
#include "fuzz.h"
#include "voice/gateway.h"
#include "voice/rtp.h"

#include <arpa/inet.h>
#include <string.h>

static struct gateway gateway;
static bool is_broken;

static void on_send(const char *text, void *arg)
{
    MUST(strlen(text) < 4096);
}

static void on_hello(unsigned interval_ms, void *arg)
{
    MUST(interval_ms >= 50 && interval_ms <= 600000);
}

static void on_server(const struct gateway_server *server, void *arg)
{
    MUST(server->mode < VMSG_MODE_COUNT && server->port > 0);
    gateway_select(&gateway, "203.0.113.1", 7);
}

static void on_ready(const uint8_t key[VMSG_KEY_BYTES], void *arg)
{
    MUST(gateway.state == GATEWAY_READY);
    gateway_speak(&gateway, key[0], true);
}

static void on_news(void *arg)
{
}

static void on_broken(const char *why, void *arg)
{
    MUST(strlen(why) > 0);
    is_broken = true;
}

static void take_line(const uint8_t *line, size_t len)
{
    if (len > 0 && line[0] == 'b')
        gateway_take_binary(&gateway, line + 1, len - 1);
    else if (len > 0 && line[0] == 'r')
        gateway_open(&gateway, true);
    else if (len > 0 && line[0] == 'h')
        (void)gateway_beat(&gateway, 7);
    else
        gateway_take(&gateway, (const char *)line, len);
    MUST(gateway.seq_ack >= -1 && gateway.seq_ack <= UINT16_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct gateway_identity identity = { 1, 2, "session", "token" };
    static const struct gateway_ops ops = { on_send, on_hello, on_server, on_ready,
                                            on_news, on_news,  on_broken, NULL };
    char address[RTP_ADDRESS_BYTES];
    uint16_t port;
    uint32_t ssrc = 0;
    if (size >= 8)
        memcpy(&ssrc, data + 4, sizeof ssrc);
    if (rtp_read_discovery(data, size, ntohl(ssrc), address, &port))
        MUST(strlen(address) < RTP_ADDRESS_BYTES && port > 0);
    gateway_init(&gateway, &identity, &ops);
    gateway_open(&gateway, false);
    is_broken = false;
    while (size > 0 && !is_broken) {
        const uint8_t *newline = memchr(data, '\n', size);
        size_t len = newline ? (size_t)(newline - data) : size;
        take_line(data, len);
        data += newline ? len + 1 : len;
        size -= newline ? len + 1 : len;
    }
    return 0;
}
