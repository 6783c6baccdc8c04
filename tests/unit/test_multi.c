/* curl on a loop, and what becomes of it when the loop takes no socket. */
#include "fetch/multi.h"
#include "loop.h"
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

static bool no_more_sockets;

/* In the place of libuv's. */
int uv_poll_init_socket(uv_loop_t *loop, uv_poll_t *poll, uv_os_sock_t sock)
{
    return no_more_sockets ? UV_ENOMEM : uv_poll_init(loop, poll, sock);
}

struct fixture {
    uv_loop_t loop;
    struct multi *multi;
    struct multi_job job;
    int listener;
    bool is_broken, is_done;
};

static void on_broken(void *arg)
{
    struct fixture *f = arg;
    f->is_broken = true;
    uv_stop(&f->loop);
}

static void settle(struct multi_job *job)
{
    struct fixture *f = (struct fixture *)((char *)job - offsetof(struct fixture, job));
    f->is_done = job->is_done;
}

static void begin(struct fixture *f)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    char url[64];
    *f = (struct fixture){ .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    assert_int_equal(bind(f->listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(f->listener, 5), 0);
    assert_int_equal(getsockname(f->listener, (struct sockaddr *)&a, &len), 0);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", ntohs(a.sin_port));
    assert_int_equal(uv_loop_init(&f->loop), 0);
    assert_int_equal(multi_new(&f->loop, on_broken, f, &f->multi), 0);
    f->job = (struct multi_job){ .multi = f->multi, .easy = curl_easy_init(), .settle = settle };
    (void)curl_easy_setopt(f->job.easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(f->job.easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(f->job.easy, CURLOPT_NOSIGNAL, 1L);
}

static void end(struct fixture *f)
{
    multi_remove(&f->job);
    curl_easy_cleanup(f->job.easy);
    multi_free(f->multi);
    loop_end(&f->loop);
    (void)close(f->listener);
}

static void a_request_comes_and_goes(void **state)
{
    struct fixture f;
    begin(&f);
    assert_int_equal(multi_add(&f.job), 0);
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    int peer = accept(f.listener, NULL, NULL);
    assert_true(peer >= 0);
    assert_int_equal(send(peer, "HTTP/1.0 200 x\r\n\r\n", 18, 0), 18);
    (void)close(peer);
    assert_true(loop_until(&f.loop, loop_is_true, &f.is_done));
    assert_false(f.is_broken);
    end(&f);
}

/* Else curl would take the whole of it for dead, and all requests would wait for ever. */
static void a_socket_that_cannot_be_watched_is_told(void **state)
{
    struct fixture f;
    begin(&f);
    no_more_sockets = true;
    assert_int_equal(multi_add(&f.job), 0);
    assert_true(loop_until(&f.loop, loop_is_true, &f.is_broken));
    no_more_sockets = false;
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_comes_and_goes),
        cmocka_unit_test(a_socket_that_cannot_be_watched_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
