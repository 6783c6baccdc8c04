/* What a process gives up that needs no wall: in a child each. */
#include "sandbox/bounds.h"
#include "sandbox/relaxed.h"
#include "unit.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* Returns what the child found: 0, or the line of what does not hold. */
static int in_child(enum sandbox_profile profile, int (*look)(void))
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(bounds_enter(profile) < 0 ? 255 : look());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static rlim_t limit_of(__rlimit_resource_t what)
{
    struct rlimit l;
    (void)getrlimit(what, &l);
    return l.rlim_cur > l.rlim_max ? RLIM_INFINITY : l.rlim_max;
}

static int look_at_all(void)
{
    if (limit_of(RLIMIT_CORE) != 0)
        return 1;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return 2;
    if (limit_of(RLIMIT_RTPRIO) != 0 || limit_of(RLIMIT_MSGQUEUE) != 0)
        return 3;
    return !sandbox_is_relaxed() && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 ? 4 : 0;
}

static void what_all_give_up(void **state)
{
    for (int p = SANDBOX_ZYGOTE; p <= SANDBOX_EXTRACT; p++)
        assert_int_equal(in_child((enum sandbox_profile)p, look_at_all), 0);
}

static int look_at_worker(void)
{
    if (limit_of(RLIMIT_NOFILE) != 64 || limit_of(RLIMIT_NPROC) != 0)
        return 1;
    if (sandbox_is_relaxed())
        return 0;
    return limit_of(RLIMIT_DATA) == 256 << 20 ? 0 : 2;
}

static void a_worker_has_little(void **state)
{
    assert_int_equal(in_child(SANDBOX_WORKER, look_at_worker), 0);
}

static int look_at_fetcher(void)
{
    return limit_of(RLIMIT_NOFILE) >= 64 && limit_of(RLIMIT_NPROC) != 0 ? 0 : 1;
}

static void the_fetcher_needs_more(void **state)
{
    assert_int_equal(in_child(SANDBOX_FETCH, look_at_fetcher), 0);
}

/* What it was left by others it does not raise. */
static int lower_first(void)
{
    return limit_of(RLIMIT_NOFILE) == 20 ? 0 : 1;
}

static void a_lower_limit_stays(void **state)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit l = { 20, 20 };
        if (setrlimit(RLIMIT_NOFILE, &l) < 0 || bounds_enter(SANDBOX_WORKER) < 0)
            _exit(255);
        _exit(lower_first());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_all_give_up),
        cmocka_unit_test(a_worker_has_little),
        cmocka_unit_test(the_fetcher_needs_more),
        cmocka_unit_test(a_lower_limit_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
