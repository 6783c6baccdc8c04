/* The keeper of a program, with real processes: this program itself (kept.h). One that dies, one
 * that talks, one that does not listen, one that is not there. */
#include "keep/keeper.h"
#include "kept.h"
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/wait.h>

enum { LIVED_MS = 1000, PAUSE_MAX_MS = 200, COUNT_MAX = 16, MANY = 20000 };

static char self[PATH_MAX];

static struct {
    uv_loop_t loop;
    char dir[TEST_DIR_BYTES];
    char program[TEST_DIR_BYTES + 16]; /* a link to ourselves */
    struct keeper *keeper;
    unsigned n_messages, n_died, n_failed, n_up, n_writable;
    unsigned want;        /* how many of something */
    unsigned said_before; /* messages before its first death */
    char message[KEPT_MESSAGE_MAX + 1];
    pid_t first_died;
    bool was_hopeless[COUNT_MAX]; /* at each death */
    uint64_t died_ms;
    uint64_t pauses_ms[COUNT_MAX]; /* between a death and another start */
    bool is_nonsense;              /* what is said */
    void (*at_death)(void);
    bool frees; /* the next that is called frees the keeper */
} f;

/* ---- what is told ---- */

static void free_if_wanted(void)
{
    if (!f.frees)
        return;
    keeper_free(f.keeper);
    f.keeper = NULL;
}

static int on_message(const void *bytes, size_t len, void *arg)
{
    assert_ptr_equal(arg, &f);
    f.n_messages++;
    memcpy(f.message, bytes, len);
    f.message[len] = '\0';
    free_if_wanted();
    return f.is_nonsense ? -EBADMSG : 0;
}

static void on_writable(void *arg)
{
    f.n_writable++;
    free_if_wanted();
}

static void on_died(pid_t pid, void *arg)
{
    assert_false(keeper_is_up(f.keeper));
    assert_int_equal(keeper_pid(f.keeper), -1);
    assert_int_equal(keeper_send(f.keeper, "x", 1, NULL, 0), -ENOTCONN);
    if (f.n_died == 0)
        f.first_died = pid;
    if (f.n_died < COUNT_MAX)
        f.was_hopeless[f.n_died] = keeper_is_hopeless(f.keeper);
    f.n_died++;
    f.n_failed += pid == 0;
    f.died_ms = uv_now(&f.loop);
    if (f.at_death)
        f.at_death();
    else
        free_if_wanted();
}

static void on_up(void *arg)
{
    assert_true(keeper_is_up(f.keeper));
    if (f.n_up < COUNT_MAX)
        f.pauses_ms[f.n_up] = uv_now(&f.loop) - f.died_ms;
    f.n_up++;
    free_if_wanted();
}

static bool has_wanted(void *arg)
{
    return *(unsigned *)arg >= f.want;
}

static void wait_for(unsigned *count, unsigned want)
{
    f.want = want;
    assert_true(loop_until(&f.loop, has_wanted, count));
}

/* ---- the tests ---- */

static int set_up(void **state)
{
    memset(&f, 0, sizeof f);
    assert_int_equal(uv_loop_init(&f.loop), 0);
    test_dir_make(f.dir);
    (void)snprintf(f.program, sizeof f.program, "%s/program", f.dir);
    return symlink(self, f.program);
}

static int tear_down(void **state)
{
    keeper_free(f.keeper);
    loop_end(&f.loop);
    (void)unlink(f.program);
    return rmdir(f.dir);
}

static void make(const char *path, const char *what, bool waits_for_room)
{
    /* All of it may go when the keeper is made. */
    char path_once[PATH_MAX], what_once[16];
    (void)snprintf(path_once, sizeof path_once, "%s", path);
    (void)snprintf(what_once, sizeof what_once, "%s", what);
    static const char *const env_names[] = { "TUTTI_TEST_KEPT=", NULL };
    const char *argv[] = { "program", what_once, NULL };
    const struct keeper_config config = {
        .path = path_once,
        .argv = argv,
        .env_names = env_names,
        .stderr_fd = STDERR_FILENO,
        .name = "the program",
        .log_topic = "test",
        .message_max = KEPT_MESSAGE_MAX,
        .pause_max_ms = PAUSE_MAX_MS,
    };
    const struct keeper_ops ops = {
        .message = on_message,
        .writable = waits_for_room ? on_writable : NULL,
        .died = on_died,
        .up = on_up,
        .arg = &f,
    };
    assert_int_equal(keeper_new(&f.loop, &config, &ops, &f.keeper), 0);
    assert_int_equal(keeper_pid(f.keeper), -1); /* not before it is asked for */
}

static pid_t start(const char *what)
{
    make(f.program, what, true);
    assert_int_equal(keeper_start(f.keeper), 0);
    pid_t pid = keeper_pid(f.keeper);
    assert_true(pid > 0 && keeper_is_up(f.keeper));
    return pid;
}

static void assert_gone(pid_t pid)
{
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
}

static void messages_go_both_ways(void **state)
{
    (void)start("echo");
    assert_int_equal(keeper_send(f.keeper, "one", 3, NULL, 0), 0);
    wait_for(&f.n_messages, 1);
    assert_string_equal(f.message, "one");
    assert_int_equal(keeper_send(f.keeper, "two!", 4, NULL, 0), 0);
    wait_for(&f.n_messages, 2);
    assert_string_equal(f.message, "two!");
    assert_int_equal(f.n_died, 0);
}

/* It gets a descriptor, and is ended when it sends one. */
static void descriptors_go_one_way(void **state)
{
    int fds[2];
    char bytes[4];
    (void)start("echo");
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(keeper_send(f.keeper, "one", 3, &fds[1], 1), 0);
    (void)close(fds[1]);
    assert_int_equal(read(fds[0], bytes, sizeof bytes), 4);
    assert_memory_equal(bytes, "seen", 4);
    (void)close(fds[0]);
    wait_for(&f.n_died, 1);
    assert_int_equal(f.n_messages, 0);
}

static void it_has_what_is_listed_and_no_more(void **state)
{
    assert_int_equal(setenv("TUTTI_TEST_KEPT", "a b", 1), 0);
    assert_int_equal(setenv("TUTTI_TEST_SECRET", "c", 1), 0);
    pid_t pid = start("tell");
    wait_for(&f.n_messages, 1);
    assert_int_equal(getpgid(pid), pid);
    assert_int_equal(getsid(pid), getsid(0));
    assert_non_null(strstr(f.message, "0null 1null 2"));
    const char *socket = strstr(f.message, " 3socket ");
    assert_non_null(socket);
    const char *next = socket + strlen(" 3socket ");
    assert_false(*next >= '0' && *next <= '9'); /* no descriptor more */
    assert_non_null(strstr(next, "TUTTI_TEST_KEPT=a b "));
    assert_null(strstr(next, "SECRET"));
    assert_null(strstr(next, "PATH="));
}

static void start_again(void)
{
    assert_int_equal(keeper_start(f.keeper), 0);
    assert_false(keeper_is_up(f.keeper)); /* it is about to be, anyway */
}

static void it_is_started_once(void **state)
{
    pid_t pid = start("sleep");
    assert_int_equal(keeper_start(f.keeper), 0);
    assert_int_equal(keeper_pid(f.keeper), pid);
    f.at_death = start_again;
    keeper_kill(f.keeper);
    wait_for(&f.n_up, 1);
    assert_int_equal(f.n_died, 1);
}

static void one_that_cannot_be_executed(void **state)
{
    make("/nonexistent/program", "sleep", true);
    assert_int_equal(keeper_start(f.keeper), -ENOENT);
    assert_false(keeper_is_up(f.keeper));
    keeper_free(f.keeper);
    make(f.dir, "sleep", true);
    assert_int_equal(keeper_start(f.keeper), -EACCES);
    loop_run_out(&f.loop);
    assert_int_equal(f.n_died + f.n_up, 0); /* the caller was told, and nothing is tried again */
}

static void one_that_vanishes_and_comes_back(void **state)
{
    pid_t pid = start("die");
    assert_int_equal(unlink(f.program), 0);
    wait_for(&f.n_failed, 3);
    assert_int_equal(f.first_died, pid);
    assert_int_equal(f.n_died, 1 + f.n_failed);
    assert_int_equal(f.n_up, 0);
    assert_true(f.was_hopeless[3]);
    assert_int_equal(symlink(self, f.program), 0);
    wait_for(&f.n_up, 1);
}

static void one_that_dies_at_once(void **state)
{
    pid_t pid = start("die");
    wait_for(&f.n_up, 1);
    assert_int_equal(f.first_died, pid);
    assert_gone(pid);
    assert_int_equal(f.n_failed, 0);
}

/* It is tried all the same: somebody may put it right. The pauses double, up to the longest. */
static void one_that_dies_again_and_again(void **state)
{
    static const uint64_t pauses_ms[] = { 0, 50, 100, 200, 200, 200, 200, 200 };
    (void)start("die");
    wait_for(&f.n_up, LENGTH_OF(pauses_ms));
    for (unsigned i = 0; i < LENGTH_OF(pauses_ms); i++) {
        assert_int_equal(f.was_hopeless[i], i + 1 >= 4);
        assert_true(f.pauses_ms[i] >= pauses_ms[i]);
    }
    assert_true(f.pauses_ms[7] < 3200); /* what it would have doubled to */
}

static void trust_at_the_fourth(void)
{
    if (f.n_died == 4)
        keeper_trust(f.keeper);
}

static void trust_makes_up_for_quick_deaths(void **state)
{
    f.at_death = trust_at_the_fourth;
    (void)start("die");
    wait_for(&f.n_died, 8);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(f.was_hopeless[i], i + 1 == 4 || i + 1 == 8);
}

static void one_that_has_lived_a_while(void **state)
{
    bool has_lived = false;
    uv_timer_t timer;
    (void)start("sleep");
    for (unsigned n = 1; n <= 4; n++) {
        assert_int_equal(kill(keeper_pid(f.keeper), SIGKILL), 0);
        wait_for(&f.n_up, n);
    }
    assert_true(f.was_hopeless[3]);
    assert_false(keeper_is_hopeless(f.keeper)); /* there is one */
    (void)uv_timer_init(&f.loop, &timer);
    timer.data = &has_lived;
    (void)uv_timer_start(&timer, loop_on_deadline, LIVED_MS, 0);
    assert_true(loop_until(&f.loop, loop_is_true, &has_lived));
    uv_close((uv_handle_t *)&timer, NULL);
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_int_equal(kill(keeper_pid(f.keeper), SIGKILL), 0);
    wait_for(&f.n_died, 5);
    assert_false(f.was_hopeless[4]);
}

static void one_that_was_killed_before_we_hear_of_it(void **state)
{
    siginfo_t info;
    pid_t pid = start("sleep");
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(keeper_send(f.keeper, "x", 1, NULL, 0), -ENOTCONN);
    wait_for(&f.n_died, 1);
    assert_int_equal(f.first_died, pid);
}

static void note_what_was_said(void)
{
    if (f.n_died == 1)
        f.said_before = f.n_messages;
}

/* More than is read in a turn, and with a message that it did not read: both before its death. The
 * rest of what makes no sense is not heard. */
static void what_it_said_before_it_died(void **state)
{
    siginfo_t info;
    f.at_death = note_what_was_said;
    f.is_nonsense = *state != NULL;
    pid_t pid = start("testify");
    assert_int_equal(keeper_send(f.keeper, "x", 1, NULL, 0), 0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    wait_for(&f.n_died, 1);
    assert_int_equal(f.said_before, f.is_nonsense ? 1 : KEPT_LAST_WORDS);
}

static void one_that_is_killed_is_replaced(void **state)
{
    pid_t pid = start("greet");
    wait_for(&f.n_messages, 1);
    keeper_kill(f.keeper);
    wait_for(&f.n_up, 1);
    assert_int_equal(f.first_died, pid);
    assert_gone(pid);
    assert_true(keeper_pid(f.keeper) > 0 && keeper_pid(f.keeper) != pid);
    wait_for(&f.n_messages, 2);
    assert_string_equal(f.message, "hello");
}

static void one_that_is_stopped_for_good(void **state)
{
    pid_t pid = start("sleep");
    keeper_stop(f.keeper);
    assert_true(keeper_is_up(f.keeper)); /* until it is collected */
    wait_for(&f.n_died, 1);
    assert_int_equal(f.first_died, pid);
    loop_run_out(&f.loop);
    assert_int_equal(f.n_up, 0);
}

static void stop_at_the_third(void)
{
    if (f.n_died == 3)
        keeper_stop(f.keeper);
}

static void stopped_between_two_starts(void **state)
{
    f.at_death = stop_at_the_third;
    (void)start("die");
    loop_run_out(&f.loop);
    assert_int_equal(f.n_died, 3);
    assert_int_equal(f.n_up, 2);
}

static void assert_is_ended(const char *what)
{
    pid_t pid = start(what);
    wait_for(&f.n_died, 1);
    assert_int_equal(f.first_died, pid);
    assert_gone(pid);
}

static void one_that_talks_nonsense(void **state)
{
    f.is_nonsense = true;
    assert_is_ended("greet");
    assert_true(f.n_messages > 0);
}

static void one_that_says_too_much(void **state)
{
    assert_is_ended("boast");
    assert_int_equal(f.n_messages, 0);
}

static void one_that_closes_its_socket(void **state)
{
    assert_is_ended("close");
}

/* Returns what the send said that was not taken. */
static int fill(void)
{
    int r = 0;
    for (unsigned i = 0; i < MANY && r == 0; i++)
        r = keeper_send(f.keeper, "x", 1, NULL, 0);
    return r;
}

static void one_that_does_not_listen(void **state)
{
    pid_t pid = start("deaf");
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED), 0);
    assert_int_equal(fill(), -EAGAIN);
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_int_equal(f.n_writable, 0);
    assert_int_equal(keeper_send(f.keeper, "x", 1, NULL, 0), -EAGAIN);
    assert_int_equal(kill(pid, SIGCONT), 0);
    wait_for(&f.n_writable, 1);
    assert_int_equal(keeper_send(f.keeper, "x", 1, NULL, 0), 0);
    assert_int_equal(f.n_died, 0);
}

/* What was held back is not held back from the next one. */
static void one_that_dies_without_having_listened(void **state)
{
    pid_t pid = start("deaf");
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED), 0);
    assert_int_equal(fill(), -EAGAIN);
    keeper_kill(f.keeper);
    wait_for(&f.n_up, 1);
    assert_int_equal(f.n_writable, 0);
    assert_int_equal(keeper_send(f.keeper, "x", 1, NULL, 0), 0);
}

static void an_owner_that_does_not_wait_for_room(void **state)
{
    make(f.program, "deaf", false);
    assert_int_equal(keeper_start(f.keeper), 0);
    siginfo_t info;
    pid_t pid = keeper_pid(f.keeper);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED), 0);
    assert_int_equal(fill(), -EAGAIN);
    assert_int_equal(kill(pid, SIGCONT), 0);
    int r = -EAGAIN;
    for (unsigned i = 0; i < MANY && r == -EAGAIN; i++) {
        (void)usleep(1000);
        r = keeper_send(f.keeper, "x", 1, NULL, 0);
    }
    assert_int_equal(r, 0); /* no loop was needed for that */
}

/* ---- freed ---- */

static void freed_while_it_runs(void **state)
{
    pid_t pid = start("greet");
    keeper_free(f.keeper);
    f.keeper = NULL;
    loop_run_out(&f.loop);
    assert_gone(pid);                             /* killed and collected, */
    assert_int_equal(f.n_died + f.n_messages, 0); /* and nobody was told */
}

static void freed_before_it_runs(void **state)
{
    make(f.program, "sleep", true);
    keeper_free(f.keeper);
    f.keeper = NULL;
    keeper_free(NULL);
}

static bool is_freed(void *arg)
{
    return f.keeper == NULL;
}

static void assert_freed_quietly(void)
{
    f.frees = true;
    assert_true(loop_until(&f.loop, is_freed, NULL));
    unsigned told = f.n_messages + f.n_died + f.n_up + f.n_writable;
    loop_run_out(&f.loop);
    assert_int_equal(f.n_messages + f.n_died + f.n_up + f.n_writable, told);
}

static void freed_by_a_message(void **state)
{
    (void)start("greet");
    assert_freed_quietly();
    assert_int_equal(f.n_messages, 1);
}

static void freed_by_a_message_of_nonsense(void **state)
{
    f.is_nonsense = true;
    (void)start("greet");
    assert_freed_quietly();
    assert_int_equal(f.n_messages, 1);
}

static void freed_by_a_death(void **state)
{
    (void)start("die");
    assert_freed_quietly();
    assert_int_equal(f.n_died, 1);
}

static void wait_for_the_next(void)
{
}

static void freed_by_another_start(void **state)
{
    (void)start("sleep");
    keeper_kill(f.keeper);
    f.at_death = wait_for_the_next;
    assert_freed_quietly();
    assert_int_equal(f.n_up, 1);
}

static void free_when_it_failed(void)
{
    if (f.n_failed > 0)
        free_if_wanted();
}

static void freed_by_a_start_that_failed(void **state)
{
    (void)start("sleep");
    assert_int_equal(unlink(f.program), 0);
    keeper_kill(f.keeper);
    f.at_death = free_when_it_failed;
    assert_freed_quietly();
    assert_int_equal(f.n_failed, 1);
}

static void freed_when_there_is_room(void **state)
{
    pid_t pid = start("deaf");
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED), 0);
    assert_int_equal(fill(), -EAGAIN);
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_freed_quietly();
    assert_int_equal(f.n_writable, 1);
    assert_gone(pid);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(messages_go_both_ways),
        TEST(descriptors_go_one_way),
        TEST(it_has_what_is_listed_and_no_more),
        TEST(it_is_started_once),
        TEST(one_that_cannot_be_executed),
        TEST(one_that_vanishes_and_comes_back),
        TEST(one_that_dies_at_once),
        TEST(one_that_dies_again_and_again),
        TEST(trust_makes_up_for_quick_deaths),
        TEST(one_that_has_lived_a_while),
        TEST(one_that_was_killed_before_we_hear_of_it),
        TEST(what_it_said_before_it_died),
        { "nonsense_before_it_died", what_it_said_before_it_died, set_up, tear_down, &f },
        TEST(one_that_is_killed_is_replaced),
        TEST(one_that_is_stopped_for_good),
        TEST(stopped_between_two_starts),
        TEST(one_that_talks_nonsense),
        TEST(one_that_says_too_much),
        TEST(one_that_closes_its_socket),
        TEST(one_that_does_not_listen),
        TEST(one_that_dies_without_having_listened),
        TEST(an_owner_that_does_not_wait_for_room),
        TEST(freed_while_it_runs),
        TEST(freed_before_it_runs),
        TEST(freed_by_a_message),
        TEST(freed_by_a_message_of_nonsense),
        TEST(freed_by_a_death),
        TEST(freed_by_another_start),
        TEST(freed_by_a_start_that_failed),
        TEST(freed_when_there_is_room),
    };
    if (argc > 1)
        return kept_program(argv[1]);
    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    /* Whoever runs the tests may have left descriptors open that are not the keeper's to close. */
    (void)close_range(KEPT_CONTROL, UINT_MAX, CLOSE_RANGE_CLOEXEC);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
