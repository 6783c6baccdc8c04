/* What a worker hears while it waits for its source. */
#include "media/serve_parts.h"
#include "base/fd.h"
#include "unit.h"

#include <sys/mman.h>
#include <sys/socket.h>

enum { PLAY = 7, MANY = 40 };

static void send_to(int sock, const struct wmsg *m)
{
    static uint8_t bytes[WMSG_MAX];
    assert_int_equal(fd_send(sock, bytes, wmsg_encode(m, bytes, sizeof bytes), NULL, 0, 0), 0);
}

static void send_render(int sock, uint32_t gen)
{
    struct wmsg m = { .type = WMSG_RENDER,
                      .play = PLAY,
                      .render = { .sound = { 1 }, .from = { 1 }, .gen = gen, .exact = 1 } };
    send_to(sock, &m);
}

/* Only the last of them counts, so that they cannot fill the queue: an opening goes on. */
static void many_renders_do_not_end_an_opening(void **state)
{
    int socks[2];
    struct source *source;
    struct wmsg close_it = { .type = WMSG_CLOSE, .play = PLAY };
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks), 0);
    struct serve s = { .sock = socks[0], .play = PLAY, .is_opening = true };
    struct source_wait wait = serve_source_wait(&s);
    assert_int_equal(source_new(memfd_create("source", MFD_CLOEXEC), &wait, &source), 0);
    for (uint32_t i = 1; i <= MANY; i++)
        send_render(socks[1], i);
    assert_int_equal(wait.fn(source, 0, wait.arg), 0);
    assert_int_equal(s.n_heard, 1);
    assert_int_equal(s.heard[0].m.render.gen, MANY);
    send_to(socks[1], &close_it);
    assert_int_equal(wait.fn(source, 0, wait.arg), -EINTR);
    assert_int_equal(s.n_heard, 2);
    source_free(source);
    (void)close(socks[0]);
    (void)close(socks[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_renders_do_not_end_an_opening),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
