/* The pool with real workers (the program is the first argument), and without hope. */
#include "loop.h"
#include "pool/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static const char *worker_program;

static struct {
    uv_loop_t loop;
    struct pool *pool;
    bool down;
    unsigned n_got, want_got;
    struct worker *got[8];
    unsigned n_died, n_failed;
    uint32_t play;
    unsigned want_idle;
} f;

static void set_up_with(const char *program, unsigned warm, uint64_t idle_ms)
{
    memset(&f, 0, sizeof f);
    struct pool_config config = { .worker_path = program,
                                  .log_level = "error",
                                  .log_format = "text",
                                  .max_seats = 3,
                                  .warm = warm,
                                  .idle_ms = idle_ms,
                                  .ring = { .n_slots = 16, .lane_bytes = 20480 } };
    assert_int_equal(uv_loop_init(&f.loop), 0);
    assert_int_equal(pool_new(&f.loop, &config, &f.pool), 0);
}

static int set_up(void **state)
{
    set_up_with(worker_program, 2, 300000);
    return 0;
}

static void on_down(void *arg)
{
    f.down = true;
}

/* However a test ends, no process is left. */
static int tear_down(void **state)
{
    pool_shutdown(f.pool, on_down, NULL);
    assert_true(loop_until(&f.loop, loop_is_true, &f.down));
    loop_end(&f.loop);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    return 0;
}

static void on_message(const struct wmsg *m, void *arg)
{
    f.n_failed += m->type == WMSG_FAILED;
}

static void on_died(const char *why, void *arg)
{
    f.n_died++;
}

/* Opens what it got with a source that is no audio, so that the worker has something to do. */
static void on_got(struct worker *w, void *arg)
{
    static const struct worker_user_ops ops = { .message = on_message, .died = on_died };
    assert_true(f.n_got < LENGTH_OF(f.got));
    f.got[f.n_got++] = w;
    if (!w)
        return;
    assert_int_equal(worker_state(w), WORKER_IDLE);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct wmsg m = { .play = ++f.play,
                      .open = { .render = { .gain = 1, .gain_from = 1 },
                                .hint = RING_NO_HINT,
                                .depth_frames = 10,
                                .bitrate = 128000 } };
    assert_int_equal(worker_open(w, &ops, NULL, &m, fd), 0);
    (void)close(fd);
}

static bool has_got(void *arg)
{
    return f.n_got >= f.want_got;
}

static bool has_idle(void *arg)
{
    return pool_counts(f.pool).idle == f.want_idle;
}

static bool has_died(void *arg)
{
    return f.n_died > 0;
}

static struct worker *get_one(void)
{
    f.want_got = f.n_got + 1;
    assert_non_null(pool_get_worker(f.pool, 0, on_got, NULL));
    assert_true(f.n_got < f.want_got); /* never from inside the call */
    assert_true(loop_until(&f.loop, has_got, NULL));
    return f.got[f.n_got - 1];
}

static void await_idle(unsigned n)
{
    f.want_idle = n;
    assert_true(loop_until(&f.loop, has_idle, NULL));
}

/* The end may come before the loop has run at all, with the pool's first work still to do. */
static void shut_down_at_once(void **state)
{
}

static void seats(void **state)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(pool_take_seat(f.pool), 0);
    assert_int_equal(pool_take_seat(f.pool), -EBUSY);
    assert_int_equal(pool_active_count(f.pool), 3);
    pool_give_seat(f.pool);
    assert_int_equal(pool_take_seat(f.pool), 0);
    for (int i = 0; i < 3; i++)
        pool_give_seat(f.pool);
    assert_int_equal(pool_active_count(f.pool), 0);
    assert_int_equal(pool_counts(f.pool).max, 3);
}

static void warm_workers_are_there_and_used_again(void **state)
{
    await_idle(2);
    struct worker *w = get_one();
    assert_non_null(w);
    pid_t pid = worker_pid(w);
    assert_int_equal(pool_counts(f.pool).busy, 1);
    await_idle(2); /* another was made in its place */
    pool_release_worker(f.pool, w);
    assert_int_equal(worker_state(w), WORKER_CLOSING);
    await_idle(3);
    assert_int_equal(pool_counts(f.pool).busy, 0);
    w = get_one(); /* the one that was idle last comes first */
    assert_int_equal(worker_pid(w), pid);
    pool_release_worker(f.pool, w);
    await_idle(3);
    assert_int_equal(pool_counts(f.pool).restarts, 0);
}

static void jobs_are_served_in_order(void **state)
{
    struct pool_job *jobs[4];
    for (size_t i = 0; i < 4; i++) {
        jobs[i] = pool_get_worker(f.pool, 0, on_got, NULL);
        assert_non_null(jobs[i]);
    }
    pool_cancel(f.pool, jobs[1]);
    f.want_got = 3;
    assert_true(loop_until(&f.loop, has_got, NULL));
    for (unsigned i = 0; i < 3; i++) {
        assert_non_null(f.got[i]);
        for (unsigned k = 0; k < i; k++)
            assert_ptr_not_equal(f.got[i], f.got[k]);
    }
    for (unsigned i = 0; i < 3; i++)
        pool_release_worker(f.pool, f.got[i]);
    await_idle(5);
    assert_int_equal(f.n_got, 3); /* nobody came for the cancelled one */
}

static void a_busy_worker_is_killed(void **state)
{
    struct worker *w = get_one();
    assert_non_null(w);
    assert_int_equal(kill(worker_pid(w), SIGKILL), 0);
    assert_true(loop_until(&f.loop, has_died, NULL));
    assert_int_equal(pool_counts(f.pool).busy, 0);
    assert_int_equal(pool_counts(f.pool).restarts, 1);
    await_idle(2);
    w = get_one();
    pool_release_worker(f.pool, w);
    await_idle(3);
}

static void an_idle_worker_is_killed(void **state)
{
    await_idle(2);
    struct worker *w = get_one();
    assert_non_null(w);
    pid_t pid = worker_pid(w);
    pool_release_worker(f.pool, w);
    await_idle(3);
    assert_int_equal(kill(pid, SIGKILL), 0);
    await_idle(2);
    assert_int_equal(f.n_died, 0);
    assert_int_equal(pool_counts(f.pool).restarts, 1);
}

/* The zygote is the one child that leads a process group. */
static pid_t find_zygote(pid_t worker)
{
    pid_t group = getpgid(worker);
    assert_true(group > 0 && group != worker && group != getpgrp());
    return group;
}

static void the_zygote_is_killed(void **state)
{
    struct worker *w = get_one();
    await_idle(2);
    pid_t pid = worker_pid(w), zygote = find_zygote(pid);
    assert_int_equal(kill(zygote, SIGKILL), 0);
    for (int i = 0; i < 3; i++)
        (void)get_one(); /* two warm ones, and one that only a new zygote can make */
    assert_int_equal(worker_pid(w), pid); /* who plays plays on */
    assert_int_equal(worker_state(w), WORKER_BUSY);
    assert_int_equal(f.n_died, 0);
    assert_non_null(f.got[3]);
    assert_int_not_equal(find_zygote(worker_pid(f.got[3])), zygote);
    for (unsigned i = 0; i < 4; i++) {
        assert_non_null(f.got[i]);
        pool_release_worker(f.pool, f.got[i]);
    }
}

static void idle_workers_leave(void **state)
{
    assert_int_equal(tear_down(NULL), 0);
    set_up_with(worker_program, 0, 0);
    struct worker *w = get_one();
    pool_release_worker(f.pool, w);
    await_idle(1);
    await_idle(0);
    assert_int_equal(pool_counts(f.pool).restarts, 0);
}

static void without_hope(void **state)
{
    set_up_with("/bin/false", 1, 1000);
    assert_null(get_one()); /* told at last, not left waiting for ever */
    assert_int_equal(pool_counts(f.pool).idle, 0);
}

static void without_a_program(void **state)
{
    struct pool_config config = { .worker_path = "/nowhere/tutti-worker",
                                  .log_level = "error",
                                  .log_format = "text",
                                  .max_seats = 1,
                                  .ring = { .n_slots = 16, .lane_bytes = 20480 } };
    struct pool *pool = NULL;
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(pool_new(&loop, &config, &pool), -ENOENT);
    assert_null(pool);
    loop_end(&loop);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shut_down_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(seats, set_up, tear_down),
        cmocka_unit_test_setup_teardown(warm_workers_are_there_and_used_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(jobs_are_served_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_busy_worker_is_killed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_idle_worker_is_killed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_zygote_is_killed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(idle_workers_leave, set_up, tear_down),
        cmocka_unit_test_teardown(without_hope, tear_down),
        cmocka_unit_test(without_a_program),
    };
    if (argc != 2) {
        fprintf(stderr, "usage: test_pool PATH-OF-TUTTI-WORKER\n");
        return 1;
    }
    worker_program = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
