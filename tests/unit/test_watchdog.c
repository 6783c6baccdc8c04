/* When a worker is given up, and above all when not. */
#include "base/clock.h"
#include "pool/watchdog.h"
#include "unit.h"

#include <signal.h>
#include <sys/wait.h>

#define CHECK_NS (WATCH_INTERVAL_MS * NS_PER_MS)

/* One worker for a number of checks, of which each sees it use `cpu_ns` more. Returns the check at
 * which it was given up, 0 if it was not. */
static unsigned live(struct watch *w, struct watch_pulse pulse, uint64_t cpu_ns, unsigned n_checks,
                     const char **ret_why)
{
    static uint64_t used_ns = NS_PER_S;
    struct watch_limits limits = watch_limits_for(1);
    for (unsigned i = 1; i <= n_checks; i++) {
        used_ns += cpu_ns;
        uint64_t seen_ns = watch_wants_time(w, &pulse, i) ? used_ns : 0;
        *ret_why = watch_judge(w, &pulse, seen_ns, &limits);
        if (*ret_why)
            return i;
    }
    return 0;
}

static void one_that_is_stopped(void **state)
{
    struct watch w = { .progress = 0 };
    const char *why;
    unsigned n = live(&w, (struct watch_pulse){ .has_begun = true }, 0, 100, &why);
    assert_int_equal(n * WATCH_INTERVAL_MS, 3000);
    assert_string_equal(why, "it hangs: it neither works nor makes frames");
}

static void one_in_a_loop(void **state)
{
    struct watch w = { .progress = 0 };
    const char *why;
    unsigned n = live(&w, (struct watch_pulse){ .has_begun = true }, CHECK_NS, 100, &why);
    assert_in_range(n * WATCH_INTERVAL_MS, 2000, 3500);
    assert_string_equal(why, "it works without end and makes no frames");
    w = (struct watch){ .progress = 0 };
    n = live(&w, (struct watch_pulse){ .has_begun = false }, CHECK_NS, 100, &why);
    assert_in_range(n * WATCH_INTERVAL_MS, 10000, 11500); /* it may be searching for its start */
}

/* Where it gets a third of a processor. */
static void one_in_a_loop_on_a_busy_machine(void **state)
{
    struct watch w = { .progress = 0 };
    const char *why;
    unsigned n = live(&w, (struct watch_pulse){ .has_begun = true }, CHECK_NS / 3, 100, &why);
    assert_in_range(n * WATCH_INTERVAL_MS, 3000, 3500);
    w = (struct watch){ .progress = 0 };
    n = live(&w, (struct watch_pulse){ .has_begun = false }, CHECK_NS / 3, 100, &why);
    assert_in_range(n * WATCH_INTERVAL_MS, 29000, 31000);
}

static void one_in_a_loop_that_says_it_rests(void **state)
{
    struct watch w = { .progress = 0 };
    const char *why;
    struct watch_pulse liar = { .has_begun = true, .may_rest = true };
    unsigned n = live(&w, liar, CHECK_NS, 100, &why);
    assert_in_range(n * WATCH_INTERVAL_MS, 2000, 8000);
}

/* On a machine with far too much to do. */
static void one_that_starves(void **state)
{
    struct watch w = { .progress = 0 };
    const char *why;
    struct watch_pulse pulse = { .has_begun = true };
    assert_int_equal(live(&w, pulse, CHECK_NS / 100, 50, &why), 0);
    unsigned n = live(&w, pulse, CHECK_NS / 100, 100, &why);
    assert_int_equal((50 + n) * WATCH_INTERVAL_MS, 30000);
    assert_string_equal(why, "it has made no frame for too long");
}

static void one_that_rests(void **state)
{
    struct watch w = { .progress = 0 };
    const char *why;
    struct watch_pulse pulse = { .has_begun = true, .may_rest = true };
    assert_int_equal(live(&w, pulse, 0, 100000, &why), 0);
}

static void one_that_goes_on(void **state)
{
    struct watch w = { .progress = 0 };
    const char *why;
    struct watch_pulse pulse = { .has_begun = true };
    for (unsigned i = 0; i < 1000; i++) {
        pulse.progress += i % 3 == 0;
        assert_int_equal(live(&w, pulse, CHECK_NS, 1, &why), 0);
    }
}

/* Rung after a long rest, it has the whole time to come up. */
static void one_that_is_asked_after_a_rest(void **state)
{
    struct watch w = { .progress = 0 };
    const char *why;
    assert_int_equal(live(&w, (struct watch_pulse){ .may_rest = true }, 0, 1000, &why), 0);
    unsigned n = live(&w, (struct watch_pulse){ .has_begun = true }, 0, 100, &why);
    assert_int_equal(n * WATCH_INTERVAL_MS, 3000);
}

static void sanitizers_have_more_time(void **state)
{
    struct watch_limits one = watch_limits_for(1), five = watch_limits_for(5);
    assert_int_equal(five.still_checks, 5 * one.still_checks);
    assert_int_equal(five.slow_checks, 5 * one.slow_checks);
    assert_true(five.loop_ns == 5 * one.loop_ns && five.loop_begin_ns == 5 * one.loop_begin_ns);
}

static void who_goes_on_costs_nothing(void **state)
{
    struct watch w = { .progress = 7 };
    unsigned asked = 0;
    for (unsigned turn = 0; turn < 100; turn++) {
        struct watch_pulse on = { .progress = 8 }, rests = { .progress = 7, .may_rest = true };
        assert_false(watch_wants_time(&w, &on, turn));
        asked += watch_wants_time(&w, &rests, turn);
    }
    assert_in_range(asked, 1, 30);
}

static void the_time_of_another_process(void **state)
{
    pid_t pid = fork();
    if (pid == 0) {
        for (;;)
            ;
    }
    uint64_t first_ns = watch_cpu_ns(pid);
    uint64_t give_up_ns = clock_now_ns() + 30 * NS_PER_S;
    while (watch_cpu_ns(pid) < first_ns + 20 * NS_PER_MS && clock_now_ns() < give_up_ns)
        (void)usleep(1000);
    assert_true(watch_cpu_ns(pid) >= first_ns + 20 * NS_PER_MS);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    assert_int_equal(watch_cpu_ns(pid), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_is_stopped),
        cmocka_unit_test(one_in_a_loop),
        cmocka_unit_test(one_in_a_loop_on_a_busy_machine),
        cmocka_unit_test(one_in_a_loop_that_says_it_rests),
        cmocka_unit_test(one_that_starves),
        cmocka_unit_test(one_that_rests),
        cmocka_unit_test(one_that_goes_on),
        cmocka_unit_test(one_that_is_asked_after_a_rest),
        cmocka_unit_test(sanitizers_have_more_time),
        cmocka_unit_test(who_goes_on_costs_nothing),
        cmocka_unit_test(the_time_of_another_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
