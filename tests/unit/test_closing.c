/* What a close code means, and how long the pauses between tries are. */
#include "unit.h"
#include "voice/closing.h"

static void a_loss_is_tried_again_and_an_end_is_not(void **state)
{
    static const unsigned again[] = { 0, 1000, 1001, 1006, 1011, 3999, 4015 };
    static const unsigned over[] = { 4000, 4001, 4004, 4006, 4009, 4011, 4014,
                                     4016, 4017, 4020, 4021, 4022, 4999, 65535 };
    for (size_t i = 0; i < LENGTH_OF(again); i++)
        assert_int_equal(closing_judge(again[i]), CLOSING_TRY_AGAIN);
    for (size_t i = 0; i < LENGTH_OF(over); i++)
        assert_int_equal(closing_judge(over[i]), CLOSING_OVER);
}

static void every_code_has_a_sentence(void **state)
{
    for (unsigned code = 0; code < 5000; code++)
        assert_true(strlen(closing_text(code)) > 10);
    assert_non_null(strstr(closing_text(4017), "end-to-end"));
}

static void pauses_grow_up_to_a_limit_and_are_spread(void **state)
{
    uint64_t random = 1;
    assert_int_equal(closing_pause_ms(0, 12345), 0);
    unsigned total_ms = 0;
    for (unsigned n = 1; n < CLOSING_TRIES; n++) {
        unsigned least = closing_pause_ms(n, 0), most = least;
        for (unsigned i = 0; i < 1000; i++) {
            unsigned pause_ms = closing_pause_ms(n, test_random(&random));
            least = pause_ms < least ? pause_ms : least;
            most = pause_ms > most ? pause_ms : most;
        }
        assert_in_range(least, 180, 8000);
        assert_in_range(most, least * 3 / 2, 10000);
        if (n > 1 && n < 6)
            assert_true(least > closing_pause_ms(n - 1, 0));
        total_ms += most;
    }
    assert_in_range(total_ms, 15000, 40000);
    assert_in_range(closing_pause_ms(1000000, 7), 6000, 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loss_is_tried_again_and_an_end_is_not),
        cmocka_unit_test(every_code_has_a_sentence),
        cmocka_unit_test(pauses_grow_up_to_a_limit_and_are_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
