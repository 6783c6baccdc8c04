/* A WebSocket over TLS, against a server in a thread. */
#include "loop.h"
#include "mini_gateway.h"
#include "voice/wss.h"

static struct {
    uv_loop_t loop;
    struct wss_tls *tls;
    struct wss *wss;
    bool is_open, is_closed, has_text;
    unsigned code;
    char text[256], why[256];
} f;

static void on_open(void *arg)
{
    f.is_open = true;
}

static void on_text(const char *text, size_t len, void *arg)
{
    f.has_text = true;
    (void)snprintf(f.text, sizeof f.text, "%.*s", (int)len, text);
}

static void on_binary(const uint8_t *bytes, size_t len, void *arg)
{
}

static void on_closed(unsigned code, const char *why, void *arg)
{
    assert_false(f.is_closed);
    f.is_closed = true;
    f.code = code;
    (void)snprintf(f.why, sizeof f.why, "%s", why);
}

static void connect_to(const char *host)
{
    static const struct wss_ops ops = { on_open, on_text, on_binary, on_closed, NULL };
    const struct sockaddr_in at = { .sin_family = AF_INET,
                                    .sin_port = htons(mini_gateway.port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const struct wss_target target = { host, mini_gateway.port, "/?v=8",
                                       (const struct sockaddr *)&at };
    assert_int_equal(wss_new(&f.loop, f.tls, &target, &ops, &f.wss), 0);
}

static int begin(void **state)
{
    memset(&f, 0, sizeof f);
    mini_gateway_begin();
    f.tls = wss_tls_new();
    assert_non_null(f.tls);
    assert_int_equal(uv_loop_init(&f.loop), 0);
    return 0;
}

static int end(void **state)
{
    wss_free(f.wss);
    loop_end(&f.loop);
    wss_tls_free(f.tls);
    mini_gateway_end();
    return 0;
}

static void messages_go_both_ways(void **state)
{
    connect_to("localhost");
    wss_send(f.wss, "{\"op\":3,\"too\":\"early\"}"); /* nothing happens */
    assert_true(loop_until(&f.loop, loop_is_true, &f.has_text));
    assert_true(f.is_open);
    assert_non_null(strstr(f.text, "heartbeat_interval"));
    f.has_text = false;
    wss_send(f.wss, "{\"op\":3,\"d\":1}");
    assert_true(loop_until(&f.loop, loop_is_true, &f.has_text));
    assert_string_equal(f.text, "{\"op\":6,\"d\":{\"t\":1}}");
    assert_int_equal(atomic_load(&mini_gateway.n_texts), 1);
    wss_close(f.wss, 1000);
    f.wss = NULL;
    assert_false(f.is_closed);
}

static void a_close_code_is_told(void **state)
{
    mini_gateway.close_code = 4006;
    connect_to("localhost");
    assert_true(loop_until(&f.loop, loop_is_true, &f.is_open));
    wss_send(f.wss, "{\"op\":7,\"d\":1}");
    assert_true(loop_until(&f.loop, loop_is_true, &f.is_closed));
    assert_int_equal(f.code, 4006);
}

static void another_hosts_certificate_is_refused(void **state)
{
    connect_to("elsewhere.example");
    assert_true(loop_until(&f.loop, loop_is_true, &f.is_closed));
    assert_non_null(strstr(f.why, "certificate"));
    assert_false(f.is_open);
    assert_int_equal(f.code, 0);
}

static void a_server_that_is_none_is_told_of(void **state)
{
    mini_gateway.refuses = true;
    connect_to("localhost");
    assert_true(loop_until(&f.loop, loop_is_true, &f.is_closed));
    assert_non_null(strstr(f.why, "503 Busy"));
}

static void nobody_there_is_told_of(void **state)
{
    uint16_t port = mini_gateway.port;
    int fd = mini_gateway_bind(SOCK_STREAM, &mini_gateway.port); /* does not listen */
    connect_to("localhost");
    assert_true(loop_until(&f.loop, loop_is_true, &f.is_closed));
    assert_true(f.why[0] != '\0');
    mini_gateway.port = port;
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(messages_go_both_ways, begin, end),
        cmocka_unit_test_setup_teardown(a_close_code_is_told, begin, end),
        cmocka_unit_test_setup_teardown(another_hosts_certificate_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_server_that_is_none_is_told_of, begin, end),
        cmocka_unit_test_setup_teardown(nobody_there_is_told_of, begin, end),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
