/* Landlock's rules, each in a child that stands behind them. Skipped where the kernel has none. */
#include "sandbox/landlock.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static struct {
    char dir[TEST_DIR_BYTES];
    char file[TEST_DIR_BYTES + 16], other[TEST_DIR_BYTES + 16];
} f;

static int set_up(void **state)
{
    if (landlock_version() == 0)
        return 0;
    test_dir_make(f.dir);
    (void)snprintf(f.file, sizeof f.file, "%s/file", f.dir);
    (void)snprintf(f.other, sizeof f.other, "%s/other", f.dir);
    (void)close(creat(f.file, 0600));
    (void)close(creat(f.other, 0600));
    return 0;
}

static int tear_down(void **state)
{
    (void)unlink(f.file);
    (void)unlink(f.other);
    (void)rmdir(f.dir);
    return 0;
}

static void need_landlock(void)
{
    if (landlock_version() == 0)
        skip();
}

/* The errno of opening it behind the rules, 0 if it could be opened. */
static int open_behind(int rules, const char *path, int flags)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || landlock_enter(rules) < 0)
            _exit(255);
        _exit(open(path, flags) >= 0 ? 0 : errno);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_worker_opens_nothing(void **state)
{
    need_landlock();
    int rules = landlock_new(SANDBOX_WORKER, NULL, 0);
    assert_true(rules >= 0);
    assert_int_equal(open_behind(rules, f.file, O_RDONLY), EACCES);
    assert_int_equal(open_behind(rules, "/etc/hosts", O_RDONLY), EACCES);
    assert_int_equal(open_behind(rules, "/", O_RDONLY | O_DIRECTORY), EACCES);
    (void)close(rules);
}

/* A file that is granted is granted alone, to read or to write as it says. */
static void paths_are_granted(void **state)
{
    need_landlock();
    for (int writable = 0; writable < 2; writable++) {
        struct sandbox_path paths[] = { { f.file, writable }, { "/nonexistent", true } };
        int rules = landlock_new(SANDBOX_FETCH, paths, 2);
        assert_true(rules >= 0);
        assert_int_equal(open_behind(rules, f.file, O_RDONLY), 0);
        assert_int_equal(open_behind(rules, f.file, O_WRONLY), writable ? 0 : EACCES);
        assert_int_equal(open_behind(rules, f.other, O_RDONLY), EACCES);
        (void)close(rules);
    }
}

static void a_directory_with_what_is_below(void **state)
{
    need_landlock();
    struct sandbox_path path = { f.dir, false };
    int rules = landlock_new(SANDBOX_EXTRACT, &path, 1);
    assert_true(rules >= 0);
    assert_int_equal(open_behind(rules, f.other, O_RDONLY), 0);
    assert_int_equal(open_behind(rules, f.other, O_WRONLY), EACCES);
    assert_int_equal(open_behind(rules, "/dev/null", O_WRONLY), 0);
    (void)close(rules);
}

static void the_fetcher_reads_what_networks_need(void **state)
{
    need_landlock();
    int rules = landlock_new(SANDBOX_FETCH, NULL, 0);
    assert_true(rules >= 0);
    assert_int_equal(open_behind(rules, "/etc/passwd", O_RDONLY), 0);
    assert_int_equal(open_behind(rules, "/proc/self/status", O_RDONLY), EACCES);
    assert_int_equal(open_behind(rules, f.file, O_RDONLY), EACCES);
    (void)close(rules);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_worker_opens_nothing),
        TEST(paths_are_granted),
        TEST(a_directory_with_what_is_below),
        TEST(the_fetcher_reads_what_networks_need),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
