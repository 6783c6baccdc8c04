/* The time line of a call: steps over what was lost, bursts of nothing, and never goes back. */
#include "base/clock.h"
#include "link/wire_clock.h"
#include "unit.h"

#define TICK_NS (20 * NS_PER_MS)

static struct wire_clock c;
static uint64_t now_ns;

static int begin(void **state)
{
    wire_clock_init(&c, 1000);
    now_ns = 77 * NS_PER_S;
    return 0;
}

/* The tick of a frame that is there now, 0 if it is skipped. */
static uint64_t frame(void)
{
    uint64_t tick;
    return wire_clock_frame(&c, now_ns, &tick) ? tick : 0;
}

static void frames_on_time_are_one_tick_apart(void **state)
{
    for (uint64_t i = 0; i < 1000; i++) {
        assert_int_equal(frame(), 1000 + i);
        now_ns += TICK_NS + (i % 2 ? 3 : -3) * (int64_t)NS_PER_MS;
    }
}

static void after_a_short_stall_two_frames_leave_and_the_rest_is_skipped(void **state)
{
    assert_int_equal(frame(), 1000);
    now_ns += 5 * TICK_NS + NS_PER_MS; /* four were missed; the pacer hands over five at once */
    assert_int_equal(frame(), 0);
    assert_int_equal(frame(), 0);
    assert_int_equal(frame(), 0);
    assert_int_equal(frame(), 1004);
    assert_int_equal(frame(), 1005);
    now_ns += TICK_NS;
    assert_int_equal(frame(), 1006);
}

static void time_that_was_lost_is_stepped_over(void **state)
{
    assert_int_equal(frame(), 1000);
    now_ns += TICK_NS + 500 * NS_PER_MS; /* the pacer has moved its schedule */
    assert_int_equal(frame(), 1001 + 25);
    now_ns += TICK_NS;
    assert_int_equal(frame(), 1027);
}

static void between_talks_it_stands_still_but_for_the_silence(void **state)
{
    assert_int_equal(frame(), 1000);
    assert_int_equal(wire_clock_rest(&c, 5), 1001);
    now_ns += 3600 * NS_PER_S;
    assert_int_equal(frame(), 1006);
    now_ns += TICK_NS;
    assert_int_equal(frame(), 1007);
}

static void whatever_comes_it_only_grows(void **state)
{
    uint64_t random = 5, last = 0;
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t tick;
        if (test_random(&random) % 50 == 0) {
            tick = wire_clock_rest(&c, 5);
        } else {
            now_ns += test_random(&random) % (40 * NS_PER_MS);
            now_ns += test_random(&random) % 500 == 0 ? NS_PER_S : 0;
            (void)wire_clock_frame(&c, now_ns, &tick);
        }
        assert_true(tick > last);
        last = tick;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(frames_on_time_are_one_tick_apart, begin),
        cmocka_unit_test_setup(after_a_short_stall_two_frames_leave_and_the_rest_is_skipped, begin),
        cmocka_unit_test_setup(time_that_was_lost_is_stepped_over, begin),
        cmocka_unit_test_setup(between_talks_it_stands_still_but_for_the_silence, begin),
        cmocka_unit_test_setup(whatever_comes_it_only_grows, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
