/* The daemon's side of tutti-fetch, with the real program (the first argument) and a small server:
 * what is told, what becomes of sources when the program dies, and programs that are no use. */
#include "link/fetcher.h"
#include "loop.h"
#include "proto/smsg.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { SIZE = 400000, PATIENCE_S = 20 };

static const char *program;

static struct {
    uv_loop_t loop;
    struct fetcher *fetcher;
    struct fetch_source *source;
    /* told */
    unsigned n_heads, n_failed, n_expired, n_changed, n_replaced;
    struct fetch_head head;
    enum tutti_error code;
    unsigned status;
    int fd;
    bool frees_itself;
    bool leaves_no_descriptors; /* from the first replacement on */
    struct rlimit limit;
    /* the server */
    int listener;
    unsigned port;
    pthread_t thread;
    atomic_uint refuse_with; /* a status, or 0 */
    atomic_uint n_requests;
} f;

static uint8_t byte_at(size_t at)
{
    return (uint8_t)(at * 7 + at / 509);
}

/* ---- the server ---- */

static void answer(int sock)
{
    char request[8192] = "", head[512];
    size_t n = 0;
    while (n < sizeof request - 1 && !strstr(request, "\r\n\r\n")) {
        ssize_t got = recv(sock, request + n, sizeof request - 1 - n, 0);
        if (got <= 0)
            return;
        n += (size_t)got;
        request[n] = '\0';
    }
    atomic_fetch_add(&f.n_requests, 1);
    const char *range = strstr(request, "Range: bytes=");
    size_t from = range ? strtoul(range + 13, NULL, 10) : 0;
    unsigned status = atomic_load(&f.refuse_with);
    int len =
        status ? snprintf(head, sizeof head, "HTTP/1.1 %u x\r\nContent-Length: 0\r\n\r\n", status)
               : snprintf(head, sizeof head,
                          "HTTP/1.1 206 x\r\nContent-Length: %zu\r\nContent-Type: audio/mpeg\r\n"
                          "ETag: \"e\"\r\nContent-Range: bytes %zu-%d/%d\r\n\r\n",
                          SIZE - from, from, SIZE - 1, SIZE);
    (void)send(sock, head, (size_t)len, MSG_NOSIGNAL);
    while (!status && from < SIZE) {
        uint8_t bytes[4096];
        size_t k = SIZE - from < sizeof bytes ? SIZE - from : sizeof bytes;
        for (size_t i = 0; i < k; i++)
            bytes[i] = byte_at(from + i);
        ssize_t sent = send(sock, bytes, k, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        from += (size_t)sent;
    }
}

static void *on_connection(void *arg)
{
    int sock = (int)(intptr_t)arg;
    answer(sock);
    (void)close(sock);
    return NULL;
}

static void *serve(void *arg)
{
    int sock;
    while ((sock = accept(f.listener, NULL, NULL)) >= 0) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, on_connection, (void *)(intptr_t)sock) == 0)
            (void)pthread_detach(thread);
    }
    return NULL;
}

static const char *url(const char *path)
{
    static char text[128];
    (void)snprintf(text, sizeof text, "http://127.0.0.1:%u%s", f.port, path);
    return text;
}

/* ---- what is told ---- */

static void on_head(const struct fetch_head *head, void *arg)
{
    f.n_heads++;
    f.head = *head;
    assert_string_equal(head->content_type, "audio/mpeg");
}

static void on_failed(enum tutti_error code, unsigned status, const char *why, void *arg)
{
    uv_stop(&f.loop); /* a timer told it: without this, one round of the loop would still sleep */
    f.n_failed++;
    f.code = code;
    f.status = status;
    assert_true(why[0] != '\0');
    if (f.frees_itself) {
        fetch_source_free(f.source);
        f.source = NULL;
    }
}

static void on_expired(unsigned status, void *arg)
{
    f.n_expired++;
    f.status = status;
}

static void on_changed(void *arg)
{
    f.n_changed++;
}

static void on_replaced(int fd, void *arg)
{
    f.n_replaced++;
    (void)close(f.fd);
    f.fd = fd;
    if (f.leaves_no_descriptors) {
        struct rlimit few = { .rlim_cur = STDERR_FILENO + 2, .rlim_max = f.limit.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    }
}

static const struct fetch_source_ops ops = { .head = on_head,
                                             .failed = on_failed,
                                             .expired = on_expired,
                                             .changed = on_changed,
                                             .replaced = on_replaced };

static bool is_positive(void *arg)
{
    return *(unsigned *)arg > 0;
}

static void wait_for(unsigned *count)
{
    assert_true(loop_until(&f.loop, is_positive, count));
}

/* ---- the worker ---- */

static void say(const struct smsg *m)
{
    static uint8_t bytes[SMSG_MAX];
    size_t len = smsg_encode(m, bytes, sizeof bytes);
    assert_int_equal(send(f.fd, bytes, len, MSG_NOSIGNAL), len);
}

/* Answers come from another process: it is enough to wait. */
static struct smsg hear(void)
{
    static uint8_t bytes[SMSG_MAX];
    struct smsg m = { 0 };
    struct timeval patience = { .tv_sec = PATIENCE_S };
    (void)setsockopt(f.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ssize_t len = recv(f.fd, bytes, sizeof bytes, 0);
    assert_true(len > 0);
    assert_int_equal(smsg_decode(bytes, (size_t)len, &m), 0);
    return m;
}

static void reset(void)
{
    struct smsg m = { .type = SMSG_RESET, .epoch = 5 };
    say(&m);
    m = hear();
    assert_int_equal(m.type, SMSG_READY);
    assert_int_equal(m.facts.length, SIZE);
}

static void read_from(int64_t at, int64_t to)
{
    while (at < to) {
        struct smsg m = { .type = SMSG_READ, .read = { .serial = 1, .len = 50000, .at = at } };
        say(&m);
        m = hear();
        assert_int_equal(m.type, SMSG_DATA);
        assert_int_equal(m.data.at, at);
        for (size_t i = 0; i < m.n_bytes; i++)
            assert_int_equal(m.bytes[i], byte_at((size_t)at + i));
        at += (int64_t)m.n_bytes;
    }
}

/* ---- the tests ---- */

static int make_fetcher(const char *path)
{
    const struct fetcher_config config = {
        .path = path,
        .log_level = "error",
        .log_format = "text",
        .connect_timeout_s = 5,
        .stall_timeout_s = 5,
        .give_up_s = 20,
        .allow_private_hosts = true,
    };
    return fetcher_new(&f.loop, &config, &f.fetcher);
}

static int set_up(void **state)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t len = sizeof address;
    memset(&f, 0, sizeof f);
    f.fd = -1;
    assert_int_equal(uv_loop_init(&f.loop), 0);
    assert_int_equal(make_fetcher(program), 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    f.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f.listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(f.listener, 16), 0);
    assert_int_equal(getsockname(f.listener, (struct sockaddr *)&address, &len), 0);
    f.port = ntohs(address.sin_port);
    return pthread_create(&f.thread, NULL, serve, NULL);
}

static int tear_down(void **state)
{
    fetch_source_free(f.source);
    assert_int_equal(fetcher_count(f.fetcher), 0);
    fetcher_free(f.fetcher);
    if (f.fd >= 0)
        (void)close(f.fd);
    (void)shutdown(f.listener, SHUT_RDWR);
    (void)pthread_join(f.thread, NULL);
    (void)close(f.listener);
    loop_end(&f.loop);
    return 0;
}

static void begin(bool relinkable)
{
    f.n_heads = 0;
    assert_int_equal(fetch_source_new(f.fetcher, url("/a"), "X: y\n", relinkable, &ops, &f.source),
                     0);
    wait_for(&f.n_heads);
    assert_int_equal(f.head.length, SIZE);
    assert_int_equal(f.head.flags, FETCH_RANGES);
    f.fd = fetch_source_fd(f.source);
    assert_true(f.fd >= 0);
    reset();
}

static void a_source_is_read(void **state)
{
    assert_int_equal(fetcher_pid(f.fetcher), -1); /* not before it is wanted */
    begin(false);
    assert_true(fetcher_pid(f.fetcher) > 0);
    read_from(0, SIZE);
    struct smsg m = { .type = SMSG_READ, .read = { .len = 1, .at = SIZE } };
    say(&m);
    assert_int_equal(hear().type, SMSG_END);
    assert_int_equal(atomic_load(&f.n_requests), 1);
    fetch_source_free(f.source);
    f.source = NULL;
    char byte;
    assert_int_equal(recv(f.fd, &byte, 1, 0), 0);
}

static void nonsense_is_refused(void **state)
{
    static const char *const urls[] = { "", "ftp://a", "http://a b", "http://a\n", "/etc/passwd" };
    for (size_t i = 0; i < LENGTH_OF(urls); i++)
        assert_int_equal(fetch_source_new(f.fetcher, urls[i], NULL, false, &ops, &f.source),
                         -EINVAL);
    assert_int_equal(fetch_source_new(f.fetcher, url("/"), "no newline", false, &ops, &f.source),
                     -EINVAL);
    assert_int_equal(fetcher_pid(f.fetcher), -1);
}

static void a_failure_is_told(void **state)
{
    f.frees_itself = true;
    atomic_store(&f.refuse_with, 404);
    assert_int_equal(fetch_source_new(f.fetcher, url("/a"), NULL, false, &ops, &f.source), 0);
    wait_for(&f.n_failed);
    assert_int_equal(f.code, TUTTI_E_NOT_FOUND);
    assert_int_equal(f.status, 404);
}

/* An owner that comes later hears what became of it. */
static void a_new_owner_is_told_again(void **state)
{
    static const struct fetch_source_ops none;
    atomic_store(&f.refuse_with, 404);
    assert_int_equal(fetch_source_new(f.fetcher, url("/a"), NULL, false, &ops, &f.source), 0);
    wait_for(&f.n_failed);
    f.n_failed = 0;
    fetch_source_set_ops(f.source, &none);
    fetch_source_set_ops(f.source, &ops);
    assert_int_equal(f.n_failed, 0); /* not from inside the call */
    wait_for(&f.n_failed);
    assert_int_equal(f.code, TUTTI_E_NOT_FOUND);
}

static void an_old_link_is_replaced(void **state)
{
    atomic_store(&f.refuse_with, 403);
    assert_int_equal(fetch_source_new(f.fetcher, url("/a"), NULL, true, &ops, &f.source), 0);
    wait_for(&f.n_expired);
    assert_int_equal(f.status, 403);
    assert_int_equal(fetch_source_relink(f.source, "ftp://x", NULL), -EINVAL);
    atomic_store(&f.refuse_with, 0);
    assert_int_equal(fetch_source_relink(f.source, url("/b"), NULL), 0);
    assert_string_equal(fetch_source_url(f.source), url("/b"));
    wait_for(&f.n_heads);
    f.fd = fetch_source_fd(f.source);
    reset();
    read_from(0, SIZE);
    assert_int_equal(f.n_failed, 0);
}

static void its_sources_survive_its_death(void **state)
{
    begin(false);
    read_from(0, 100000);
    for (unsigned n = 1; n <= 3; n++) {
        unsigned requests = atomic_load(&f.n_requests);
        pid_t pid = fetcher_pid(f.fetcher);
        f.n_replaced = 0;
        assert_int_equal(kill(pid, SIGKILL), 0);
        wait_for(&f.n_replaced);
        assert_int_not_equal(fetcher_pid(f.fetcher), pid);
        reset(); /* says what the first one had found out, and asks nobody */
        assert_int_equal(atomic_load(&f.n_requests), requests);
        read_from(100000 * n, 100000 * n + 50000);
        assert_int_equal(atomic_load(&f.n_requests), requests + 1);
    }
    assert_int_equal(f.n_heads, 1);
    assert_int_equal(f.n_failed, 0);
}

/* A source whose new descriptor cannot be handed over fails; its reader must not wait for ever. */
static void no_descriptor_for_the_next_fetcher(void **state)
{
    struct fetch_source *unlucky;
    begin(false);
    f.n_heads = 0;
    assert_int_equal(fetch_source_new(f.fetcher, url("/a"), NULL, false, &ops, &unlucky), 0);
    wait_for(&f.n_heads);
    int fd = fetch_source_fd(unlucky);
    assert_true(fd >= 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &f.limit), 0);
    f.leaves_no_descriptors = true;
    assert_int_equal(kill(fetcher_pid(f.fetcher), SIGKILL), 0);
    bool is_told = loop_until(&f.loop, is_positive, &f.n_failed);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &f.limit), 0);
    assert_true(is_told);
    assert_int_equal(f.code, TUTTI_E_INTERNAL);
    assert_int_equal(f.n_replaced, 1);
    assert_int_equal(f.n_failed, 1);
    (void)close(fd);
    fetch_source_free(unlucky);
    reset(); /* the other one goes on */
    read_from(0, SIZE);
}

static void many_sources(void **state)
{
    enum { MANY = 300 };
    static struct fetch_source *sources[MANY];
    for (unsigned round = 0; round < 2; round++) {
        f.n_heads = 0;
        for (size_t i = 0; i < MANY; i++)
            assert_int_equal(fetch_source_new(f.fetcher, url("/a"), NULL, false, &ops, &sources[i]),
                             0);
        assert_int_equal(fetcher_count(f.fetcher), MANY);
        wait_for(&f.n_heads);
        for (size_t i = 0; i < MANY; i++)
            fetch_source_free(sources[i]);
        assert_int_equal(fetcher_count(f.fetcher), 0);
    }
    begin(false);
    read_from(0, SIZE);
}

static void a_program_that_is_not_there(void **state)
{
    fetcher_free(f.fetcher);
    assert_int_equal(make_fetcher("/nonexistent/tutti-fetch"), 0);
    assert_int_equal(fetch_source_new(f.fetcher, url("/a"), NULL, false, &ops, &f.source), -ENOENT);
}

static void a_program_that_dies_at_once(void **state)
{
    fetcher_free(f.fetcher);
    assert_int_equal(make_fetcher("/bin/false"), 0);
    assert_int_equal(fetch_source_new(f.fetcher, url("/a"), NULL, false, &ops, &f.source), 0);
    wait_for(&f.n_failed);
    assert_int_equal(f.code, TUTTI_E_INTERNAL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_source_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nonsense_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failure_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_owner_is_told_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_old_link_is_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(its_sources_survive_its_death, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_descriptor_for_the_next_fetcher, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_sources, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_program_that_is_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_program_that_dies_at_once, set_up, tear_down),
    };
    program = argc > 1 ? argv[1] : "build/tutti-fetch";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
