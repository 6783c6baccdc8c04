/* Bytes to and from a voice server. */
#include "unit.h"
#include "voice/rtp.h"

#include <arpa/inet.h>
#include <sys/socket.h>

enum { SSRC = 0x12345678 };

static void a_tick_is_sequence_and_time_stamp_by_their_modulus(void **state)
{
    static const struct {
        uint64_t tick;
        uint8_t sequence[2], timestamp[4];
    } rows[] = {
        { 0, { 0, 0 }, { 0, 0, 0, 0 } },
        { 1, { 0, 1 }, { 0, 0, 0x03, 0xc0 } },
        { 65535, { 0xff, 0xff }, { 0x03, 0xbf, 0xfc, 0x40 } },
        { 65536, { 0, 0 }, { 0x03, 0xc0, 0, 0 } },
        { 4473924, { 0x44, 0x44 }, { 0xff, 0xff, 0xff, 0x00 } },
        { 4473925, { 0x44, 0x45 }, { 0, 0, 0x02, 0xc0 } },
        { UINT64_C(1) << 32, { 0, 0 }, { 0, 0, 0, 0 } },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        uint8_t h[RTP_HEADER_BYTES];
        rtp_write_header(h, rows[i].tick, SSRC);
        assert_int_equal(h[0], 0x80);
        assert_int_equal(h[1], 0x78);
        assert_memory_equal(h + 2, rows[i].sequence, 2);
        assert_memory_equal(h + 4, rows[i].timestamp, 4);
        assert_memory_equal(h + 8, "\x12\x34\x56\x78", 4);
    }
}

static void make_answer(uint8_t p[RTP_DISCOVERY_BYTES], const char *address, uint16_t port)
{
    rtp_write_discovery(p, SSRC);
    p[1] = 2;
    (void)strncpy((char *)p + 8, address, RTP_ADDRESS_BYTES);
    p[72] = (uint8_t)(port >> 8);
    p[73] = (uint8_t)port;
}

static void an_address_is_discovered(void **state)
{
    uint8_t p[RTP_DISCOVERY_BYTES];
    char address[RTP_ADDRESS_BYTES];
    uint16_t port = 0;
    rtp_write_discovery(p, SSRC);
    assert_memory_equal(p, "\0\1\0\x46\x12\x34\x56\x78", 8);
    assert_false(rtp_read_discovery(p, sizeof p, SSRC, address, &port)); /* the question itself */
    make_answer(p, "203.0.113.7", 50001);
    assert_true(rtp_read_discovery(p, sizeof p, SSRC, address, &port));
    assert_string_equal(address, "203.0.113.7");
    assert_int_equal(port, 50001);
    assert_false(rtp_read_discovery(p, sizeof p, SSRC + 1, address, &port));
    assert_false(rtp_read_discovery(p, sizeof p - 1, SSRC, address, &port));
}

static void an_answer_without_a_sane_address_is_none(void **state)
{
    static const char *const addresses[] = { "",          "localhost", "1.2.3",
                                             "1.2.3.4\n", "::g",       "\"},\"op\":1" };
    uint8_t p[RTP_DISCOVERY_BYTES];
    char address[RTP_ADDRESS_BYTES];
    uint16_t port;
    for (size_t i = 0; i < LENGTH_OF(addresses); i++) {
        make_answer(p, addresses[i], 1);
        ROW_TRUE(addresses[i], !rtp_read_discovery(p, sizeof p, SSRC, address, &port));
    }
    make_answer(p, "1.2.3.4", 0);
    assert_false(rtp_read_discovery(p, sizeof p, SSRC, address, &port));
    make_answer(p, "1.2.3.4", 1);
    memset(p + 8, '1', RTP_ADDRESS_BYTES); /* no end */
    assert_false(rtp_read_discovery(p, sizeof p, SSRC, address, &port));
}

static void keepalives_count(void **state)
{
    uint8_t p[RTP_KEEPALIVE_BYTES];
    rtp_write_keepalive(p, 0x01020304);
    assert_memory_equal(p, "\4\3\2\1\0\0\0\0", sizeof p);
}

/* What others say must not even wake the process. */
static void only_discovery_passes_the_filter(void **state)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    uint8_t p[RTP_DISCOVERY_BYTES + 1] = { 0 };
    int to = socket(AF_INET, SOCK_DGRAM, 0), from = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(to, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(to, (struct sockaddr *)&at, &len), 0);
    assert_int_equal(rtp_filter_incoming(to), 0);
    rtp_write_header(p, 7, SSRC);
    for (size_t n = 0; n <= sizeof p; n++)
        assert_true(sendto(from, p, n, 0, (struct sockaddr *)&at, sizeof at) >= 0);
    make_answer(p, "1.2.3.4", 1);
    assert_true(sendto(from, p, RTP_DISCOVERY_BYTES, 0, (struct sockaddr *)&at, sizeof at) > 0);
    assert_int_equal(recv(to, p, sizeof p, 0), RTP_DISCOVERY_BYTES);
    assert_int_equal(p[1], 2);
    assert_int_equal(recv(to, p, sizeof p, MSG_DONTWAIT), -1);
    (void)close(to);
    (void)close(from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tick_is_sequence_and_time_stamp_by_their_modulus),
        cmocka_unit_test(an_address_is_discovered),
        cmocka_unit_test(an_answer_without_a_sane_address_is_none),
        cmocka_unit_test(keepalives_count),
        cmocka_unit_test(only_discovery_passes_the_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
