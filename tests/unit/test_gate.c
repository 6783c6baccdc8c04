/* The gate of restarts, with a clock of its own. */
#include "unit.h"

#include "pool/gate.h"

enum { PER_S = 10, BURST = 20 };

static void die_n_times(struct gate *g, unsigned n, uint64_t now_ms)
{
    while (n-- > 0)
        gate_note_death(g, now_ms);
}

static void a_burst_passes(void **state)
{
    struct gate g = { .per_s = PER_S, .burst = BURST };
    assert_int_equal(gate_closed_ms(&g, 5000), 0);
    die_n_times(&g, BURST, 5000);
    assert_int_equal(gate_closed_ms(&g, 5000), 0);
    die_n_times(&g, 1, 5000);
    assert_int_equal(gate_closed_ms(&g, 5000), 100);
    assert_int_equal(gate_closed_ms(&g, 5099), 1);
    assert_int_equal(gate_closed_ms(&g, 5100), 0);
}

static void a_steady_loop_is_held_to_the_rate(void **state)
{
    struct gate g = { .per_s = PER_S, .burst = BURST };
    unsigned n_deaths = 0;
    for (uint64_t now_ms = 0; now_ms < 60000; now_ms++) {
        if (gate_closed_ms(&g, now_ms) == 0) {
            gate_note_death(&g, now_ms);
            n_deaths++;
        }
    }
    assert_in_range(n_deaths, 60 * PER_S + BURST - 1, 60 * PER_S + BURST + 2);
}

/* A thousand deaths do not close it for minutes: it opens within a second of the last. */
static void the_debt_is_bounded(void **state)
{
    struct gate g = { .per_s = PER_S, .burst = BURST };
    die_n_times(&g, 1000, 100);
    assert_in_range(gate_closed_ms(&g, 100), 1, 1000);
    assert_int_equal(gate_closed_ms(&g, 1100), 0);
    /* … but the burst comes back only with time. */
    die_n_times(&g, 1, 1100);
    assert_int_not_equal(gate_closed_ms(&g, 1100), 0);
    die_n_times(&g, BURST, 100000);
    assert_int_equal(gate_closed_ms(&g, 100000), 0);
}

static void a_clock_that_stands_still(void **state)
{
    struct gate g = { .per_s = PER_S, .burst = 0 };
    gate_note_death(&g, 500);
    assert_int_equal(gate_closed_ms(&g, 500), 100);
    assert_int_equal(gate_closed_ms(&g, 499), 100);
}

static void shut_for_a_while(void **state)
{
    struct gate g = { .per_s = PER_S, .burst = 0 };
    gate_shut(&g, 1500);
    assert_int_equal(gate_closed_ms(&g, 1000), 500);
    assert_int_equal(gate_closed_ms(&g, 1499), 1);
    assert_int_equal(gate_closed_ms(&g, 1500), 0);
    gate_note_death(&g, 1500);
    gate_shut(&g, 1550);
    assert_int_equal(gate_closed_ms(&g, 1500), 100); /* whichever is longer */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_passes),      cmocka_unit_test(a_steady_loop_is_held_to_the_rate),
        cmocka_unit_test(the_debt_is_bounded), cmocka_unit_test(a_clock_that_stands_still),
        cmocka_unit_test(shut_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
