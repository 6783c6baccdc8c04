/* The request that makes a WebSocket, and its answer. */
#include "unit.h"
#include "voice/upgrade.h"

#define UPGRADED "HTTP/1.1 101 Switching Protocols\r\n"

static void a_request_names_host_and_path(void **state)
{
    static const struct {
        const char *host, *wanted;
    } rows[] = {
        { "a.discord.media", "GET /?v=8 HTTP/1.1\r\nHost: a.discord.media:443\r\n" },
        { "2001:db8::1", "GET /?v=8 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n" },
    };
    char *request, *other, accept[UPGRADE_ACCEPT_CHARS], another[UPGRADE_ACCEPT_CHARS];
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        assert_int_equal(upgrade_request(rows[i].host, 443, "/?v=8", &request, accept), 0);
        assert_memory_equal(request, rows[i].wanted, strlen(rows[i].wanted));
        assert_non_null(strstr(request, "\r\nSec-WebSocket-Version: 13\r\n"));
        assert_string_equal(request + strlen(request) - 4, "\r\n\r\n");
        assert_int_equal(upgrade_request(rows[i].host, 443, "/?v=8", &other, another), 0);
        assert_string_not_equal(accept, another);
        free(request);
        free(other);
    }
}

static void only_the_right_answer_grants_it(void **state)
{
    static const char accept[UPGRADE_ACCEPT_CHARS] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    static const struct {
        const char *head;
        bool granted;
    } rows[] = {
        { UPGRADED
          "Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
          true },
        { UPGRADED
          "sec-websocket-accept:s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \r\nUPGRADE:\tWebSocket \r\n\r\n",
          true },
        { UPGRADED
          "Upgrade: websocket\r\nSec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
          false },
        { UPGRADED
          "Upgrade: websockets\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
          false },
        { UPGRADED "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", false },
        { UPGRADED "Upgrade: websocket\r\n\r\n", false },
        { UPGRADED "\r\n", false },
        { "HTTP/1.1 200 OK\r\n\r\n", false },
        { "nonsense", false },
        { "", false },
    };
    char why[64];
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        why[0] = '\0';
        bool granted = upgrade_is_granted(rows[i].head, accept, why, sizeof why);
        ROW_TRUE(rows[i].head, granted == rows[i].granted);
        ROW_TRUE(rows[i].head, granted == (why[0] == '\0'));
    }
    assert_false(upgrade_is_granted("HTTP/1.1 503 Busy\r\nX: y\r\n\r\n", accept, why, sizeof why));
    assert_string_equal(why, "the voice server answers \"HTTP/1.1 503 Busy\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_names_host_and_path),
        cmocka_unit_test(only_the_right_answer_grants_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
