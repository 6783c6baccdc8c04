/* A turn of the loop: it is over when its time is up, and the next one begins with all of it. */
#include "loop.h"
#include "server/client_limits.h"
#include "server/turn.h"

static void spend(uint64_t ns)
{
    uint64_t end_ns = uv_hrtime() + ns;
    while (uv_hrtime() < end_ns)
        ;
}

static void each_turn_has_its_time(void **state)
{
    uv_loop_t loop;
    struct turn turn = { 0 };
    assert_int_equal(uv_loop_init(&loop), 0);
    for (int i = 0; i < 3; i++) {
        uv_update_time(&loop);
        assert_false(turn_is_over(&turn, &loop));
        spend(LIMIT_TURN_US * UINT64_C(1000));
        assert_true(turn_is_over(&turn, &loop));
        assert_true(turn_is_over(&turn, &loop));
        spend(LIMIT_TURN_US * UINT64_C(1000)); /* that the loop's clock, of milliseconds, goes on */
    }
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_turn_has_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
