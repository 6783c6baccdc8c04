/* The zygote's keeper, with stand-ins for the program: one that dies, one that talks nonsense, one
 * that answers, one that is not there. */
#include "loop.h"
#include "pool/zygote.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct {
    uv_loop_t loop;
    char dir[TEST_DIR_BYTES];
    char program[TEST_DIR_BYTES + 16];
    struct zygote *zygote;
    unsigned n_died, n_up, n_spawned, want_deaths;
    pid_t last_group;
    uint32_t id;
    int32_t result;
    bool was_up_when_told;
} f;

static const struct ring_shape shape = { .n_slots = 16, .lane_bytes = 4096 };

static int set_up(void **state)
{
    memset(&f, 0, sizeof f);
    assert_int_equal(uv_loop_init(&f.loop), 0);
    test_dir_make(f.dir);
    (void)snprintf(f.program, sizeof f.program, "%s/program", f.dir);
    return 0;
}

static int tear_down(void **state)
{
    zygote_free(f.zygote);
    loop_end(&f.loop);
    (void)unlink(f.program);
    return rmdir(f.dir);
}

static void on_spawned(uint32_t id, int32_t result, void *arg)
{
    f.n_spawned++;
    f.id = id;
    f.result = result;
}

static void on_died(pid_t pgid, void *arg)
{
    f.n_died++;
    f.last_group = pgid;
    assert_false(zygote_is_up(f.zygote));
    assert_int_equal(zygote_spawn(f.zygote, 1, &shape, STDIN_FILENO, STDIN_FILENO), -ENOTCONN);
}

static void on_up(void *arg)
{
    f.n_up++;
    f.was_up_when_told = zygote_is_up(f.zygote);
}

static bool has_died_enough(void *arg)
{
    return f.n_died >= f.want_deaths;
}

static bool has_spawned(void *arg)
{
    return f.n_spawned > 0;
}

static bool is_up_again(void *arg)
{
    return f.n_up > 0;
}

static int start(const char *path)
{
    static const struct zygote_ops ops = { .spawned = on_spawned, .died = on_died, .up = on_up };
    return zygote_new(&f.loop, path, "error", STDERR_FILENO, &ops, &f.zygote);
}

/* A shell script as the program; its control socket is on descriptor 3. */
static void start_script(const char *commands)
{
    FILE *file = fopen(f.program, "we");
    assert_non_null(file);
    assert_true(fprintf(file, "#!/bin/sh\n%s\n", commands) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(f.program, 0755), 0);
    assert_int_equal(start(f.program), 0);
}

static int request(void)
{
    return zygote_spawn(f.zygote, 5, &shape, STDIN_FILENO, STDIN_FILENO);
}

static void a_program_that_is_not_there(void **state)
{
    assert_int_equal(start(f.program), -ENOENT);
    assert_int_equal(start(f.dir), -EACCES);
    assert_null(f.zygote);
    zygote_free(NULL);
}

static void one_that_lives(void **state)
{
    start_script("exec sleep 100");
    pid_t pid = zygote_pid(f.zygote);
    assert_true(pid > 0 && zygote_is_up(f.zygote));
    assert_false(zygote_is_hopeless(f.zygote));
    assert_int_equal(request(), 0);
    zygote_free(f.zygote);
    f.zygote = NULL;
    while (uv_run(&f.loop, UV_RUN_ONCE) != 0)
        ;
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
    assert_int_equal(f.n_died, 0); /* that was no death, but our wish */
}

static void one_that_is_stopped(void **state)
{
    start_script("exec sleep 100");
    pid_t pid = zygote_pid(f.zygote);
    zygote_stop(f.zygote);
    f.want_deaths = 1;
    assert_true(loop_until(&f.loop, has_died_enough, NULL));
    assert_int_equal(f.last_group, pid);
    while (uv_run(&f.loop, UV_RUN_ONCE) != 0) /* nothing is left to wait for, no restart either */
        ;
    assert_int_equal(f.n_up, 0);
}

static void one_that_is_killed(void **state)
{
    start_script("exec sleep 100");
    pid_t pid = zygote_pid(f.zygote);
    siginfo_t info;
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(request(), -ENOTCONN); /* although the loop has not heard of it yet */
    f.want_deaths = 1;
    assert_true(loop_until(&f.loop, has_died_enough, NULL));
    assert_int_equal(f.last_group, pid);
    assert_true(loop_until(&f.loop, is_up_again, NULL));
    assert_true(f.was_up_when_told);
    assert_true(zygote_pid(f.zygote) > 0 && zygote_pid(f.zygote) != pid);
    assert_false(zygote_is_hopeless(f.zygote));
}

static void one_that_always_dies(void **state)
{
    assert_int_equal(start("/bin/false"), 0);
    f.want_deaths = 1;
    assert_true(loop_until(&f.loop, has_died_enough, NULL));
    assert_false(zygote_is_hopeless(f.zygote));
    for (f.want_deaths = 2; !zygote_is_hopeless(f.zygote); f.want_deaths++) {
        assert_true(f.want_deaths < 10);
        assert_true(loop_until(&f.loop, has_died_enough, NULL));
    }
    /* It is tried again all the same: somebody may put the program right. */
    unsigned up = f.n_up;
    f.want_deaths++;
    assert_true(loop_until(&f.loop, has_died_enough, NULL));
    assert_true(f.n_up > up);
}

static void one_that_vanishes(void **state)
{
    start_script("exit 1");
    assert_int_equal(unlink(f.program), 0);
    f.want_deaths = 3;
    assert_true(loop_until(&f.loop, has_died_enough, NULL));
    assert_int_equal(f.last_group, 0); /* it could not be started in the first place */
}

static void one_that_talks_nonsense(void **state)
{
    start_script("printf nonsense >&3; exec sleep 100");
    pid_t pid = zygote_pid(f.zygote);
    f.want_deaths = 1;
    assert_true(loop_until(&f.loop, has_died_enough, NULL));
    assert_int_equal(f.last_group, pid);
    assert_int_equal(f.n_spawned, 0);
}

/* BELL is a good message, but not one that a zygote may send. */
static void one_that_says_what_it_may_not(void **state)
{
    start_script("printf '\\006\\000\\000\\000\\000\\000\\000\\000' >&3; exec sleep 100");
    f.want_deaths = 1;
    assert_true(loop_until(&f.loop, has_died_enough, NULL));
}

static void one_that_closes_its_socket(void **state)
{
    start_script("exec 3>&-; exec sleep 100");
    f.want_deaths = 1;
    assert_true(loop_until(&f.loop, has_died_enough, NULL));
}

static void one_that_answers(void **state)
{
    start_script("printf '\\002\\000\\000\\000\\000\\000\\000\\000"
                 "\\005\\000\\000\\000\\365\\377\\377\\377' >&3; exec sleep 100");
    assert_true(loop_until(&f.loop, has_spawned, NULL));
    assert_int_equal(f.id, 5);
    assert_int_equal(f.result, -11);
    assert_true(zygote_is_up(f.zygote));
}

static void freed_while_it_is_down(void **state)
{
    assert_int_equal(start("/bin/false"), 0);
    f.want_deaths = 2;
    assert_true(loop_until(&f.loop, has_died_enough, NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_program_that_is_not_there), TEST(one_that_lives),
        TEST(one_that_is_stopped),         TEST(one_that_is_killed),
        TEST(one_that_always_dies),        TEST(one_that_vanishes),
        TEST(one_that_talks_nonsense),     TEST(one_that_says_what_it_may_not),
        TEST(one_that_closes_its_socket),  TEST(one_that_answers),
        TEST(freed_while_it_is_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
