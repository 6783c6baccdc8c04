/* tutti-voice's main thread, in a thread of the test, against a gateway in another. */
#include "base/fd.h"
#include "mini_gateway.h"
#include "voice/seal.h"
#include "voice/serve.h"
#include "proto/vmsg.h"

#include <errno.h>

static const char *const hosts[] = { "localhost" };

static struct {
    int sock, theirs, audio;
    pthread_t thread;
    int result;
    atomic_uint n_threads;
} f;

static void on_thread(void)
{
    atomic_fetch_add(&f.n_threads, 1);
}

static void *serve(void *arg)
{
    const struct voice_serve_config config = {
        .policy.allow_private = true, .hosts = hosts, .n_hosts = 1, .thread_made = on_thread
    };
    f.result = voice_serve(&config, f.theirs);
    return NULL;
}

static void say(const struct vmsg *m, int fd)
{
    uint8_t bytes[VMSG_MAX];
    size_t len = vmsg_encode(m, bytes);
    assert_int_equal(fd_send(f.sock, bytes, len, &fd, fd >= 0 ? 1 : 0, 0), 0);
}

static int begin(void **state)
{
    int pair[2], audio[2];
    memset(&f, 0, sizeof f);
    mini_gateway_begin();
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, audio), 0);
    f.sock = pair[0];
    f.theirs = pair[1];
    f.audio = audio[0];
    assert_int_equal(pthread_create(&f.thread, NULL, serve, NULL), 0);
    say(&(struct vmsg){ .type = VMSG_AUDIO }, audio[1]);
    (void)close(audio[1]);
    return 0;
}

static int end(void **state)
{
    if (f.sock >= 0)
        (void)close(f.sock);
    (void)pthread_join(f.thread, NULL);
    (void)close(f.audio);
    mini_gateway_end();
    return 0;
}

/* The next message of that type, within the deadline. */
static struct vmsg next(enum vmsg_type type)
{
    uint8_t bytes[VMSG_MAX];
    struct vmsg m = { 0 };
    do {
        struct pollfd p = { .fd = f.sock, .events = POLLIN };
        int fd = -1;
        size_t n_fds = 0;
        assert_int_equal(poll(&p, 1, 15000), 1);
        ssize_t len = fd_recv(f.sock, bytes, sizeof bytes, &fd, 1, &n_fds, 0);
        assert_true(len > 0);
        assert_int_equal(vmsg_decode(bytes, (size_t)len, &m), 0);
        assert_int_equal(n_fds, m.type == VMSG_SOCKET);
        if (n_fds > 0)
            (void)close(fd);
    } while (m.type != type);
    return m;
}

static void wait_state(enum vmsg_state state)
{
    while (next(VMSG_STATE).changed.state != state)
        continue;
}

static void connect_one(uint32_t id)
{
    struct vmsg m = { .type = VMSG_CONNECT, .id = id, .connect = { .guild = 1, .user = 2 } };
    m.connect.secrets.seq_ack = -1;
    (void)snprintf(m.connect.endpoint, sizeof m.connect.endpoint, "localhost:%u",
                   (unsigned)mini_gateway.port);
    (void)snprintf(m.connect.token, sizeof m.connect.token, "token");
    say(&m, -1);
}

static void put_frame(uint32_t id, uint64_t tick)
{
    static uint8_t bytes[VMSG_BATCH_MAX];
    struct timespec ts;
    size_t len = sizeof(struct vmsg_batch);
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    struct vmsg_batch head = { (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec };
    const struct vmsg_record r = { tick, id, VMSG_FRAME, 3 };
    memcpy(bytes, &head, sizeof head);
    assert_true(vmsg_batch_add(bytes, &len, &r, (const uint8_t *)"\xfcxy"));
    assert_true(send(f.audio, bytes, len, 0) == (ssize_t)len);
}

/* The sequence of the next RTP packet at the voice server. */
static unsigned next_sequence(void)
{
    uint8_t p[2048];
    for (;;) {
        struct pollfd poll_one = { .fd = mini_gateway.udp, .events = POLLIN };
        assert_int_equal(poll(&poll_one, 1, 15000), 1);
        ssize_t n = recv(mini_gateway.udp, p, sizeof p, 0);
        if (n == 3 + SEAL_OVERHEAD)
            return (unsigned)(p[2] << 8 | p[3]);
    }
}

static void a_call_from_connect_to_disconnect(void **state)
{
    connect_one(1);
    assert_int_equal(next(VMSG_SOCKET).id, 1);
    wait_state(VMSG_READY);
    assert_int_equal(atomic_load(&f.n_threads), 1);
    put_frame(1, 70000);
    assert_int_equal(next_sequence(), 70000 % 65536);
    assert_int_equal(next(VMSG_COUNTS).counts.packets, 1);
    assert_int_equal(atomic_load(&mini_gateway.n_speaking), 1);
    say(&(struct vmsg){ .type = VMSG_DISCONNECT, .id = 1 }, -1);
    say(&(struct vmsg){ .type = VMSG_DISCONNECT, .id = 1 }, -1); /* there is none any more */
    connect_one(1);
    wait_state(VMSG_READY);
}

static void it_ends_with_the_daemon(void **state)
{
    connect_one(1);
    wait_state(VMSG_READY);
    (void)close(f.sock);
    f.sock = -1;
    (void)pthread_join(f.thread, NULL);
    assert_int_equal(f.result, 0);
    assert_int_equal(pthread_create(&f.thread, NULL, mini_gateway_run, NULL), 0); /* for end */
    (void)shutdown(mini_gateway.listener, SHUT_RDWR);
}

static void it_leaves_a_daemon_that_breaks_the_rules(void **state)
{
    assert_true(send(f.sock, "nonsense", 8, 0) == 8);
    uint8_t byte;
    assert_int_equal(recv(f.sock, &byte, 1, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_call_from_connect_to_disconnect, begin, end),
        cmocka_unit_test_setup_teardown(it_ends_with_the_daemon, begin, end),
        cmocka_unit_test_setup_teardown(it_leaves_a_daemon_that_breaks_the_rules, begin, end),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
