/* The pool with real workers (the program is the first argument), and without hope. */
#include "loop.h"
#include "pool/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { PATIENCE_MS = 1500 };

static const char *worker_program;

static struct {
    uv_loop_t loop;
    struct pool *pool;
    bool down;
    unsigned n_got, want_got;
    struct worker *got[8]; /* NULL: there was none, or it is dead or given back */
    unsigned n_died, n_failed;
    uint32_t play;
    unsigned want_idle;
} f;

static void set_up_with(const char *program, unsigned warm, uint64_t idle_ms)
{
    memset(&f, 0, sizeof f);
    struct pool_config config = { .worker_path = program,
                                  .log_level = "error",
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

/* From here on the worker is the pool's alone. */
static void on_died(const char *why, void *arg)
{
    struct worker **got = arg;
    *got = NULL;
    f.n_died++;
}

/* Opens what it got with a source that is no audio, so that the worker has something to do. */
static void on_got(struct worker *w, void *arg)
{
    static const struct worker_user_ops ops = { .message = on_message, .died = on_died };
    assert_true(f.n_got < LENGTH_OF(f.got));
    struct worker **got = &f.got[f.n_got++];
    if (!w)
        return;
    assert_int_equal(worker_state(w), WORKER_IDLE);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct wmsg m = { .play = ++f.play,
                      .open = { .render = { .sound = { 1 }, .from = { 1 } },
                                .hint = RING_NO_HINT,
                                .depth_frames = 10,
                                .bitrate = 128000 } };
    int r = worker_open(w, &ops, got, &m, fd);
    (void)close(fd);
    assert_int_equal(r, 0);
    *got = w;
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

/* Returns which of `got` it is: it may die at any turn of the loop. */
static unsigned get_one(void)
{
    f.want_got = f.n_got + 1;
    assert_non_null(pool_get_worker(f.pool, 0, on_got, NULL));
    assert_true(f.n_got < f.want_got); /* never from inside the call */
    assert_true(loop_until(&f.loop, has_got, NULL));
    return f.n_got - 1;
}

static struct worker *living(unsigned which)
{
    assert_non_null(f.got[which]);
    return f.got[which];
}

static void give_back(unsigned which)
{
    pool_release_worker(f.pool, living(which));
    f.got[which] = NULL;
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
    unsigned one = get_one();
    struct worker *w = living(one);
    pid_t pid = worker_pid(w);
    assert_int_equal(pool_counts(f.pool).busy, 1);
    await_idle(2); /* another was made in its place */
    give_back(one);
    assert_int_equal(worker_state(w), WORKER_CLOSING);
    await_idle(3);
    assert_int_equal(pool_counts(f.pool).busy, 0);
    one = get_one(); /* the one that was idle last comes first */
    assert_int_equal(worker_pid(living(one)), pid);
    give_back(one);
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
        for (unsigned k = 0; k < i; k++)
            assert_ptr_not_equal(living(i), f.got[k]);
    }
    for (unsigned i = 0; i < 3; i++)
        give_back(i);
    await_idle(5);
    assert_int_equal(f.n_got, 3); /* nobody came for the cancelled one */
}

static void a_busy_worker_is_killed(void **state)
{
    unsigned one = get_one();
    assert_int_equal(kill(worker_pid(living(one)), SIGKILL), 0);
    assert_true(loop_until(&f.loop, has_died, NULL));
    assert_int_equal(pool_counts(f.pool).busy, 0);
    assert_int_equal(pool_counts(f.pool).restarts, 1);
    await_idle(2);
    give_back(get_one());
    await_idle(3);
}

static void an_idle_worker_is_killed(void **state)
{
    await_idle(2);
    unsigned one = get_one();
    pid_t pid = worker_pid(living(one));
    give_back(one);
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
    assert_int_equal(getsid(worker), getsid(0)); /* by which the kernel weighs us */
    return group;
}

static void the_zygote_is_killed(void **state)
{
    unsigned one = get_one();
    await_idle(2);
    pid_t pid = worker_pid(living(one)), zygote = find_zygote(pid);
    assert_int_equal(kill(zygote, SIGKILL), 0);
    for (int i = 0; i < 3; i++)
        (void)get_one(); /* two warm ones, and one that only a new zygote can make */
    assert_int_equal(worker_pid(living(one)), pid); /* who plays plays on */
    assert_int_equal(worker_state(living(one)), WORKER_BUSY);
    assert_int_equal(f.n_died, 0);
    assert_int_not_equal(find_zygote(worker_pid(living(3))), zygote);
    for (unsigned i = 0; i < 4; i++)
        give_back(i);
}

/* No more descriptors for that process (0: this one), or as many as it may have. */
static void make_scarce(pid_t pid, bool scarce)
{
    struct rlimit limit;
    assert_int_equal(prlimit(pid, RLIMIT_NOFILE, NULL, &limit), 0);
    limit.rlim_cur = scarce ? 0 : limit.rlim_max;
    assert_int_equal(prlimit(pid, RLIMIT_NOFILE, &limit, NULL), 0);
}

/* Each job that cannot wait is told, however many there are at once; one that can gets a worker as
 * soon as there is one; nothing that plays is touched, and nobody counts as dead. */
static void no_worker_can_be_made(bool in_zygote)
{
    assert_int_equal(tear_down(NULL), 0);
    set_up_with(worker_program, 0, 300000);
    unsigned one = get_one();
    pid_t zygote = find_zygote(worker_pid(living(one)));
    pid_t poor = in_zygote ? zygote : 0;
    make_scarce(poor, true);
    assert_non_null(pool_get_worker(f.pool, LOOP_DEADLINE_MS, on_got, NULL));
    for (int i = 0; i < 3; i++)
        assert_non_null(pool_get_worker(f.pool, 0, on_got, NULL));
    f.want_got = 4;
    bool told = loop_until(&f.loop, has_got, NULL);
    make_scarce(poor, false);
    assert_true(told);
    for (unsigned i = 1; i < 4; i++)
        assert_null(f.got[i]);
    f.want_got = 5;
    assert_true(loop_until(&f.loop, has_got, NULL));
    assert_int_equal(find_zygote(worker_pid(living(4))), zygote);
    assert_int_equal(worker_state(living(one)), WORKER_BUSY);
    assert_int_equal(pool_counts(f.pool).restarts, 0);
    give_back(one);
    give_back(4);
    await_idle(2);
}

static void no_descriptor_for_a_worker(void **state)
{
    no_worker_can_be_made(false);
}

static void no_descriptor_in_the_zygote(void **state)
{
    no_worker_can_be_made(true);
}

/* They are made, and end before they are ready, as nothing can be mapped. */
static void workers_are_born_dead(void **state)
{
    assert_int_equal(tear_down(NULL), 0);
    set_up_with(worker_program, 0, 300000);
    unsigned one = get_one();
    pid_t zygote = find_zygote(worker_pid(living(one)));
    struct rlimit nothing = { 0, 0 };
    assert_int_equal(prlimit(zygote, RLIMIT_AS, &nothing, NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_non_null(pool_get_worker(f.pool, 0, on_got, NULL));
    f.want_got = 4;
    assert_true(loop_until(&f.loop, has_got, NULL));
    for (unsigned i = 1; i < 4; i++)
        assert_null(f.got[i]);
    assert_int_equal(kill(zygote, SIGKILL), 0);
    unsigned another = get_one();
    give_back(another);
    give_back(one);
}

/* The warm ones come without anybody asking again. */
static void warm_workers_come_late(void **state)
{
    make_scarce(0, true);
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    make_scarce(0, false);
    assert_int_equal(pool_counts(f.pool).idle, 0);
    await_idle(2);
}

/* Whoever was told that there is none asks again. */
static void on_ask_again(uv_timer_t *timer)
{
    if (!has_got(NULL) || f.got[f.n_got - 1])
        return;
    f.n_got--;
    assert_non_null(pool_get_worker(f.pool, 0, on_got, NULL));
}

static bool has_got_at_last(void *arg)
{
    return has_got(NULL) && f.got[f.n_got - 1];
}

/* It dies, and no other can be started for so long that there is no hope; then there is. */
static void no_zygote_can_be_started(void **state)
{
    assert_int_equal(tear_down(NULL), 0);
    set_up_with(worker_program, 0, 300000);
    unsigned one = get_one();
    assert_int_equal(kill(find_zygote(worker_pid(living(one))), SIGKILL), 0);
    make_scarce(0, true);
    uint64_t begin_ms = uv_now(&f.loop);
    assert_non_null(pool_get_worker(f.pool, PATIENCE_MS, on_got, NULL));
    f.want_got = 2;
    bool told = loop_until(&f.loop, has_got, NULL);
    make_scarce(0, false);
    assert_true(told);
    assert_null(f.got[1]);
    assert_true(uv_now(&f.loop) - begin_ms >= PATIENCE_MS);
    uv_timer_t again;
    (void)uv_timer_init(&f.loop, &again);
    (void)uv_timer_start(&again, on_ask_again, 50, 50);
    assert_non_null(pool_get_worker(f.pool, 0, on_got, NULL));
    f.want_got = 3;
    bool served = loop_until(&f.loop, has_got_at_last, NULL);
    uv_close((uv_handle_t *)&again, NULL);
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_true(served);
    give_back(one);
    give_back(2);
}

static void idle_workers_leave(void **state)
{
    assert_int_equal(tear_down(NULL), 0);
    set_up_with(worker_program, 0, 0);
    give_back(get_one());
    await_idle(1);
    await_idle(0);
    assert_int_equal(pool_counts(f.pool).restarts, 0);
}

static void without_hope(void **state)
{
    set_up_with("/bin/false", 1, 1000);
    assert_null(f.got[get_one()]); /* told at last, not left waiting for ever */
    assert_int_equal(pool_counts(f.pool).idle, 0);
}

static void without_a_program(void **state)
{
    struct pool_config config = { .worker_path = "/nowhere/tutti-worker",
                                  .log_level = "error",
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
        cmocka_unit_test_setup_teardown(no_descriptor_for_a_worker, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_descriptor_in_the_zygote, set_up, tear_down),
        cmocka_unit_test_setup_teardown(workers_are_born_dead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(warm_workers_come_late, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_zygote_can_be_started, set_up, tear_down),
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
