/* What a worker tells the daemon, as it arrives there. */
#include "base/cleanup.h"
#include "base/fd.h"
#include "media/serve_parts.h"
#include "unit.h"

#include <sys/socket.h>

enum { PLAY = 7, GEN = 42 };

static struct serve s;
static int daemons_end;

static int set_up(void **state)
{
    int socks[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks), 0);
    memset(&s, 0, sizeof s);
    s.sock = socks[0];
    s.play = PLAY;
    daemons_end = socks[1];
    return 0;
}

static int tear_down(void **state)
{
    if (daemons_end >= 0)
        (void)close(daemons_end);
    return close(s.sock);
}

static struct wmsg hear(void)
{
    uint8_t bytes[WMSG_MAX];
    struct wmsg m;
    size_t n_fds;
    ssize_t len = fd_recv(daemons_end, bytes, sizeof bytes, NULL, 0, &n_fds, MSG_DONTWAIT);
    assert_true(len > 0);
    assert_int_equal(wmsg_decode(bytes, (size_t)len, &m), 0);
    return m;
}

static void hear_nothing(void)
{
    char byte;
    assert_int_equal(recv(daemons_end, &byte, 1, MSG_DONTWAIT), -1);
}

static void plain_ones(void **state)
{
    serve_send_plain(&s, WMSG_IDLE);
    struct wmsg m = hear();
    assert_int_equal(m.type, WMSG_IDLE);
    assert_int_equal(m.play, PLAY);
    assert_false(s.done);
}

/* A medium's own words are in it: what a terminal would take for a command does not arrive. */
static void why_a_play_failed(void **state)
{
    struct failure failure = { .code = TUTTI_E_SOURCE_FAILED, .http_status = 503 };
    (void)snprintf(failure.why, sizeof failure.why, "bad\x1b[2J\nname \xff");
    serve_say_failed(&s, PLAY + 1, &failure);
    struct wmsg m = hear();
    assert_int_equal(m.type, WMSG_FAILED);
    assert_int_equal(m.play, PLAY + 1);
    assert_int_equal(m.failed.code, TUTTI_E_SOURCE_FAILED);
    assert_int_equal(m.failed.http_status, 503);
    assert_string_equal(m.text, "bad [2J name ?");
}

static void a_render_that_cannot_be_done(void **state)
{
    struct wmsg_render render = { .gen = GEN };
    serve_refuse_render(&s, &render, TUTTI_E_NOT_SEEKABLE);
    struct wmsg m = hear();
    assert_int_equal(m.type, WMSG_RENDER_FAILED);
    assert_int_equal(m.play, PLAY);
    assert_int_equal(m.failed.gen, GEN);
    assert_int_equal(m.failed.code, TUTTI_E_NOT_SEEKABLE);
    assert_string_equal(m.text, error_text(TUTTI_E_NOT_SEEKABLE));
}

/* Nothing is told of a play that is not there, or whose opening was not told. */
static void nothing_of_what_is_not_there(void **state)
{
    serve_tell_cut(&s, PLAY);
    serve_tell_cut(&s, PLAY + 1);
    serve_tell_length(&s, PLAY);
    s.told_length_of = PLAY;
    serve_tell_length(&s, PLAY);
    hear_nothing();
}

static void a_daemon_that_is_gone(void **state)
{
    (void)close(TAKE_FD(daemons_end));
    serve_send_plain(&s, WMSG_BELL);
    assert_true(s.done); /* and no signal ended us */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(plain_ones),
        TEST(why_a_play_failed),
        TEST(a_render_that_cannot_be_done),
        TEST(nothing_of_what_is_not_there),
        TEST(a_daemon_that_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
