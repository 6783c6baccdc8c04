/* One worker as the daemon sees it. The test is its process: it holds the other end of the socket
 * and of the ring, and says what a worker may say, and what it may not. */
#include "base/cleanup.h"
#include "base/fd.h"
#include "loop.h"
#include "pool/worker.h"
#include "ring/producer.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

enum { PLAY = 7, PID = 4711 /* nobody sends signals to it here */ };

static struct {
    uv_loop_t loop;
    struct worker *worker; /* NULL once the pool was told that it is gone */
    int sock, ring_fd;
    unsigned n_idle, n_gone, n_messages, n_died;
    char why[128];
} f;

static const struct ring_shape shape = { .n_slots = 16, .lane_bytes = 20480 };

static void on_idle(struct worker *w, void *arg)
{
    assert_ptr_equal(w, f.worker);
    assert_int_equal(worker_state(w), WORKER_IDLE);
    f.n_idle++;
}

static void on_gone(struct worker *w, void *arg)
{
    assert_ptr_equal(w, f.worker);
    assert_int_equal(worker_state(w), WORKER_DEAD);
    f.n_gone++;
    f.worker = NULL;
    worker_free(w); /* as the pool does */
}

static void on_message(const struct wmsg *m, void *arg)
{
    assert_ptr_equal(arg, &f);
    f.n_messages++;
}

static void on_died(const char *why, void *arg)
{
    assert_int_equal(f.n_gone, 0); /* the borrower hears of it first */
    f.n_died++;
    (void)snprintf(f.why, sizeof f.why, "%s", why);
}

static const struct worker_user_ops user_ops = { .message = on_message, .died = on_died };

static int set_up(void **state)
{
    struct worker_pool_ops ops = { .idle = on_idle, .gone = on_gone };
    memset(&f, 0, sizeof f);
    assert_int_equal(uv_loop_init(&f.loop), 0);
    assert_int_equal(worker_new(&f.loop, 3, &shape, &ops, &f.worker, &f.sock, &f.ring_fd), 0);
    assert_int_equal(worker_id(f.worker), 3);
    return 0;
}

static int tear_down(void **state)
{
    if (f.worker)
        worker_free(f.worker);
    loop_end(&f.loop);
    if (f.sock >= 0)
        (void)close(f.sock);
    return close(f.ring_fd);
}

/* Lets the daemon's side read what was sent. */
static void turn(void)
{
    for (int i = 0; i < 3; i++)
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
}

static struct wmsg example(enum wmsg_type type, uint32_t play)
{
    struct wmsg m = { .type = type, .play = play };
    if (type == WMSG_OPEN || type == WMSG_NEXT || type == WMSG_SPAWN)
        m.open.depth_frames = 1; /* also a sane SPAWN */
    if (type == WMSG_FAILED || type == WMSG_RENDER_FAILED || type == WMSG_WARNING)
        m.failed.code = 1;
    if (type == WMSG_OPENED || type == WMSG_LENGTH)
        m.length.duration = m.opened.length.duration = -1;
    return m;
}

static void say(enum wmsg_type type, uint32_t play)
{
    uint8_t bytes[WMSG_MAX];
    struct wmsg m = example(type, play);
    size_t len = wmsg_encode(&m, bytes, sizeof bytes);
    assert_int_equal(fd_send(f.sock, bytes, len, NULL, 0, 0), 0);
    turn();
}

/* What the daemon has said to the worker. */
static struct wmsg hear(int *ret_fd)
{
    uint8_t bytes[WMSG_MAX];
    struct wmsg m = { 0 };
    size_t n_fds;
    int fd = -1;
    ssize_t len = fd_recv(f.sock, bytes, sizeof bytes, &fd, 1, &n_fds, MSG_DONTWAIT);
    assert_true(len > 0);
    assert_int_equal(wmsg_decode(bytes, (size_t)len, &m), 0);
    if (ret_fd)
        *ret_fd = n_fds ? fd : -1;
    return m;
}

static void hear_nothing(void)
{
    char byte;
    assert_int_equal(recv(f.sock, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

static void end_process(void)
{
    assert_int_equal(close(TAKE_FD(f.sock)), 0);
}

/* Brings the worker into a state. */
static void bring_to(enum worker_state to)
{
    worker_spawned(f.worker, PID);
    if (to == WORKER_SPAWNING)
        return;
    assert_false(worker_was_ready(f.worker));
    say(WMSG_IDLE, 0);
    assert_true(worker_was_ready(f.worker));
    assert_int_equal(worker_state(f.worker), WORKER_IDLE);
    if (to == WORKER_IDLE)
        return;
    struct wmsg open = { .play = PLAY, .open = { .depth_frames = 10 } };
    assert_int_equal(worker_open(f.worker, &user_ops, &f, &open, -1), 0);
    (void)hear(NULL);
    if (to == WORKER_BUSY)
        return;
    worker_close(f.worker);
    (void)hear(NULL);
    assert_int_equal(worker_state(f.worker), WORKER_CLOSING);
}

static void a_whole_life(void **state)
{
    say(WMSG_IDLE, 0);
    assert_int_equal(f.n_idle, 0); /* not before its pid is known */
    worker_spawned(f.worker, PID);
    turn();
    assert_int_equal(f.n_idle, 1);
    int pipe_fds[2], fd;
    assert_int_equal(pipe(pipe_fds), 0);
    for (uint32_t play = 1; play <= 3; play++) {
        struct wmsg open = {
            .play = play, .open = { .depth_frames = 10, .render = { .sound = { 0.5F }, .lane = 1 } }
        };
        assert_int_equal(worker_open(f.worker, &user_ops, &f, &open, pipe_fds[0]), 0);
        assert_int_equal(worker_state(f.worker), WORKER_BUSY);
        struct wmsg m = hear(&fd);
        assert_int_equal(m.type, WMSG_OPEN);
        assert_int_equal(m.play, play);
        assert_true(m.open.render.gen == open.open.render.gen && m.open.render.gen > 0);
        assert_true(fd >= 0);
        (void)close(fd);
        struct wmsg_render render = { .pos = 960, .lane = 0 };
        assert_int_equal(worker_render(f.worker, &render), 0);
        assert_int_equal(render.gen, open.open.render.gen + 1); /* every render has its own */
        m = hear(NULL);
        assert_int_equal(m.type, WMSG_RENDER);
        assert_int_equal(m.play, play);
        assert_int_equal(m.render.gen, render.gen);
        worker_close(f.worker);
        assert_int_equal(hear(NULL).type, WMSG_CLOSE);
        say(WMSG_IDLE, 0);
        assert_int_equal(f.n_idle, 1 + play);
    }
    (void)close(pipe_fds[0]);
    (void)close(pipe_fds[1]);
}

static void the_zygote_may_answer_first(void **state)
{
    worker_spawned(f.worker, PID);
    worker_spawned(f.worker, PID + 1); /* twice: the first answer counts */
    assert_int_equal(worker_pid(f.worker), PID);
    assert_int_equal(f.n_idle, 0);
    say(WMSG_IDLE, 0);
    assert_int_equal(f.n_idle, 1);
}

/* What each message does in each state: k kills, i is ignored, m reaches the play, s changes the
 * state. Everything a worker may not say kills it. */
static void every_message_in_every_state(void **state)
{
    /* One letter for each of SPAWNING, IDLE, BUSY, CLOSING. */
    static const char *const answers[WMSG_TYPE_END] = {
        [WMSG_SPAWN] = "kkkk",  [WMSG_SPAWNED] = "kkkk",   [WMSG_OPEN] = "kkkk",
        [WMSG_RENDER] = "kkkk", [WMSG_CLOSE] = "kkkk",     [WMSG_IDLE] = "skks",
        [WMSG_BELL] = "iimi",   [WMSG_OPENED] = "iimi",    [WMSG_FAILED] = "iimi",
        [WMSG_TITLE] = "iimi",  [WMSG_WARNING] = "iimi",   [WMSG_RENDER_FAILED] = "iimi",
        [WMSG_NEXT] = "kkkk",   [WMSG_DROP_NEXT] = "kkkk", [WMSG_JOINED] = "kkkk",
        [WMSG_SOURCE] = "kkkk", [WMSG_DYING] = "kkkk",     [WMSG_LENGTH] = "iimi",
    };
    for (int type = WMSG_SPAWN; type < WMSG_TYPE_END; type++) {
        for (int s = WORKER_SPAWNING; s <= WORKER_CLOSING; s++) {
            char answer = answers[type][s];
            assert_int_equal(tear_down(NULL), 0);
            assert_int_equal(set_up(NULL), 0);
            bring_to((enum worker_state)s);
            unsigned idle_before = f.n_idle;
            say((enum wmsg_type)type, PLAY);
            char row[40];
            (void)snprintf(row, sizeof row, "message %d in state %d", type, s);
            ROW_TRUE(row, f.n_gone == (answer == 'k'));
            ROW_TRUE(row, f.n_died == (answer == 'k' && s == WORKER_BUSY));
            ROW_TRUE(row, f.n_messages == (answer == 'm'));
            ROW_TRUE(row, f.n_idle - idle_before == (answer == 's'));
            bool stays = answer == 'i' || answer == 'm';
            ROW_TRUE(row, !stays || (int)worker_state(f.worker) == s);
        }
    }
}

static void two_idles_while_spawning(void **state)
{
    say(WMSG_IDLE, 0);
    say(WMSG_IDLE, 0);
    worker_spawned(f.worker, PID);
    turn();
    assert_int_equal(f.n_gone, 1);
}

/* Its socket has no other end before there is a process that has it, or when there will be none. */
static void the_end_before_the_answer(void **state)
{
    end_process();
    turn();
    assert_int_equal(f.n_gone, 0);
    worker_spawned(f.worker, PID);
    turn();
    assert_int_equal(f.n_gone, 1);
}

/* What was said about the play before is stale; bells belong to nobody. */
static void stale_messages(void **state)
{
    bring_to(WORKER_BUSY);
    say(WMSG_TITLE, PLAY - 1);
    say(WMSG_OPENED, PLAY - 1);
    say(WMSG_FAILED, 0);
    assert_int_equal(f.n_messages, 0);
    say(WMSG_BELL, 0);
    assert_int_equal(f.n_messages, 1);
    say(WMSG_TITLE, PLAY);
    assert_int_equal(f.n_messages, 2);
}

static void expect_death(const char *why)
{
    turn();
    assert_int_equal(f.n_died, 1);
    assert_int_equal(f.n_gone, 1);
    ROW_TRUE(f.why, strstr(f.why, why) != NULL);
}

/* Neither nonsense, nor more than fits, nor a descriptor: the daemon must not run out of its own.
 */
static void what_is_no_message_kills(void **state)
{
    static const char big[WMSG_MAX + 1];
    static const uint32_t bell[2] = { WMSG_BELL, 0 };
    static const struct {
        const void *bytes;
        size_t len, n_fds;
        const char *why;
    } rows[] = { { "nonsense", 8, 0, "makes no sense" },
                 { big, sizeof big, 0, "makes no sense" },
                 { bell, sizeof bell, 1, "makes no sense" } };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        assert_int_equal(tear_down(NULL), 0);
        assert_int_equal(set_up(NULL), 0);
        bring_to(WORKER_BUSY);
        assert_int_equal(fd_send(f.sock, rows[i].bytes, rows[i].len, &f.ring_fd, rows[i].n_fds, 0),
                         0);
        expect_death(rows[i].why);
    }
}

static void the_end_of_its_process(void **state)
{
    bring_to(WORKER_BUSY);
    end_process();
    expect_death("its process ended");
}

static void render_meanwhile(uv_poll_t *poll, int status, int events)
{
    struct wmsg_render render = { .sound = { 1 } };
    (void)worker_render(f.worker, &render);
    uv_close((uv_handle_t *)poll, NULL);
}

/* It dies with a message unread, which makes its socket one with an error, and with more to say
 * than is heard in a turn; what is sent to it in that turn, before it is heard, takes the error
 * away. */
static void the_end_behind_many_messages(void **state)
{
    uint8_t bytes[WMSG_MAX];
    struct wmsg bell = example(WMSG_BELL, PLAY);
    uv_poll_t poll;
    bring_to(WORKER_BUSY);
    struct wmsg_render render = { .sound = { 1 } };
    assert_int_equal(worker_render(f.worker, &render), 0);
    int fd = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(uv_poll_init(&f.loop, &poll, fd), 0);
    assert_int_equal(uv_poll_start(&poll, UV_READABLE, render_meanwhile), 0);
    turn();
    assert_int_equal(eventfd_write(fd, 1), 0); /* so that it comes before the worker's */
    for (int i = 0; i < 40; i++)
        assert_int_equal(
            fd_send(f.sock, bytes, wmsg_encode(&bell, bytes, sizeof bytes), NULL, 0, 0), 0);
    end_process();
    turn();
    turn();
    assert_int_equal(f.n_messages, 40);
    assert_int_equal(f.n_gone, 1);
    (void)close(fd);
}

static void an_idle_one_that_ends(void **state)
{
    bring_to(WORKER_IDLE);
    end_process();
    turn();
    assert_int_equal(f.n_gone, 1);
    assert_int_equal(f.n_died, 0); /* nobody had borrowed it */
}

/* The process is gone, but the loop has not come round to it yet. */
static void opening_a_dead_one(void **state)
{
    bring_to(WORKER_IDLE);
    end_process();
    struct wmsg open = { .play = PLAY, .open = { .depth_frames = 10 } };
    assert_true(worker_open(f.worker, &user_ops, &f, &open, -1) < 0);
    assert_int_equal(f.n_died, 0); /* the caller knows from the answer */
    assert_int_equal(f.n_gone, 1);
}

/* The news comes from the loop, and nothing that it had said before reaches the play any more. */
static void killing(void **state)
{
    bring_to(WORKER_BUSY);
    uint32_t bell[2] = { WMSG_BELL, 0 };
    for (int i = 0; i < 3; i++)
        assert_int_equal(fd_send(f.sock, bell, sizeof bell, NULL, 0, 0), 0);
    worker_kill(f.worker, "first");
    worker_kill(f.worker, "second");
    assert_int_equal(f.n_died, 0);
    expect_death("first");
    assert_int_equal(f.n_messages, 0);
}

static void one_that_does_not_read(void **state)
{
    bring_to(WORKER_BUSY);
    struct wmsg_render render = { .lane = 0 };
    while (worker_render(f.worker, &render) == 0)
        ;
    assert_int_equal(worker_render(f.worker, &render), -EAGAIN);
    assert_int_equal(worker_state(f.worker), WORKER_BUSY); /* it may be slow */
    worker_close(f.worker); /* but one that does not even hear CLOSE is of no use */
    turn();
    assert_int_equal(f.n_gone, 1);
    assert_int_equal(f.n_died, 0);
}

static const struct ring_record r = { .gen = 1, .len = 3 };

static struct ring_producer open_producer(void)
{
    struct ring_producer p;
    assert_int_equal(ring_producer_init(&p, f.ring_fd, &shape), 0);
    return p;
}

/* Records of the play before do not show up in the next one. */
static void rings_are_emptied_between_plays(void **state)
{
    struct ring_producer producer = open_producer();
    bring_to(WORKER_CLOSING);
    for (unsigned lane = 0; lane < RING_LANES; lane++)
        assert_int_equal(ring_put(&producer, lane, &r, "abc"), 0);
    say(WMSG_IDLE, 0);
    for (unsigned lane = 0; lane < RING_LANES; lane++)
        assert_int_equal(ring_consumer_fill(worker_ring(f.worker), lane), 0);
    ring_producer_done(&producer);
}

static void bells_for_the_producer(void **state)
{
    struct ring_producer producer = open_producer();
    bring_to(WORKER_BUSY);
    worker_wake(f.worker, 0);
    hear_nothing(); /* it does not sleep */
    assert_int_equal(ring_put(&producer, 0, &r, "abc"), 0);
    assert_true(ring_producer_sleep(&producer, 0, 0));
    worker_wake(f.worker, 0);
    hear_nothing(); /* there is no room yet */
    ring_discard(worker_ring(f.worker), 0);
    worker_wake(f.worker, 0);
    worker_wake(f.worker, 0);
    assert_int_equal(hear(NULL).type, WMSG_BELL);
    hear_nothing(); /* one bell */
    ring_producer_done(&producer);
}

/* When the watchdog may expect something of a worker, and when not. */
static void what_is_expected_of_it(void **state)
{
    struct ring_producer producer = open_producer();
    assert_false(worker_pulse(f.worker).may_rest); /* it has yet to come to life */
    bring_to(WORKER_BUSY);
    struct watch_pulse first = worker_pulse(f.worker);
    assert_false(first.may_rest || first.has_begun); /* it was asked, whatever it says it does */
    ring_set_state(&producer, RING_WORKER_WAITING_ROOM);
    assert_false(worker_pulse(f.worker).may_rest);
    ring_set_state(&producer, RING_WORKER_WAITING_SOURCE);
    assert_true(worker_pulse(f.worker).may_rest);

    assert_int_equal(ring_put(&producer, 0, &r, "abc"), 0);
    struct watch_pulse second = worker_pulse(f.worker);
    assert_true(second.has_begun && second.progress != first.progress);
    ring_set_state(&producer, RING_WORKER_DECODING);
    assert_false(worker_pulse(f.worker).may_rest);
    ring_set_state(&producer, RING_WORKER_IDLE); /* as when all is made */
    assert_true(worker_pulse(f.worker).may_rest);

    ring_set_state(&producer, RING_WORKER_WAITING_ROOM);
    assert_true(ring_producer_sleep(&producer, 0, 0));
    assert_true(worker_pulse(f.worker).may_rest);
    ring_discard(worker_ring(f.worker), 0);
    worker_wake(f.worker, 0); /* now it ought to come up */
    assert_false(worker_pulse(f.worker).may_rest);
    say(WMSG_TITLE, PLAY);
    assert_true(worker_pulse(f.worker).progress != second.progress);

    struct wmsg_render render = { .sound = { 1 } };
    ring_set_state(&producer, RING_WORKER_IDLE);
    assert_true(worker_pulse(f.worker).may_rest);
    assert_int_equal(worker_render(f.worker, &render), 0);
    assert_false(worker_pulse(f.worker).may_rest || worker_pulse(f.worker).has_begun);
    worker_close(f.worker);
    struct watch_pulse closing = worker_pulse(f.worker);
    assert_true(!closing.may_rest && closing.task == WATCH_ANSWER);
    say(WMSG_TITLE, PLAY); /* it does all but what it was told */
    assert_int_equal(worker_pulse(f.worker).progress, closing.progress);
    say(WMSG_IDLE, 0);
    assert_true(worker_pulse(f.worker).may_rest);
    ring_producer_done(&producer);
}

/* Its last words are the reason. */
static void it_says_what_it_dies_of(void **state)
{
    bring_to(WORKER_BUSY);
    uint8_t bytes[WMSG_MAX];
    struct wmsg m = { .type = WMSG_DYING, .text = "forbidden system call openat (257)" };
    assert_int_equal(fd_send(f.sock, bytes, wmsg_encode(&m, bytes, sizeof bytes), NULL, 0, 0), 0);
    turn();
    assert_int_equal(f.n_died, 1);
    assert_string_equal(f.why, "forbidden system call openat (257)");
}

/* A socket whose other end was closed with something unread tells an error before what was said. */
static void die_with_something_unread(void)
{
    uint8_t bytes[WMSG_MAX];
    struct wmsg m = { .type = WMSG_DYING, .text = "forbidden system call openat (257)" };
    struct wmsg_render render = { .sound = { 1 } };
    if (worker_state(f.worker) == WORKER_BUSY)
        assert_int_equal(worker_render(f.worker, &render), 0);
    assert_int_equal(fd_send(f.sock, bytes, wmsg_encode(&m, bytes, sizeof bytes), NULL, 0, 0), 0);
    end_process();
}

static void its_last_words_are_heard_before_its_end(void **state)
{
    bring_to(WORKER_BUSY);
    die_with_something_unread();
    expect_death("forbidden system call openat (257)");
}

static void its_last_words_are_heard_before_it_is_found_not_to_listen(void **state)
{
    bring_to(WORKER_BUSY);
    die_with_something_unread();
    struct wmsg_render render = { .sound = { 1 } };
    assert_true(worker_render(f.worker, &render) < 0);
    worker_kill(f.worker, "it does not listen"); /* as plays do then */
    expect_death("forbidden system call openat (257)");
}

/* Its end is told by the answer, and the reason by the log alone. */
static void an_idle_one_has_last_words(void **state)
{
    struct wmsg open = { .play = PLAY, .open = { .depth_frames = 10 } };
    char log[256] = "";
    int fds[2], saved = dup(STDERR_FILENO);
    bring_to(WORKER_IDLE);
    die_with_something_unread();
    assert_int_equal(pipe(fds), 0);
    assert_true(saved >= 0 && dup2(fds[1], STDERR_FILENO) >= 0);
    int answer = worker_open(f.worker, &user_ops, &f, &open, -1);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    (void)close(saved);
    (void)close(fds[1]);
    assert_true(answer < 0 && f.n_gone == 1);
    assert_true(read(fds[0], log, sizeof log - 1) > 0);
    (void)close(fds[0]);
    ROW_TRUE(log, strstr(log, "died: forbidden system call openat (257)") != NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_whole_life),
        TEST(the_zygote_may_answer_first),
        TEST(every_message_in_every_state),
        TEST(two_idles_while_spawning),
        TEST(the_end_before_the_answer),
        TEST(stale_messages),
        TEST(what_is_no_message_kills),
        TEST(the_end_of_its_process),
        TEST(the_end_behind_many_messages),
        TEST(an_idle_one_that_ends),
        TEST(opening_a_dead_one),
        TEST(killing),
        TEST(one_that_does_not_read),
        TEST(rings_are_emptied_between_plays),
        TEST(bells_for_the_producer),
        TEST(what_is_expected_of_it),
        TEST(it_says_what_it_dies_of),
        TEST(its_last_words_are_heard_before_its_end),
        TEST(its_last_words_are_heard_before_it_is_found_not_to_listen),
        TEST(an_idle_one_has_last_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
