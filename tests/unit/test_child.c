/* A child process: what it writes is kept, and what it started ends with it. */
#include "extract/child.h"
#include "loop.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static struct {
    uv_loop_t loop;
    struct child *child;
    unsigned n_ended, n_output;
    size_t output_max;
} f;

static void on_output(struct child *c, void *arg)
{
    f.n_output++;
}

static void on_ended(struct child *c, void *arg)
{
    assert_ptr_equal(c, f.child);
    f.n_ended++;
}

static const struct child_ops ops = { .output = on_output, .ended = on_ended };

static int set_up(void **state)
{
    memset(&f, 0, sizeof f);
    f.output_max = 100000;
    return uv_loop_init(&f.loop);
}

static int tear_down(void **state)
{
    child_free(f.child);
    loop_end(&f.loop);
    return 0;
}

static void start_with(const char *script, bool gently)
{
    const char *argv[] = { "/bin/sh", "-c", script, NULL };
    char *env[] = { NULL };
    struct child_config config = {
        .argv = argv, .env = env, .with_input = true, .output_max = f.output_max, .gently = gently
    };
    assert_int_equal(child_new(&f.loop, &config, &ops, &f, &f.child), 0);
}

static void start(const char *script)
{
    start_with(script, false);
}

static bool has_ended(void *arg)
{
    return f.n_ended > 0;
}

static bool has_output(void *arg)
{
    return f.n_output > 0;
}

static void wait_for_end(void)
{
    assert_true(loop_until(&f.loop, has_ended, NULL));
    assert_int_equal(f.n_ended, 1);
}

static void what_it_writes_is_here_when_it_has_ended(void **state)
{
    start("echo one; echo two >&2; echo three; exit 0");
    wait_for_end();
    assert_int_equal(buf_len(child_output(f.child)), 10);
    assert_memory_equal(buf_head(child_output(f.child)), "one\nthree\n", 10);
    assert_string_equal(child_errors(f.child), "two\n");
    assert_true(child_succeeded(f.child));
    assert_false(child_wrote_too_much(f.child));
}

static void it_is_asked_and_answers(void **state)
{
    start("read a; echo $a; read b; echo $b; exit 3");
    assert_int_equal(child_write(f.child, "question\n", 9), 0);
    assert_true(loop_until(&f.loop, has_output, NULL));
    assert_memory_equal(buf_head(child_output(f.child)), "question\n", 9);
    assert_int_equal(child_write(f.child, "more\n", 5), 0);
    wait_for_end();
    assert_false(child_succeeded(f.child)); /* it ended with 3 */
}

static void one_that_cannot_be_started(void **state)
{
    const char *argv[] = { "/nonexistent/program", NULL };
    char *env[] = { NULL };
    struct child_config config = { .argv = argv, .env = env, .output_max = 1 };
    assert_int_equal(child_new(&f.loop, &config, &ops, &f, &f.child), -ENOENT);
}

static void one_that_writes_too_much(void **state)
{
    start("while :; do echo 0123456789; done");
    wait_for_end();
    assert_true(child_wrote_too_much(f.child));
    assert_false(child_succeeded(f.child));
}

static void one_that_complains_too_much(void **state)
{
    start("while :; do echo 0123456789 >&2; done");
    wait_for_end();
    assert_true(child_wrote_too_much(f.child));
    assert_in_range(strlen(child_errors(f.child)), 1000, 8192); /* the end of it is kept */
}

/* It neither hears that it is to end, nor does what it has started. */
static void one_that_does_not_want_to_end(void **state)
{
    start("trap '' TERM; (trap '' TERM; while :; do /bin/sleep 1; done) & echo ready; wait; wait");
    assert_true(loop_until(&f.loop, has_output, NULL));
    pid_t group = child_pid(f.child);
    child_end(f.child);
    wait_for_end();
    assert_false(child_succeeded(f.child));
    child_free(f.child);
    f.child = NULL;
    loop_run_out(&f.loop);
    assert_int_equal(kill(-group, 0), -1);
    assert_int_equal(errno, ESRCH);
}

/* What it leaves behind holds its pipes, and is ended as well. */
static void what_it_leaves_behind(void **state)
{
    start("/bin/sleep 600 & exit 0");
    pid_t group = child_pid(f.child);
    wait_for_end();
    child_free(f.child);
    f.child = NULL;
    loop_run_out(&f.loop);
    assert_int_equal(kill(-group, 0), -1);
}

static void freed_while_it_runs(void **state)
{
    start("/bin/sleep 600");
    pid_t group = child_pid(f.child);
    child_free(f.child);
    f.child = NULL;
    loop_run_out(&f.loop);
    assert_int_equal(f.n_ended, 0);
    assert_int_equal(kill(-group, 0), -1);
}

static void limits_and_precedence(void **state)
{
    struct rlimit memory, core;
    start_with("read a", true);
    pid_t pid = child_pid(f.child);
    assert_int_equal(prlimit(pid, RLIMIT_DATA, NULL, &memory), 0);
    assert_int_equal(prlimit(pid, RLIMIT_CORE, NULL, &core), 0);
    assert_true(memory.rlim_max <= CHILD_MEMORY_MAX && core.rlim_max == 0);
    assert_int_equal(getpriority(PRIO_PROCESS, (id_t)pid), getpriority(PRIO_PROCESS, 0) + 10);
    assert_int_equal(getpgid(pid), pid);
    assert_int_equal(child_write(f.child, "\n", 1), 0);
    wait_for_end();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_it_writes_is_here_when_it_has_ended),
        TEST(it_is_asked_and_answers),
        TEST(one_that_cannot_be_started),
        TEST(one_that_writes_too_much),
        TEST(one_that_complains_too_much),
        TEST(one_that_does_not_want_to_end),
        TEST(what_it_leaves_behind),
        TEST(freed_while_it_runs),
        TEST(limits_and_precedence),
    };
    const struct sigaction ignore = { .sa_handler = SIG_IGN };
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1); /* as the daemon is */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
