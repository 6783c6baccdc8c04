/* What was found lately: by a clock of the test's. */
#include "base/clock.h"
#include "extract/cache.h"
#include "unit.h"

static struct cache *c;

static int set_up(void **state)
{
    c = cache_new(4);
    assert_non_null(c);
    return 0;
}

static int tear_down(void **state)
{
    cache_free(c);
    return 0;
}

static void put(const char *key, const char *url, uint64_t until_ns)
{
    struct found f = { .url = strdup(url), .headers = strdup(""), .title = strdup(key) };
    cache_put(c, key, &f, until_ns);
    assert_null(f.url); /* taken over */
}

static const char *get(const char *key, uint64_t now_ns)
{
    const struct found *f = cache_get(c, key, now_ns);
    return f ? f->url : NULL;
}

static void keeps_until_its_time(void **state)
{
    put("a", "1", 100);
    assert_string_equal(get("a", 0), "1");
    assert_string_equal(get("a", 99), "1");
    assert_null(get("a", 100));
    assert_null(get("a", 0)); /* gone for good */
    assert_int_equal(cache_count(c), 0);
    assert_null(get("b", 0));
}

static void newer_replaces_older(void **state)
{
    put("a", "1", 100);
    put("a", "2", 200);
    assert_string_equal(get("a", 150), "2");
    assert_int_equal(cache_count(c), 1);
}

static void least_lately_used_goes_first(void **state)
{
    put("a", "1", 100);
    put("b", "2", 100);
    put("c", "3", 100);
    put("d", "4", 100);
    assert_string_equal(get("a", 0), "1");
    put("e", "5", 100);
    assert_int_equal(cache_count(c), 4);
    assert_null(get("b", 0));
    assert_string_equal(get("a", 0), "1");
    put("f", "6", 100);
    assert_null(get("c", 0));
    assert_string_equal(get("e", 0), "5");
}

static void many(void **state)
{
    for (unsigned i = 0; i < 5000; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "k%u", i * 7919 % 50);
        put(key, "u", i + 10);
        (void)get(key, i % 3 ? i : i + 20);
        assert_true(cache_count(c) <= 4);
    }
}

static void lifetimes(void **state)
{
    static const struct {
        int64_t expires_s, now_s;
        uint64_t seconds;
    } rows[] = {
        { 0, 1000, 300 },  { 5000, 1000, 300 }, { 1331, 1000, 300 }, { 1329, 1000, 299 },
        { 1031, 1000, 1 }, { 1030, 1000, 0 },   { 1000, 1000, 0 },   { 10, 1000, 0 },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++)
        assert_true(cache_lifetime_ns(rows[i].expires_s, rows[i].now_s) ==
                    rows[i].seconds * NS_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_until_its_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(newer_replaces_older, set_up, tear_down),
        cmocka_unit_test_setup_teardown(least_lately_used_goes_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many, set_up, tear_down),
        cmocka_unit_test(lifetimes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
