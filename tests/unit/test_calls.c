/* The tables of system calls: what a profile may, and what is asked of arguments. */
#include "sandbox/calls.h"
#include "unit.h"

#include <errno.h>
#include <sys/syscall.h>

static bool is_in(const struct calls *list, int nr, enum call_only only)
{
    for (size_t i = 0; i < list->n; i++) {
        if (list->call[i].nr == nr && (only == ONLY_ANY || list->call[i].only == only))
            return true;
    }
    return false;
}

static bool may(enum sandbox_profile profile, int nr, enum call_only only)
{
    struct calls list;
    for (unsigned i = 0; calls_allowed(profile, i, &list); i++) {
        if (is_in(&list, nr, only))
            return true;
    }
    return false;
}

/* Whatever is missed in a list is missed by these, too. */
static void what_a_worker_never_may(void **state)
{
    static const int never[] = { SYS_openat, SYS_socket,  SYS_connect, SYS_execve,        SYS_kill,
                                 SYS_ptrace, SYS_fork,    SYS_unshare, SYS_bpf,           SYS_prctl,
                                 SYS_ioctl,  SYS_openat2, SYS_clone,   SYS_io_uring_setup };
    for (size_t i = 0; i < LENGTH_OF(never); i++)
        assert_false(may(SANDBOX_WORKER, never[i], ONLY_ANY));
    assert_true(may(SANDBOX_WORKER, SYS_pread64, ONLY_ANY));
    assert_true(may(SANDBOX_WORKER, SYS_recvmsg, ONLY_ANY));
    assert_int_equal(calls_default(SANDBOX_WORKER), SCMP_ACT_TRAP);
}

/* Profiles nest: a worker enters its walls behind the zygote's. */
static void the_zygote_may_what_its_workers_may(void **state)
{
    struct calls workers;
    assert_true(calls_allowed(SANDBOX_WORKER, 0, &workers));
    for (size_t i = 0; i < workers.n; i++)
        assert_true(may(SANDBOX_ZYGOTE, workers.call[i].nr, workers.call[i].only));
    assert_true(may(SANDBOX_ZYGOTE, SYS_clone, ONLY_FORK_WORKER));
    assert_false(may(SANDBOX_ZYGOTE, SYS_openat, ONLY_ANY));
}

static void the_fetcher_types_into_no_terminal(void **state)
{
    assert_true(may(SANDBOX_FETCH, SYS_ioctl, ONLY_UNREAD));
    struct calls list;
    for (unsigned i = 0; calls_allowed(SANDBOX_FETCH, i, &list); i++) {
        for (size_t k = 0; k < list.n; k++)
            assert_false(list.call[k].nr == SYS_ioctl && list.call[k].only == ONLY_ANY);
    }
    assert_false(may(SANDBOX_FETCH, SYS_execve, ONLY_ANY));
    assert_int_equal(calls_default(SANDBOX_FETCH), SCMP_ACT_ERRNO(EPERM));
}

static void the_extractor_is_told_what_it_may_not(void **state)
{
    struct calls list;
    assert_false(calls_allowed(SANDBOX_EXTRACT, 0, &list));
    assert_true(calls_refused(SANDBOX_EXTRACT, &list));
    assert_true(is_in(&list, SYS_setsid, ONLY_ANY) && is_in(&list, SYS_ioctl, ONLY_TTY_INPUT));
    assert_true(calls_no_family(SANDBOX_EXTRACT, &list));
    assert_true(is_in(&list, SYS_socket, ONLY_UNIX));
    assert_false(calls_refused(SANDBOX_WORKER, &list) || calls_no_family(SANDBOX_ZYGOTE, &list));
}

/* Each has one, of arguments that there are. */
static void conditions(void **state)
{
    struct scmp_arg_cmp cmp[CALL_CONDITIONS_MAX];
    assert_int_equal(calls_condition(ONLY_ANY, cmp), 0);
    for (int only = ONLY_ANY + 1; only <= ONLY_CLOEXEC; only++) {
        unsigned n = calls_condition((enum call_only)only, cmp);
        assert_in_range(n, 1, CALL_CONDITIONS_MAX);
        for (unsigned i = 0; i < n; i++)
            assert_true(cmp[i].arg < 6 && cmp[i].op >= SCMP_CMP_NE);
    }
    assert_int_equal(calls_condition((enum call_only)(ONLY_CLOEXEC + 1), cmp), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_worker_never_may),
        cmocka_unit_test(the_zygote_may_what_its_workers_may),
        cmocka_unit_test(the_fetcher_types_into_no_terminal),
        cmocka_unit_test(the_extractor_is_told_what_it_may_not),
        cmocka_unit_test(conditions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
