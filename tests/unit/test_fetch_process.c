/* How tutti-fetch is started, with a program in its place that writes down what it was given. */
#include "link/fetch_process.h"
#include "loop.h"

#include <errno.h>
#include <sys/stat.h>

static struct {
    uv_loop_t loop;
    char dir[TEST_DIR_BYTES], program[TEST_DIR_BYTES + 16], given[TEST_DIR_BYTES + 16];
    struct fetch_process *process;
    unsigned n_messages, n_replaced, n_hopeless;
    char why[64];
} f;

static void on_message(const struct fmsg *m, void *arg)
{
    f.n_messages++;
}

static void on_writable(void *arg)
{
}

static void on_replaced(void *arg)
{
    assert_ptr_equal(arg, &f);
    f.n_replaced++;
}

static void on_hopeless(const char *why, void *arg)
{
    (void)snprintf(f.why, sizeof f.why, "%s", why);
    f.n_hopeless++;
}

static int set_up(void **state)
{
    memset(&f, 0, sizeof f);
    assert_int_equal(uv_loop_init(&f.loop), 0);
    test_dir_make(f.dir);
    (void)snprintf(f.program, sizeof f.program, "%s/program", f.dir);
    (void)snprintf(f.given, sizeof f.given, "%s/given", f.dir);
    return 0;
}

static int tear_down(void **state)
{
    fetch_process_free(f.process);
    loop_end(&f.loop);
    (void)unlink(f.program);
    (void)unlink(f.given);
    return rmdir(f.dir);
}

static void make(const char *script, const struct fetcher_config *config)
{
    struct fetch_process_ops ops = { on_message, on_writable, on_replaced, on_hopeless, &f };
    struct fetcher_config c = *config;
    FILE *file = fopen(f.program, "w");
    assert_non_null(file);
    assert_true(fprintf(file, "#!/bin/sh\n%s\n", script) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(f.program, 0755), 0);
    c.path = f.program;
    c.log_level = "info";
    c.log_format = "json";
    assert_int_equal(fetch_process_new(&f.loop, &c, &ops, &f.process), 0);
    assert_int_equal(fetch_process_pid(f.process), -1); /* not before it is wanted */
}

static bool was_given(void *arg)
{
    return access(f.given, F_OK) == 0;
}

/* The command says all that is configured, and no more of the environment than a client needs. */
static void command_and_environment(void **state)
{
    static const char *const hosts[] = { "a.lan", "b.lan" };
    const struct fetcher_config config = {
        .connect_timeout_s = 5,
        .stall_timeout_s = 1.5,
        .give_up_s = 60,
        .http_proxy = "http://proxy",
        .allow_private_hosts = true,
        .allow_hosts = hosts,
        .n_allow_hosts = 2,
    };
    char script[512], text[2048] = "";
    assert_int_equal(setenv("https_proxy", "http://p", 1), 0);
    assert_int_equal(setenv("TUTTI_TEST_SECRET", "s", 1), 0);
    (void)snprintf(script, sizeof script,
                   "{ echo \"$@\"; echo \"[$https_proxy][$TUTTI_TEST_SECRET]\"; } >%s.new\n"
                   "/bin/mv %s.new %s\nexec /bin/sleep 600",
                   f.given, f.given, f.given);
    make(script, &config);
    assert_int_equal(fetch_process_start(f.process), 0);
    assert_true(fetch_process_pid(f.process) > 0);
    for (int i = 0; i < 2000 && !was_given(NULL); i++)
        (void)usleep(10000);
    FILE *file = fopen(f.given, "r");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    (void)fclose(file);
    assert_string_equal(text, "--log-level info --log-format json --connect-timeout 5.000 "
                              "--stall-timeout 1.500 --give-up 60.000 --http-proxy http://proxy "
                              "--allow-private-hosts --allow-host a.lan --allow-host b.lan\n"
                              "[http://p][]\n");
}

static bool is_hopeless(void *arg)
{
    return f.n_hopeless > 0;
}

static void one_that_dies_again_and_again(void **state)
{
    make("exit 1", &(struct fetcher_config){ .give_up_s = 1 });
    assert_int_equal(fetch_process_start(f.process), 0);
    assert_true(loop_until(&f.loop, is_hopeless, NULL));
    assert_string_equal(f.why, "tutti-fetch dies again and again");
    assert_true(f.n_replaced >= 3); /* it is tried all the same */
}

static void one_that_is_not_there(void **state)
{
    struct fmsg m = { .type = FMSG_DROP, .id = 1 };
    make("exit 1", &(struct fetcher_config){ .give_up_s = 1 });
    assert_int_equal(fetch_process_send(f.process, &m, -1), -ENOTCONN);
    (void)unlink(f.program);
    assert_int_equal(fetch_process_start(f.process), -ENOENT);
    loop_run_out(&f.loop);
    assert_int_equal(f.n_replaced + f.n_hopeless, 0); /* the caller was told */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(command_and_environment),
        TEST(one_that_dies_again_and_again),
        TEST(one_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
