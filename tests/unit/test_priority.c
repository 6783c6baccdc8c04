/* A loop with real-time precedence and its helpers, on one processor. Where the system grants no
 * such precedence there is nothing to see. */
#include "loop.h"
#include "playout/priority.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>

enum { ROUNDS = 300 };

static struct {
    uv_loop_t loop;
    uv_work_t work;
    unsigned n_done;
    int helper_policy;
    bool done;
} f;

static void on_work(uv_work_t *work)
{
    f.helper_policy = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
}

static void on_done(uv_work_t *work, int status)
{
    f.done = ++f.n_done >= ROUNDS;
    if (!f.done)
        (void)uv_queue_work(&f.loop, &f.work, on_work, on_done);
}

static void stay_on_one_processor(void)
{
    cpu_set_t all, one;
    CPU_ZERO(&one);
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    for (size_t i = 0; CPU_COUNT(&one) == 0; i++) {
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    }
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
}

/* A helper that the loop has displaced while it was telling that it is done must get on: else the
 * loop spins for half a second and has lost its precedence. */
static void a_loop_waits_for_no_helper(void **state)
{
    stay_on_one_processor();
    assert_int_equal(uv_loop_init(&f.loop), 0);
    if (strcmp(priority_raise_loop(&f.loop), "real-time") != 0) {
        loop_end(&f.loop);
        skip();
    }
    assert_int_equal(uv_queue_work(&f.loop, &f.work, on_work, on_done), 0);
    assert_true(loop_until(&f.loop, loop_is_true, &f.done));
    assert_int_equal(f.helper_policy, SCHED_FIFO);
    assert_int_equal(sched_getscheduler(0), SCHED_FIFO | SCHED_RESET_ON_FORK);
    loop_end(&f.loop);
}

static void *look(void *arg)
{
    *(int *)arg = sched_getscheduler(0);
    return NULL;
}

static void precedence_is_lent_to_the_next_thread(void **state)
{
    pthread_t thread;
    int policy = -1;
    bool is_real_time = strcmp(priority_lend(), "real-time") == 0;
    assert_int_equal(pthread_create(&thread, NULL, look, &policy), 0);
    priority_give_back();
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), 0);
    if (!is_real_time)
        skip();
    assert_int_equal(policy, SCHED_FIFO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(precedence_is_lent_to_the_next_thread),
        cmocka_unit_test(a_loop_waits_for_no_helper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
