/* Where a voice server may be. */
#include "proto/endpoint.h"
#include "unit.h"

static const char *const hosts[] = { "localhost", "voice.example.org" };

static void voice_servers_are_below_discords_domains_or_named(void **state)
{
    static const struct {
        const char *endpoint, *host; /* NULL: refused */
        uint16_t port;
    } rows[] = {
        { "c-fra05-1.discord.media:2048", "c-fra05-1.discord.media", 2048 },
        { "us-east1.discord.gg", "us-east1.discord.gg", 443 },
        { "A.Discord.Media:443", "A.Discord.Media", 443 },
        { "localhost:5000", "localhost", 5000 },
        { "VOICE.example.org:65535", "VOICE.example.org", 65535 },
        { "discord.media:443", NULL, 0 },
        { ".discord.media:443", NULL, 0 },
        { "evildiscord.media:443", NULL, 0 },
        { "a.discord.media.evil.com:443", NULL, 0 },
        { "a..discord.media:443", NULL, 0 },
        { "a.discord.media.:443", NULL, 0 },
        { "a.discord.media:", NULL, 0 },
        { "a.discord.media:0", NULL, 0 },
        { "a.discord.media:65536", NULL, 0 },
        { "a.discord.media:99999999999999999999", NULL, 0 },
        { "a.discord.media:44 3", NULL, 0 },
        { "a.discord.media:443:1", NULL, 0 },
        { "u@a.discord.media:443", NULL, 0 },
        { "wss://a.discord.media", NULL, 0 },
        { "a.discord.media/x", NULL, 0 },
        { "x.localhost:1", NULL, 0 },
        { "127.0.0.1:443", NULL, 0 },
        { "[::1]:443", NULL, 0 },
        { "", NULL, 0 },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char host[ENDPOINT_HOST_MAX + 1] = "untouched";
        uint16_t port = 7;
        bool read = endpoint_read(rows[i].endpoint, hosts, LENGTH_OF(hosts), host, &port);
        ROW_TRUE(rows[i].endpoint, read == (rows[i].host != NULL));
        ROW_TRUE(rows[i].endpoint, strcmp(host, read ? rows[i].host : "untouched") == 0);
        ROW_TRUE(rows[i].endpoint, port == (read ? rows[i].port : 7));
    }
}

static void a_host_of_any_length_is_read_or_refused(void **state)
{
    char endpoint[400], host[ENDPOINT_HOST_MAX + 1];
    uint16_t port;
    for (size_t n = 1; n < 380; n++) {
        memset(endpoint, 'a', n);
        (void)snprintf(endpoint + n, sizeof endpoint - n, ".discord.gg");
        assert_int_equal(endpoint_read(endpoint, NULL, 0, host, &port),
                         n + 11 <= ENDPOINT_HOST_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(voice_servers_are_below_discords_domains_or_named),
        cmocka_unit_test(a_host_of_any_length_is_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
