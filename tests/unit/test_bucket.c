/* A bucket of tokens: a burst, then so much a time, and a burst again after a rest. */
#include "base/bucket.h"
#include "unit.h"

enum { TOKEN_MS = 100, BURST = 5 };

static unsigned take_all(struct bucket *b, uint64_t now_ms)
{
    unsigned n = 0;
    for (; n < 1000 && bucket_has_token(b, now_ms, TOKEN_MS, BURST); n++)
        bucket_take(b, now_ms, TOKEN_MS);
    return n;
}

static void a_burst_and_then_a_rate(void **state)
{
    struct bucket b = { 0 };
    uint64_t now_ms = 5000;
    assert_int_equal(take_all(&b, now_ms), BURST);
    assert_int_equal(take_all(&b, now_ms), 0);
    assert_int_equal(take_all(&b, now_ms += TOKEN_MS - 1), 0);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(take_all(&b, now_ms += TOKEN_MS), 1);
    assert_int_equal(take_all(&b, now_ms += 3 * TOKEN_MS), 3);
    assert_int_equal(take_all(&b, now_ms += 1000 * TOKEN_MS), BURST); /* and never more */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_and_then_a_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
