/* The voice gateway's conversation, text by text. */
#include "unit.h"
#include "voice/gateway.h"

static struct {
    char sent[2048];
    unsigned n_sent, n_ready, n_resumed, n_beats, interval_ms;
    char broken[128];
    struct gateway_server server;
    char address[64];
    uint8_t key[VMSG_KEY_BYTES];
} seen;

static void on_send(const char *text, void *arg)
{
    seen.n_sent++;
    (void)snprintf(seen.sent, sizeof seen.sent, "%s", text);
}

static void on_hello(unsigned interval_ms, void *arg)
{
    seen.interval_ms = interval_ms;
}

static void on_server(const struct gateway_server *server, void *arg)
{
    seen.server = *server;
    (void)snprintf(seen.address, sizeof seen.address, "%s", server->address);
}

static void on_ready(const uint8_t key[VMSG_KEY_BYTES], void *arg)
{
    seen.n_ready++;
    memcpy(seen.key, key, VMSG_KEY_BYTES);
}

static void on_resumed(void *arg)
{
    seen.n_resumed++;
}

static void on_beat(void *arg)
{
    seen.n_beats++;
}

static void on_broken(const char *why, void *arg)
{
    (void)snprintf(seen.broken, sizeof seen.broken, "%s", why);
}

static struct gateway g;

static int begin(void **state)
{
    static const struct gateway_identity identity = { 41, 80, "se\"ssion", "tok\\en" };
    static const struct gateway_ops ops = { on_send,    on_hello, on_server, on_ready,
                                            on_resumed, on_beat,  on_broken, NULL };
    memset(&seen, 0, sizeof seen);
    gateway_init(&g, &identity, &ops);
    return 0;
}

static void say(const char *text)
{
    gateway_take(&g, text, strlen(text));
}

#define OP_2 \
    "{\"op\":2,\"d\":{\"ssrc\":4294967295,\"ip\":\"203.0.113.1\",\"port\":50000,\"modes\":" \
    "[\"aead_xchacha20_poly1305_rtpsize\",\"aead_aes256_gcm_rtpsize\"]}}"
#define KEY \
    "[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,255]"
#define OP_4 \
    "{\"op\":4,\"seq\":0,\"d\":{\"mode\":\"aead_aes256_gcm_rtpsize\",\"secret_key\":" KEY \
    ",\"dave_protocol_version\":0}}"

static void get_ready(void)
{
    gateway_open(&g, false);
    say("{\"op\":8,\"d\":{\"v\":8,\"heartbeat_interval\":13750.5}}");
    say(OP_2);
    gateway_select(&g, "198.51.100.2", 1234);
    say(OP_4);
    assert_int_equal(g.state, GATEWAY_READY);
}

static void a_call_is_opened(void **state)
{
    gateway_open(&g, false);
    assert_string_equal(
        seen.sent, "{\"op\":0,\"d\":{\"server_id\":\"41\",\"user_id\":\"80\",\"session_id\":"
                   "\"se\\\"ssion\",\"token\":\"tok\\\\en\",\"max_dave_protocol_version\":0}}");
    say("{\"op\":8,\"d\":{\"v\":8,\"heartbeat_interval\":13750.5}}");
    assert_int_equal(seen.interval_ms, 13750);
    say(OP_2);
    assert_int_equal(seen.server.ssrc, UINT32_MAX);
    assert_string_equal(seen.address, "203.0.113.1");
    assert_int_equal(seen.server.mode, VMSG_AES256_GCM);
    gateway_select(&g, "198.51.100.2", 1234);
    assert_string_equal(seen.sent,
                        "{\"op\":1,\"d\":{\"protocol\":\"udp\",\"data\":{\"address\":"
                        "\"198.51.100.2\",\"port\":1234,\"mode\":\"aead_aes256_gcm_rtpsize\"}}}");
    say(OP_4);
    assert_int_equal(seen.n_ready, 1);
    assert_int_equal(seen.key[31], 255);
    assert_int_equal(g.seq_ack, 0);
    gateway_speak(&g, 5, true);
    assert_string_equal(seen.sent, "{\"op\":5,\"d\":{\"speaking\":1,\"delay\":0,\"ssrc\":5}}");
    assert_string_equal(seen.broken, "");
}

static void the_last_sequence_is_acknowledged_not_the_largest(void **state)
{
    static const struct {
        const char *text;
        int ack;
    } rows[] = {
        { "{\"op\":11,\"seq\":65535,\"d\":{}}", 65535 },
        { "{\"op\":11,\"seq\":0,\"d\":{}}", 0 },
        { "{\"op\":11,\"d\":{}}", 0 },
        { "{\"op\":11,\"seq\":null,\"d\":{}}", 0 },
        { "{\"op\":11,\"seq\":65536,\"d\":{}}", 0 },
        { "{\"op\":11,\"seq\":3,\"d\":{}}", 3 },
    };
    get_ready();
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        say(rows[i].text);
        ROW_TRUE(rows[i].text, g.seq_ack == rows[i].ack);
    }
    gateway_take_binary(&g, (const uint8_t *)"\xff\xfe\x19 rest", 8);
    assert_int_equal(g.seq_ack, 65534);
    assert_true(gateway_beat(&g, 99));
    assert_string_equal(seen.sent, "{\"op\":3,\"d\":{\"t\":99,\"seq_ack\":65534}}");
    gateway_open(&g, true);
    assert_string_equal(seen.sent, "{\"op\":7,\"d\":{\"server_id\":\"41\",\"session_id\":"
                                   "\"se\\\"ssion\",\"token\":\"tok\\\\en\",\"seq_ack\":65534}}");
}

static void messages_are_taken_before_and_after_a_resumption(void **state)
{
    get_ready();
    gateway_open(&g, true);
    assert_int_equal(g.state, GATEWAY_RESUMING);
    say("{\"op\":11,\"seq\":8,\"d\":{}}");
    assert_int_equal(g.seq_ack, 8);
    say("{\"op\":9,\"d\":null}");
    say("{\"op\":11,\"seq\":9,\"d\":{}}");
    assert_int_equal(g.seq_ack, 9);
    assert_int_equal(seen.n_resumed, 1);
    say("{\"op\":9,\"d\":null}"); /* said twice: it is no second one */
    assert_int_equal(seen.n_resumed, 1);
    gateway_open(&g, false);
    assert_int_equal(g.seq_ack, -1);
}

static void a_heartbeat_that_is_not_answered_is_noticed(void **state)
{
    get_ready();
    assert_true(gateway_beat(&g, 10));
    say("{\"op\":6,\"d\":{\"t\":10}}");
    assert_true(gateway_beat(&g, 20));
    assert_false(gateway_beat(&g, 30));
    assert_int_equal(seen.n_beats, 1);
}

static void nonsense_breaks_it_and_nothing_else(void **state)
{
    static const char *const texts[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"op\":\"2\"}",
        "{\"op\":-1}",
        "{\"op\":8}",
        "{\"op\":8,\"d\":{\"heartbeat_interval\":1}}",
        "{\"op\":8,\"d\":{\"heartbeat_interval\":1e300}}",
        "{\"op\":2,\"d\":{}}",
        "{\"op\":2,\"d\":7}",
        OP_4,
        "{\"op\":2,\"d\":{\"ssrc\":1,\"ip\":\"1.2.3.4\",\"port\":1,\"modes\":[\"other\",1]}}",
        "{\"op\":2,\"d\":{\"ssrc\":1,\"ip\":5,\"port\":1,\"modes\":[\"aead_aes256_gcm_rtpsize\"]}}",
        "{\"op\":8,\"op\":8,\"d\":{\"heartbeat_interval\":5000}}",
    };
    for (size_t i = 0; i < LENGTH_OF(texts); i++) {
        (void)begin(state);
        gateway_open(&g, false);
        say(texts[i]);
        ROW_TRUE(texts[i], seen.broken[0] != '\0');
        ROW_TRUE(texts[i], seen.n_ready == 0);
    }
    (void)begin(state);
    get_ready();
    say("{\"op\":4,\"d\":{\"mode\":\"aead_aes256_gcm_rtpsize\",\"secret_key\":" KEY
        ",\"dave_protocol_version\":1}}");
    assert_non_null(strstr(seen.broken, "end-to-end"));
    assert_int_equal(seen.n_ready, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_call_is_opened, begin),
        cmocka_unit_test_setup(the_last_sequence_is_acknowledged_not_the_largest, begin),
        cmocka_unit_test_setup(messages_are_taken_before_and_after_a_resumption, begin),
        cmocka_unit_test_setup(a_heartbeat_that_is_not_answered_is_noticed, begin),
        cmocka_unit_test_setup(nonsense_breaks_it_and_nothing_else, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
