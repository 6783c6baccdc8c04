/* Encrypted packets. The expected bytes were made by other implementations of both ciphers:
 * Python's cryptography (OpenSSL) for AES-256-GCM, PyNaCl for XChaCha20-Poly1305. */
#include "unit.h"
#include "voice/seal.h"

#define TICK UINT64_C(0x10002fffe)
enum {
    SSRC = 0xdeadbeef - 0x100000000,
    OPUS_BYTES = 21,
    PACKET_BYTES = OPUS_BYTES + SEAL_OVERHEAD
};

static void from_hex(const char *hex, uint8_t *bytes)
{
    for (; *hex; hex += 2, bytes++) {
        unsigned byte;
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        *bytes = (uint8_t)byte;
    }
}

static void packets_are_those_of_other_implementations(void **state)
{
    static const char *const expected[VMSG_MODE_COUNT] = {
        [VMSG_AES256_GCM] =
            "8078fffe0b3ff880deadbeefd7d7582ae30fdae88dd4f180b0468585dc6fff7111669282846c"
            "a8087bd77e6dcd4745ce0b0002fffe",
        [VMSG_XCHACHA20_POLY1305] = "8078fffe0b3ff880deadbeef30fd138f4445a0081737db120abd7d43d4aae7"
                                    "39d05026f3f5408920276afa99f8"
                                    "d2c2ea780002fffe",
    };
    uint8_t key[VMSG_KEY_BYTES], opus[OPUS_BYTES] = { 0xfc };
    for (unsigned i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    for (unsigned i = 1; i < sizeof opus; i++)
        opus[i] = (uint8_t)(i - 1);
    assert_int_equal(seal_setup(), 0);
    for (enum vmsg_mode mode = 0; mode < VMSG_MODE_COUNT; mode++) {
        uint8_t wanted[PACKET_BYTES], packet[PACKET_BYTES];
        struct seal *s;
        from_hex(expected[mode], wanted);
        assert_int_equal(seal_new(mode, key, (uint32_t)SSRC, &s), 0);
        /* Twice: what was sealed before leaves no trace. */
        assert_int_equal(seal_packet(s, TICK + 1, opus, 5, packet), 5 + SEAL_OVERHEAD);
        assert_int_equal(seal_packet(s, TICK, opus, sizeof opus, packet), PACKET_BYTES);
        assert_memory_equal(packet, wanted, PACKET_BYTES);
        seal_free(s);
    }
}

static void modes_have_discords_names(void **state)
{
    assert_string_equal(seal_mode_name(VMSG_AES256_GCM), "aead_aes256_gcm_rtpsize");
    assert_string_equal(seal_mode_name(VMSG_XCHACHA20_POLY1305), "aead_xchacha20_poly1305_rtpsize");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_those_of_other_implementations),
        cmocka_unit_test(modes_have_discords_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
