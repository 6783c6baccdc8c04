/* How far a live stream lags behind, on a clock of the test's own. */
#include "base/audio.h"
#include "base/clock.h"
#include "feed/lag.h"
#include "unit.h"

enum { SECOND = AUDIO_RATE, FRAMES_A_SECOND = 50 };

static const uint64_t start_ns = 7 * NS_PER_S;

static void it_is_unknown_at_first(void **state)
{
    struct lag lag = { 0 };
    assert_int_equal(lag_now(&lag, start_ns, 0, 3 * SECOND), -1);
    assert_false(lag_has_grown(&lag, 100 * start_ns, 0));
}

/* What was taken in the time that passed, and how much lies ready now. */
static void it_grows_by_what_was_not_taken(void **state)
{
    static const struct {
        unsigned passed_s, taken_s, ready_s, lag_s;
        bool grown;
    } rows[] = {
        { 0, 0, 3, 3, false },    { 60, 60, 3, 3, false }, { 60, 60, 5, 5, false },
        { 8, 4, 5, 7, false },    { 8, 0, 5, 11, true },   { 3600, 0, 5, 3603, true },
        { 60, 54, 5, 9, true },   { 1, 4, 0, 0, false },   { 4, 0, 0, 7, false },
        { 100, 95, 5, 8, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lag lag = { 0 };
        lag_know(&lag, start_ns, 1000, 3 * SECOND);
        uint64_t now_ns = start_ns + rows[i].passed_s * NS_PER_S;
        uint64_t frames = 1000 + rows[i].taken_s * FRAMES_A_SECOND;
        assert_int_equal(lag_now(&lag, now_ns, frames, rows[i].ready_s * SECOND),
                         rows[i].lag_s * SECOND);
        assert_int_equal(lag_has_grown(&lag, now_ns, frames), rows[i].grown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_unknown_at_first),
        cmocka_unit_test(it_grows_by_what_was_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
