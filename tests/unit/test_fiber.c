/* A function that stops in its middle. */
#include "media/fiber.h"
#include "unit.h"

#include <signal.h>
#include <sys/wait.h>

enum { STACK_BYTES = 65536, YIELDS = 5 };

static struct fiber *fiber;
static struct {
    int steps, ended;
    double sum;
} f;

static int set_up(void **state)
{
    memset(&f, 0, sizeof f);
    return fiber_new(STACK_BYTES, &fiber);
}

static int tear_down(void **state)
{
    fiber_free(fiber);
    return 0;
}

/* Its own variables must be there when it goes on. */
static void count(void *arg)
{
    double halves = 0.5;
    for (int i = 0; i < YIELDS; i++) {
        f.steps++;
        fiber_yield(fiber);
        halves += (double)f.steps * *(const double *)arg;
    }
    f.sum = halves;
    f.ended++;
}

static void it_goes_on_where_it_stopped(void **state)
{
    double factor = 2;
    assert_false(fiber_is_busy(fiber));
    assert_true(fiber_run(fiber)); /* there is nothing to do */
    fiber_begin(fiber, count, &factor);
    assert_true(fiber_is_busy(fiber));
    assert_int_equal(f.steps, 0); /* not before it is run */
    for (int i = 1; i <= YIELDS; i++) {
        assert_false(fiber_run(fiber));
        assert_int_equal(f.steps, i);
        assert_true(fiber_is_busy(fiber));
    }
    assert_true(fiber_run(fiber));
    assert_false(fiber_is_busy(fiber));
    assert_int_equal(f.ended, 1);
    assert_true(f.sum == 0.5 + 2 * (1 + 2 + 3 + 4 + 5));
    assert_true(fiber_run(fiber));
    assert_int_equal(f.ended, 1);
}

static void it_is_used_again(void **state)
{
    double factor = 1;
    for (int i = 1; i <= 100; i++) {
        fiber_begin(fiber, count, &factor);
        while (!fiber_run(fiber))
            ;
        assert_int_equal(f.ended, i);
    }
}

static struct fiber *inner;

static void inside(void *arg)
{
    f.steps++;
    fiber_yield(inner);
    f.steps++;
}

static void outside(void *arg)
{
    while (!fiber_run(inner))
        fiber_yield(fiber);
    f.ended++;
}

static void one_runs_another(void **state)
{
    assert_int_equal(fiber_new(STACK_BYTES, &inner), 0);
    fiber_begin(inner, inside, NULL);
    fiber_begin(fiber, outside, NULL);
    assert_false(fiber_run(fiber));
    assert_int_equal(f.steps, 1);
    assert_true(fiber_run(fiber));
    assert_int_equal(f.steps, 2);
    assert_int_equal(f.ended, 1);
    fiber_free(inner);
}

/* Returns a sum, so that the calls cannot be made into a loop. */
static unsigned dig(volatile unsigned char *above, unsigned depth)
{
    volatile unsigned char room[1024];
    room[0] = (unsigned char)depth;
    return depth == 0 ? above[0] : room[0] + dig(room, depth - 1);
}

static void overflow(void *arg)
{
    volatile unsigned char top[1] = { 0 };
    f.steps = (int)dig(top, 4 * STACK_BYTES / 1024);
}

/* It meets no memory but a page that nobody may touch. */
static void a_stack_that_overflows_ends_it(void **state)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)signal(SIGSEGV, SIG_DFL);
        (void)close(STDERR_FILENO);
        fiber_begin(fiber, overflow, NULL);
        (void)fiber_run(fiber);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_goes_on_where_it_stopped),
        TEST(it_is_used_again),
        TEST(one_runs_another),
        TEST(a_stack_that_overflows_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
