/* When a worker is given up, and above all when not. */
#include "base/clock.h"
#include "pool/watchdog.h"
#include "unit.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define CHECK_NS (WATCH_INTERVAL_MS * NS_PER_MS)

/* One worker for a number of checks, of which each sees it use `cpu_ns` more. Returns the check at
 * which it was given up, 0 if it was not. */
static unsigned live_on(struct watch *w, struct watch_pulse pulse, enum watch_queue queue,
                        uint64_t cpu_ns, unsigned n_checks, const char **ret_why)
{
    static uint64_t used_ns = NS_PER_S;
    struct watch_limits limits = watch_limits_for(pulse.task, 1);
    for (unsigned i = 1; i <= n_checks; i++) {
        used_ns += cpu_ns;
        struct watch_time time = { 0 };
        if (watch_wants_time(w, &pulse, i))
            time = (struct watch_time){ .cpu_ns = used_ns, .queue = queue };
        *ret_why = watch_judge(w, &pulse, &time, &limits);
        if (*ret_why)
            return i;
    }
    return 0;
}

/* Where nothing is known but the time it uses. */
static unsigned live(struct watch *w, struct watch_pulse pulse, uint64_t cpu_ns, unsigned n_checks,
                     const char **ret_why)
{
    return live_on(w, pulse, WATCH_QUEUE_UNKNOWN, cpu_ns, n_checks, ret_why);
}

static void one_that_is_stopped(void **state)
{
    for (int queue = WATCH_QUEUE_UNKNOWN; queue <= WATCH_OFF_QUEUE; queue++) {
        struct watch w = { .progress = 0 };
        const char *why;
        unsigned n = live_on(&w, (struct watch_pulse){ .has_begun = true }, (enum watch_queue)queue,
                             0, 100, &why);
        assert_int_equal(n * WATCH_INTERVAL_MS, 3000);
        assert_string_equal(why, "it hangs: it neither works nor makes frames");
    }
}

/* It comes up now and then, looks, and goes to sleep again: no frame will come of that. Where the
 * queue is not known it cannot be told from one that starves, and has its time. */
static void one_that_is_blocked_and_looks_up(void **state)
{
    struct watch w = { .progress = 0 };
    const char *why;
    struct watch_pulse pulse = { .has_begun = true };
    unsigned n = live_on(&w, pulse, WATCH_OFF_QUEUE, NS_PER_MS / 10, 100, &why);
    assert_int_equal(n * WATCH_INTERVAL_MS, 3000);
    w = (struct watch){ .progress = 0 };
    n = live(&w, pulse, NS_PER_MS / 10, 100, &why);
    assert_int_equal(n * WATCH_INTERVAL_MS, 30000);
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

/* On a machine with far too much to do, and nothing known but that it got something at times. */
static void one_that_starves(void **state)
{
    struct watch w = { .progress = 0 };
    const char *why;
    struct watch_pulse pulse = { .has_begun = true };
    for (unsigned i = 0; i < 25; i++) {
        assert_int_equal(live(&w, pulse, 0, 1, &why), 0);
        assert_int_equal(live(&w, pulse, NS_PER_MS / 10, 1, &why), 0);
    }
    unsigned n = live(&w, pulse, CHECK_NS / 100, 100, &why);
    assert_int_equal((50 + n) * WATCH_INTERVAL_MS, 30000);
    assert_string_equal(why, "it has made no frame for too long");
}

/* It waits for a processor: what it makes of the time it is given is all that counts. */
static void one_that_waits_for_a_processor(void **state)
{
    struct watch w = { .progress = 0 };
    const char *why;
    struct watch_pulse pulse = { .has_begun = true };
    assert_int_equal(live_on(&w, pulse, WATCH_ON_QUEUE, 0, 1000, &why), 0);
    unsigned n = live_on(&w, pulse, WATCH_ON_QUEUE, CHECK_NS / 100, 1000, &why);
    assert_in_range(n, 500 / 5 - 1, 500 / 5 + 2); /* half a second of time */
    assert_string_equal(why, "it works without end and makes no frames");
    w = (struct watch){ .progress = 0 };
    pulse.has_begun = false;
    n = live_on(&w, pulse, WATCH_ON_QUEUE, CHECK_NS / 100, 10000, &why);
    assert_in_range(n, 10000 / 5 - 1, 10000 / 5 + 2); /* ten */
}

/* It has a while for that from when it was asked, whatever it did before. */
static void one_that_does_not_answer(void **state)
{
    struct watch w = { .progress = 0 };
    const char *why;
    struct watch_pulse play = { .task = WATCH_PLAY };
    struct watch_pulse closing = { .task = WATCH_ANSWER };
    assert_int_equal(live_on(&w, play, WATCH_OFF_QUEUE, 0, 5, &why), 0);
    unsigned n = live_on(&w, closing, WATCH_OFF_QUEUE, 0, 100, &why);
    assert_int_equal((n - 1) * WATCH_INTERVAL_MS, 5000);
    w = (struct watch){ .progress = 0 };
    n = live_on(&w, closing, WATCH_ON_QUEUE, CHECK_NS, 100, &why);
    assert_in_range(n * WATCH_INTERVAL_MS, 2000, 3500);
    w = (struct watch){ .progress = 0 };
    assert_int_equal(live_on(&w, closing, WATCH_ON_QUEUE, CHECK_NS / 1000, 1000, &why), 0);
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
    struct watch_limits one = watch_limits_for(WATCH_PLAY, 1);
    struct watch_limits five = watch_limits_for(WATCH_PLAY, 5);
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

static bool is_on(pid_t pid, enum watch_queue queue)
{
    uint64_t give_up_ns = clock_now_ns() + 30 * NS_PER_S;
    while (watch_ask(pid).queue != queue && clock_now_ns() < give_up_ns)
        (void)usleep(1000);
    return watch_ask(pid).queue == queue;
}

/* A name like what stands behind it in /proc, and a memory that nobody may look into. */
static void be_hard_to_read(void)
{
    (void)prctl(PR_SET_NAME, "a) R (b) S");
    (void)prctl(PR_SET_DUMPABLE, 0);
}

static void the_time_of_another_process(void **state)
{
    pid_t pid = fork();
    if (pid == 0) {
        be_hard_to_read();
        for (;;)
            ;
    }
    uint64_t first_ns = watch_ask(pid).cpu_ns;
    uint64_t give_up_ns = clock_now_ns() + 30 * NS_PER_S;
    while (watch_ask(pid).cpu_ns < first_ns + 20 * NS_PER_MS && clock_now_ns() < give_up_ns)
        (void)usleep(1000);
    assert_true(watch_ask(pid).cpu_ns >= first_ns + 20 * NS_PER_MS);
    assert_int_equal(watch_ask(pid).queue, WATCH_ON_QUEUE);
    (void)kill(pid, SIGSTOP);
    assert_true(is_on(pid, WATCH_OFF_QUEUE));
    (void)kill(pid, SIGCONT);
    assert_true(is_on(pid, WATCH_ON_QUEUE));
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    assert_int_equal(watch_ask(pid).cpu_ns, 0);
    assert_int_equal(watch_ask(pid).queue, WATCH_QUEUE_UNKNOWN);
}

static void one_that_sleeps_is_off_the_queue(void **state)
{
    pid_t pid = fork();
    if (pid == 0) {
        be_hard_to_read();
        for (;;)
            (void)pause();
    }
    assert_true(is_on(pid, WATCH_OFF_QUEUE));
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_is_stopped),
        cmocka_unit_test(one_in_a_loop),
        cmocka_unit_test(one_in_a_loop_on_a_busy_machine),
        cmocka_unit_test(one_in_a_loop_that_says_it_rests),
        cmocka_unit_test(one_that_is_blocked_and_looks_up),
        cmocka_unit_test(one_that_starves),
        cmocka_unit_test(one_that_waits_for_a_processor),
        cmocka_unit_test(one_that_does_not_answer),
        cmocka_unit_test(one_that_rests),
        cmocka_unit_test(one_that_goes_on),
        cmocka_unit_test(one_that_is_asked_after_a_rest),
        cmocka_unit_test(sanitizers_have_more_time),
        cmocka_unit_test(who_goes_on_costs_nothing),
        cmocka_unit_test(the_time_of_another_process),
        cmocka_unit_test(one_that_sleeps_is_off_the_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
