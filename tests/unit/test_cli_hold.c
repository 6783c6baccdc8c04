#include "base/clock.h"
#include "cli/hold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static uint64_t s(double seconds)
{
    return (uint64_t)(seconds * (double)NS_PER_S);
}

static void nobody_from_the_start(void **state)
{
    struct hold h;
    hold_init(&h);
    assert_int_equal(hold_look(&h, 0, true, s(100)), HOLD_NONE);
    assert_int_equal(hold_look(&h, 0, true, s(105)), HOLD_NONE);
    assert_int_equal(hold_look(&h, 0, true, s(105.1)), HOLD_UNHEARD);
    assert_int_equal(hold_look(&h, 0, true, s(200)), HOLD_NONE); /* said once */
}

static void the_listener_leaves(void **state)
{
    struct hold h;
    hold_init(&h);
    assert_int_equal(hold_look(&h, 3, true, s(100)), HOLD_NONE);
    assert_int_equal(hold_look(&h, 7, true, s(104)), HOLD_NONE);
    assert_int_equal(hold_look(&h, 7, true, s(108)), HOLD_NONE);
    assert_int_equal(hold_look(&h, 7, true, s(109.1)), HOLD_LEFT);
}

/* A pause is no hold, and the time of it does not count. */
static void paused(void **state)
{
    struct hold h;
    hold_init(&h);
    assert_int_equal(hold_look(&h, 0, true, s(100)), HOLD_NONE);
    assert_int_equal(hold_look(&h, 0, false, s(200)), HOLD_NONE);
    assert_int_equal(hold_look(&h, 9, false, s(300)), HOLD_NONE); /* a seek is no listener */
    assert_int_equal(hold_look(&h, 9, true, s(304)), HOLD_NONE);
    assert_int_equal(hold_look(&h, 9, true, s(306)), HOLD_UNHEARD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_from_the_start),
        cmocka_unit_test(the_listener_leaves),
        cmocka_unit_test(paused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
