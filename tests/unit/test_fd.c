/* Messages with descriptors: what arrives is owned, what is too much is closed. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

static int pair[2];

static int set_up(void **state)
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair);
}

static int tear_down(void **state)
{
    if (pair[0] >= 0)
        (void)close(pair[0]);
    return close(pair[1]);
}

/* A peer that ended with something unread makes the socket one with an error, which recvmsg(2)
 * tells before it gives what the peer has said. */
static void what_was_said_before_the_end(void **state)
{
    static const int flags[] = { 0, MSG_PEEK };
    char bytes[16];
    size_t n_fds;
    for (size_t i = 0; i < LENGTH_OF(flags); i++) {
        assert_int_equal(tear_down(NULL), 0);
        assert_int_equal(set_up(NULL), 0);
        assert_int_equal(fd_send(pair[1], "unread", 6, NULL, 0, 0), 0);
        assert_int_equal(fd_send(pair[0], "one", 3, NULL, 0, 0), 0);
        assert_int_equal(fd_send(pair[0], "three", 5, NULL, 0, 0), 0);
        assert_int_equal(close(TAKE_FD(pair[0])), 0);
        assert_int_equal(fd_recv(pair[1], bytes, sizeof bytes, NULL, 0, &n_fds, flags[i]), 3);
        if (flags[i])
            assert_int_equal(fd_recv(pair[1], bytes, sizeof bytes, NULL, 0, &n_fds, 0), 3);
        assert_int_equal(fd_recv(pair[1], bytes, sizeof bytes, NULL, 0, &n_fds, 0), 5);
        assert_int_equal(fd_recv(pair[1], bytes, sizeof bytes, NULL, 0, &n_fds, 0), 0);
        assert_int_equal(fd_send(pair[1], "x", 1, NULL, 0, 0), -EPIPE);
    }
}

/* The error is told but once, and by a sending, too. */
static void sending_to_one_that_ended_with_something_unread(void **state)
{
    char bytes[16];
    size_t n_fds;
    assert_int_equal(fd_send(pair[1], "unread", 6, NULL, 0, 0), 0);
    assert_int_equal(fd_send(pair[0], "one", 3, NULL, 0, 0), 0);
    assert_int_equal(close(TAKE_FD(pair[0])), 0);
    assert_int_equal(fd_send(pair[1], "x", 1, NULL, 0, 0), -EPIPE);
    assert_int_equal(fd_send(pair[1], "x", 1, NULL, 0, 0), -EPIPE);
    assert_int_equal(fd_recv(pair[1], bytes, sizeof bytes, NULL, 0, &n_fds, 0), 3);
}

static unsigned count_open(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

static bool same_file(int a, int b)
{
    struct stat x, y;
    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

static void bytes_and_descriptors(void **state)
{
    int fds[FD_PASS_MAX], got[FD_PASS_MAX] = { -1, -1, -1, -1 };
    char bytes[16];
    size_t n_fds = 99;
    for (size_t i = 0; i < FD_PASS_MAX; i++) {
        int p[2];
        assert_int_equal(pipe(p), 0); /* not close-on-exec here */
        (void)close(p[1]);
        fds[i] = p[0];
    }
    for (size_t n = 0; n <= FD_PASS_MAX; n++) {
        assert_int_equal(fd_send(pair[0], "hello", 5, fds, n, 0), 0);
        assert_int_equal(fd_recv(pair[1], bytes, sizeof bytes, got, FD_PASS_MAX, &n_fds, 0), 5);
        assert_memory_equal(bytes, "hello", 5);
        assert_int_equal(n_fds, n);
        for (size_t i = 0; i < n; i++) {
            assert_true(same_file(got[i], fds[i]));
            assert_int_not_equal(got[i], fds[i]);
            assert_true(fcntl(got[i], F_GETFD) & FD_CLOEXEC);
            assert_int_equal(close(got[i]), 0);
        }
    }
    for (size_t i = 0; i < FD_PASS_MAX; i++)
        assert_int_equal(close(fds[i]), 0); /* they stayed the sender's */
}

/* Receives something that must be refused, and sees that no descriptor stays open. */
static void expect_refusal(size_t size, size_t max_fds)
{
    char bytes[16];
    int got[16];
    size_t n_fds = 99;
    unsigned before = count_open();
    assert_int_equal(fd_recv(pair[1], bytes, size, got, max_fds, &n_fds, 0), -EPROTO);
    assert_int_equal(n_fds, 99);
    assert_int_equal(count_open(), before);
}

static void too_many_descriptors(void **state)
{
    int fds[] = { pair[0], pair[0], pair[0], pair[0] };
    assert_int_equal(fd_send(pair[0], "x", 1, fds, 1, 0), 0);
    expect_refusal(16, 0);
    assert_int_equal(fd_send(pair[0], "x", 1, fds, 2, 0), 0);
    expect_refusal(16, 1);
    assert_int_equal(fd_send(pair[0], "x", 1, fds, 4, 0), 0);
    expect_refusal(16, 3);
}

/* More than fd_send itself would send: the kernel cuts the list, which is refused as well. */
static void far_too_many_descriptors(void **state)
{
    enum { N = 100 };
    union {
        char bytes[CMSG_SPACE(N * sizeof(int))];
        struct cmsghdr align;
    } control = { 0 };
    char byte = 'x';
    struct iovec iov = { &byte, 1 };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(N * sizeof(int));
    for (size_t i = 0; i < N; i++)
        memcpy(CMSG_DATA(c) + i * sizeof(int), &pair[0], sizeof(int));
    assert_int_equal(sendmsg(pair[0], &msg, 0), 1);
    expect_refusal(16, 4);
    /* The socket is good for the next message. */
    char bytes[4];
    size_t n_fds;
    assert_int_equal(fd_send(pair[0], "y", 1, NULL, 0, 0), 0);
    assert_int_equal(fd_recv(pair[1], bytes, sizeof bytes, NULL, 0, &n_fds, 0), 1);
}

/* Nobody's fault: the message comes, and the descriptors do not. */
static void no_room_for_descriptors(void **state)
{
    int fds[] = { pair[0], pair[0] };
    char bytes[4];
    int got[FD_PASS_MAX];
    struct rlimit limit;
    unsigned before = count_open();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    for (unsigned room = 0; room < 3; room++) {
        /* The lowest numbers are taken: there is as much room as lies below the limit. */
        int next = dup(pair[0]);
        assert_true(next >= 0);
        assert_int_equal(close(next), 0);
        struct rlimit less = { (rlim_t)next + room, limit.rlim_max };
        assert_int_equal(fd_send(pair[0], "xy", 2, fds, 2, 0), 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &less), 0);
        size_t n_fds = 99;
        ssize_t len = fd_recv(pair[1], bytes, sizeof bytes, got, FD_PASS_MAX, &n_fds, 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_int_equal(len, 2);
        assert_int_equal(n_fds, room == 2 ? 2 : 0);
        while (n_fds > 0)
            assert_int_equal(close(got[--n_fds]), 0);
        assert_int_equal(count_open(), before);
    }
}

static void a_message_cut_short(void **state)
{
    assert_int_equal(fd_send(pair[0], "0123456789", 10, NULL, 0, 0), 0);
    expect_refusal(9, 0);
    assert_int_equal(fd_send(pair[0], "0123456789", 10, &pair[0], 1, 0), 0);
    expect_refusal(9, 4);
    assert_int_equal(fd_send(pair[0], "0123456789", 10, NULL, 0, 0), 0);
    char bytes[10];
    size_t n_fds;
    assert_int_equal(fd_recv(pair[1], bytes, sizeof bytes, NULL, 0, &n_fds, 0), 10);
}

static void nothing_there_and_nobody_there(void **state)
{
    char bytes[4];
    size_t n_fds = 99;
    assert_int_equal(fd_recv(pair[1], bytes, sizeof bytes, NULL, 0, &n_fds, 0), -EAGAIN);
    assert_int_equal(n_fds, 99);
    assert_int_equal(close(pair[0]), 0);
    pair[0] = -1;
    assert_int_equal(fd_recv(pair[1], bytes, sizeof bytes, NULL, 0, &n_fds, 0), 0);
    assert_int_equal(n_fds, 0);
    /* No SIGPIPE: this process would be gone. */
    assert_int_equal(fd_send(pair[1], "x", 1, NULL, 0, 0), -EPIPE);
}

static void a_full_socket(void **state)
{
    char block[1024] = { 0 };
    int r = 0;
    for (int i = 0; i < 100000 && r == 0; i++)
        r = fd_send(pair[0], block, sizeof block, NULL, 0, MSG_DONTWAIT);
    assert_int_equal(r, -EAGAIN);
}

static void owned_descriptors(void **state)
{
    unsigned before = count_open();
    int kept;
    {
        AUTO_FD int a = dup(pair[0]);
        AUTO_FD int b = dup(pair[0]);
        AUTO_FD int none = -1;
        assert_int_equal(count_open(), before + 2);
        errno = ENOTTY;
        kept = TAKE_FD(b);
        assert_int_equal(b, -1);
        assert_int_equal(none, -1);
        assert_true(a >= 0);
    }
    assert_int_equal(errno, ENOTTY);
    assert_int_equal(count_open(), before + 1);
    assert_int_equal(close(kept), 0);
    char *p = strdup("x");
    AUTO_FREE char *q = TAKE_PTR(p);
    assert_null(p);
    assert_string_equal(q, "x");
}

static void the_clock_goes_on(void **state)
{
    uint64_t a = clock_now_ns();
    (void)usleep(2000);
    assert_true(clock_now_ns() - a >= 2 * NS_PER_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_and_descriptors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_descriptors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(far_too_many_descriptors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_room_for_descriptors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_message_cut_short, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_there_and_nobody_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_said_before_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sending_to_one_that_ended_with_something_unread, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_full_socket, set_up, tear_down),
        cmocka_unit_test_setup_teardown(owned_descriptors, set_up, tear_down),
        cmocka_unit_test(the_clock_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
