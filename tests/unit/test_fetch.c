/* The small pure parts of the fetcher: back-off and proxies. */
#include "fetch/backoff.h"
#include "fetch/proxy.h"
#include "unit.h"

static void backoff(void **state)
{
    assert_int_equal(backoff_ms(0, 12345), 0);
    uint64_t longest = 250;
    for (unsigned n = 1; n < 40; n++) {
        for (uint32_t random = 0; random < 100000; random += 7777)
            assert_in_range(backoff_ms(n, random), longest / 2, longest);
        longest = longest < 8000 ? 2 * longest : longest;
    }
}

static void which_proxy(void **state)
{
    struct proxies p = { .http = "h", .https = "s", .none = "localhost, .lan,example.com" };
    assert_string_equal(proxy_for(&p, false, "a.b"), "h");
    assert_string_equal(proxy_for(&p, true, "a.b"), "s");
    assert_null(proxy_for(&p, true, "localhost"));
    assert_null(proxy_for(&p, true, "x.LAN"));
    assert_null(proxy_for(&p, true, "www.example.com"));
    assert_non_null(proxy_for(&p, true, "badexample.com"));
    p.none = "*";
    assert_null(proxy_for(&p, false, "a.b"));
    p = (struct proxies){ 0 };
    assert_null(proxy_for(&p, false, "a.b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backoff),
        cmocka_unit_test(which_proxy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
