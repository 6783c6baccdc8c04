/* Children that libuv did not start are collected, each once, and nobody else's. */
#include "loop.h"
#include "pool/reaper.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

static struct {
    uv_loop_t loop;
    struct reaper *reaper;
    unsigned n;
    pid_t pid[8];
    int status[8];
} f;

static void on_reaped(pid_t pid, int status, void *arg)
{
    assert_true(f.n < LENGTH_OF(f.pid));
    f.pid[f.n] = pid;
    f.status[f.n++] = status;
}

static int set_up(void **state)
{
    memset(&f, 0, sizeof f);
    assert_int_equal(uv_loop_init(&f.loop), 0);
    return reaper_new(&f.loop, on_reaped, NULL, &f.reaper);
}

static int tear_down(void **state)
{
    reaper_free(f.reaper);
    loop_end(&f.loop);
    return 0;
}

/* A child that waits for its end, or ends at once with `status`. */
static pid_t start_child(int status, pid_t group)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)setpgid(0, group);
        if (status >= 0)
            _exit(status);
        for (;;)
            (void)pause();
    }
    (void)setpgid(pid, group > 0 ? group : pid);
    return pid;
}

static bool is_done(void *arg)
{
    return reaper_is_done(f.reaper);
}

static void collects_by_pid(void **state)
{
    pid_t waits = start_child(-1, 0);
    pid_t ends = start_child(7, 0);
    assert_true(reaper_is_done(f.reaper));
    reaper_watch(f.reaper, waits);
    reaper_watch(f.reaper, ends);
    assert_false(reaper_is_done(f.reaper));
    assert_int_equal(kill(waits, SIGTERM), 0);
    assert_true(loop_until(&f.loop, is_done, NULL));
    assert_int_equal(f.n, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(f.pid[i] == waits || f.pid[i] == ends);
        if (f.pid[i] == ends)
            assert_true(WIFEXITED(f.status[i]) && WEXITSTATUS(f.status[i]) == 7);
        else
            assert_true(WIFSIGNALED(f.status[i]) && WTERMSIG(f.status[i]) == SIGTERM);
    }
}

/* It had ended before anybody asked to have it watched. */
static void collects_what_has_ended_already(void **state)
{
    siginfo_t info;
    pid_t pid = start_child(3, 0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    reaper_watch(f.reaper, pid);
    assert_true(reaper_is_done(f.reaper));
    assert_int_equal(f.n, 1);
    assert_int_equal(WEXITSTATUS(f.status[0]), 3);
    reaper_watch(f.reaper, pid); /* there is no such child any more: nothing to wait for */
    assert_true(reaper_is_done(f.reaper));
    assert_int_equal(f.n, 1);
}

static void leaves_other_children_alone(void **state)
{
    siginfo_t info;
    pid_t ours = start_child(-1, 0);
    pid_t other = start_child(5, 0);
    reaper_watch(f.reaper, ours);
    /* The other one has ended first and lies there to be taken. */
    assert_int_equal(waitid(P_PID, (id_t)other, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(kill(ours, SIGKILL), 0);
    assert_true(loop_until(&f.loop, is_done, NULL));
    assert_int_equal(f.n, 1);
    int status;
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(WEXITSTATUS(status), 5);
}

static void kills_what_is_left(void **state)
{
    for (int i = 0; i < 3; i++)
        reaper_watch(f.reaper, start_child(-1, 0));
    reaper_kill_all(f.reaper);
    assert_true(loop_until(&f.loop, is_done, NULL));
    assert_int_equal(f.n, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(WTERMSIG(f.status[i]), SIGKILL);
}

/* Its leader is dead and collected; the members are found through the group. */
static void adopts_a_group(void **state)
{
    pid_t leader = start_child(-1, 0);
    pid_t a = start_child(-1, leader);
    pid_t b = start_child(0, leader);
    assert_int_equal(kill(leader, SIGKILL), 0);
    assert_int_equal(waitpid(leader, NULL, 0), leader);
    reaper_adopt_group(f.reaper, leader);
    assert_false(reaper_is_done(f.reaper));
    reaper_kill_all(f.reaper);
    assert_true(loop_until(&f.loop, is_done, NULL));
    assert_int_equal(f.n, 2);
    assert_true(f.pid[0] + f.pid[1] == a + b);
}

static void freed_with_targets(void **state)
{
    pid_t pid = start_child(-1, 0);
    reaper_watch(f.reaper, pid);
    reaper_free(f.reaper);
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(reaper_new(&f.loop, on_reaped, NULL, &f.reaper), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(collects_by_pid, set_up, tear_down),
        cmocka_unit_test_setup_teardown(collects_what_has_ended_already, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leaves_other_children_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(kills_what_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(adopts_a_group, set_up, tear_down),
        cmocka_unit_test_setup_teardown(freed_with_targets, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
