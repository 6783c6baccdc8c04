/* A worker's side of a source's socket. */
#include "media/remote.h"
#include "mini_fetch.h"
#include "unit.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { MANY = 3000, DRAIN_US = 20000 };

static int theirs;
static volatile sig_atomic_t n_taken;

static void drain(int signal)
{
    uint8_t bytes[SMSG_MAX];
    while (recv(theirs, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        n_taken++;
}

static struct remote *make_remote(void)
{
    int socks[2];
    struct remote *r;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks), 0);
    theirs = socks[1];
    assert_int_equal(remote_new(socks[0], &r), 0);
    return r;
}

/* A fetcher that has much to do is not one that is gone. */
static void a_full_socket_is_waited_for(void **state)
{
    struct sigaction action = { .sa_handler = drain }, before;
    struct itimerval every = { { 0, DRAIN_US }, { 0, DRAIN_US } }, never = { 0 };
    struct remote *r = make_remote();
    n_taken = 0;
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &every, NULL), 0);
    for (int i = 0; i < MANY; i++) {
        struct remote_stream *s = remote_open(r, "http://here.test/x", 0, -1);
        assert_non_null(s);
        remote_close(r, s);
    }
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
    assert_true(remote_fd(r) >= 0);
    drain(0);
    assert_int_equal(n_taken, 1 + 2 * MANY); /* RESET, and these */
    remote_free(r);
    (void)close(theirs);
}

/* The fetcher remembers a stream until it is closed, and bears only so many. */
static void what_cannot_be_opened_is_closed(void **state)
{
    static const struct mini_resource nothing[] = { { "", "audio/any", "x", 1 }, { 0 } };
    struct mini_fetch f;
    struct source *s = mini_source(&f, nothing);
    for (int i = 0; i < 3 * SMSG_STREAMS_MAX; i++) {
        int64_t length;
        struct remote_stream *n = source_open_nested(s, "http://here.test/nothing", 0, -1);
        assert_non_null(n);
        assert_int_equal(source_nested_open(s, n, &length), -EIO);
        assert_string_equal(source_failure(s)->why, "it is not there");
        source_close_nested(s, n);
        assert_false(f.broken);
    }
    mini_serve(&f);
    assert_int_equal(f.n_opens, 3 * SMSG_STREAMS_MAX);
    assert_int_equal(f.n_closes, f.n_opens);
    mini_done(&f, s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_socket_is_waited_for),
        cmocka_unit_test(what_cannot_be_opened_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
