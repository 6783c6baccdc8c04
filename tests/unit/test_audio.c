/* Audio connections: who gets whose frames, attach and credit lines, and a consumer that is slow.
 */
#include "loop.h"
#include "proto/frame.h"
#include "server/audio.h"
#include "server/client_limits.h"

#include <errno.h>
#include <sys/socket.h>

enum { CONNECTIONS_MAX = 6, OWNERS = 2 };

static const char *const ids[OWNERS] = { "the first", "the second" };

static struct {
    uv_loop_t loop;
    struct audio *audio;
    struct outlet_set set[OWNERS];
    struct outlet *outlet[OWNERS]; /* of channel 1 */
    struct outlet_plug plug;
    unsigned n_told;
    unsigned n_slow;
    uint64_t n_reported, slow_owner, slow_channel;
    uint8_t bytes[4 << 20];
    size_t len;
} f;

static struct outlet_set *on_find(const char *client, void *arg)
{
    for (size_t i = 0; i < OWNERS; i++) {
        if (strcmp(client, ids[i]) == 0)
            return &f.set[i];
    }
    return NULL;
}

static void on_slow(uint64_t owner, uint64_t channel, uint64_t n_dropped, void *arg)
{
    f.n_slow++;
    f.n_reported += n_dropped;
    f.slow_owner = owner;
    f.slow_channel = channel;
}

static void on_changed(struct outlet_plug *plug)
{
    assert_ptr_equal(plug, &f.plug);
    f.n_told++;
}

static int set_up(void **state)
{
    memset(&f, 0, sizeof f);
    assert_int_equal(uv_loop_init(&f.loop), 0);
    struct audio_config config = { .loop = &f.loop,
                                   .ops = { .find = on_find, .slow = on_slow },
                                   .max_connections = CONNECTIONS_MAX };
    assert_int_equal(audio_new(&config, &f.audio), 0);
    for (size_t i = 0; i < OWNERS; i++) {
        outlet_set_init(&f.set[i], audio_taps(f.audio), 100 + i);
        f.outlet[i] = outlet_set_get(&f.set[i], 1);
        assert_non_null(f.outlet[i]);
    }
    f.plug.changed = on_changed;
    f.outlet[0]->plug = &f.plug;
    return 0;
}

static int tear_down(void **state)
{
    for (size_t i = 0; i < OWNERS; i++) {
        audio_close_attached(&f.set[i]);
        outlet_release(f.outlet[i]);
        outlet_set_done(&f.set[i]);
    }
    audio_free(f.audio);
    loop_end(&f.loop);
    return 0;
}

static void turn(void)
{
    for (int i = 0; i < 3; i++)
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
}

static int add_connection(void)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    audio_accept(f.audio, pair[0]);
    return pair[1];
}

static void write_line(int sock, const char *line)
{
    assert_int_equal(send(sock, line, strlen(line), MSG_NOSIGNAL), strlen(line));
    turn();
}

static void attach(int sock, size_t owner, const char *flow)
{
    char line[160];
    (void)snprintf(line, sizeof line, "{\"type\":\"attach\",\"client\":\"%s\",\"flow\":\"%s\"}\n",
                   ids[owner], flow);
    write_line(sock, line);
}

static void put(size_t owner, uint64_t channel, uint32_t sequence, uint32_t len)
{
    static const uint8_t packet[1275];
    struct outlet *o = outlet_set_get(&f.set[owner], channel);
    assert_non_null(o);
    outlet_frame(o, sequence, packet, len);
    outlet_release(o);
}

static uint32_t credit_of(size_t owner, uint64_t channel)
{
    struct outlet *o = outlet_set_get(&f.set[owner], channel);
    uint32_t n = o->ops->credit(o);
    outlet_release(o);
    return n;
}

/* Reads all that is there behind what was read before. Returns false at the end of the stream. */
static bool read_more(int sock)
{
    ssize_t n;
    while ((n = recv(sock, f.bytes + f.len, sizeof f.bytes - f.len, 0)) > 0)
        f.len += (size_t)n;
    return n < 0 && errno == EAGAIN;
}

static bool is_closed(int sock)
{
    f.len = 0;
    return !read_more(sock);
}

/* Expects exactly one frame. */
static void expect_frame(int sock, uint64_t channel, uint32_t sequence, uint32_t len)
{
    uint8_t head[FRAME_HEAD_BYTES];
    f.len = 0;
    assert_true(read_more(sock));
    assert_int_equal(f.len, FRAME_HEAD_BYTES + len);
    frame_put_head(head, channel, sequence, len);
    assert_memory_equal(f.bytes, head, sizeof head);
}

static void expect_nothing(int sock)
{
    f.len = 0;
    assert_true(read_more(sock));
    assert_int_equal(f.len, 0);
}

static void nobody_listens(void **state)
{
    assert_int_equal(f.outlet[0]->flow, OUTLET_HOLD);
    put(0, 1, 0, 10); /* goes nowhere */
    audio_flush(f.audio);
    int sock = add_connection();
    assert_int_equal(f.outlet[0]->flow, OUTLET_PACED);
    assert_int_equal(f.outlet[1]->flow, OUTLET_PACED);
    expect_nothing(sock);
    (void)close(sock);
    turn();
    assert_int_equal(f.outlet[0]->flow, OUTLET_HOLD);
}

static void a_listener_that_never_attached_hears_all(void **state)
{
    int a = add_connection(), b = add_connection();
    put(0, 1, 7, 10);
    expect_nothing(a); /* it leaves at the flush */
    audio_flush(f.audio);
    expect_frame(a, 1, 7, 10);
    expect_frame(b, 1, 7, 10);
    put(1, 2, 0, 0);
    audio_flush(f.audio);
    expect_frame(a, 2, 0, 0);
    (void)close(a);
    (void)close(b);
}

static void attached_connections(void **state)
{
    int all = add_connection(), own = add_connection();
    attach(own, 0, "paced");
    expect_frame(own, 0, 0, 0); /* the confirmation */
    assert_int_equal(f.outlet[0]->flow, OUTLET_PACED);
    put(0, 1, 0, 10);
    put(1, 2, 0, 20);
    audio_flush(f.audio);
    expect_frame(own, 1, 0, 10); /* its own only */
    expect_frame(all, 2, 0, 20); /* and those of clients that never attached */
    int newer = add_connection();
    attach(newer, 0, "credit");
    expect_frame(newer, 0, 0, 0);
    assert_true(is_closed(own)); /* a new one replaces the old one */
    assert_int_equal(f.outlet[0]->flow, OUTLET_CREDIT);
    (void)close(newer);
    turn();
    /* Once attached, its frames go nowhere else: they hold. */
    assert_int_equal(f.outlet[0]->flow, OUTLET_HOLD);
    (void)close(all);
    (void)close(own);
}

static void lines_that_close(void **state)
{
    static const char *const lines[] = {
        "\n",
        "nonsense\n",
        "{\"type\":\"attach\",\"client\":\"0123456789abcdef\",\"flow\":\"paced\"}\n",
        "{\"type\":\"credit\",\"channel_id\":\"1\",\"frames\":-1}\n",
    };
    static char big[1200];
    for (size_t i = 0; i < LENGTH_OF(lines); i++) {
        int sock = add_connection();
        write_line(sock, lines[i]);
        ROW_TRUE(lines[i], is_closed(sock));
        (void)close(sock);
    }
    int sock = add_connection();
    memset(big, 'x', sizeof big - 1);
    write_line(sock, big); /* without an end */
    turn();
    assert_true(is_closed(sock));
    (void)close(sock);
}

static void credit(void **state)
{
    int sock = add_connection();
    attach(sock, 0, "credit");
    assert_int_equal(credit_of(0, 1), 0);
    write_line(sock, "{\"type\":\"credit\",\"channel_id\":\"1\",\"frames\":2}\n");
    write_line(sock, "{\"type\":\"credit\",\"channel_id\":\"1\",\"frames\":1}\n");
    assert_int_equal(credit_of(0, 1), 3);
    assert_int_equal(credit_of(0, 2), 0);
    f.outlet[0]->ops->spend(f.outlet[0]);
    assert_int_equal(credit_of(0, 1), 2);
    for (int i = 0; i < 1100; i++)
        write_line(sock, "{\"type\":\"credit\",\"channel_id\":\"2\",\"frames\":1048576}\n");
    assert_int_equal(credit_of(0, 2), 1 << 30); /* and never round to little */
    attach(sock, 0, "credit");                  /* the attachment changes: credit is gone */
    assert_int_equal(credit_of(0, 1), 0);
    (void)close(sock);
}

/* It reads nothing for a while, then everything: whole frames, a gap, the newest 25, the end. */
static void a_slow_consumer(void **state)
{
    int sock = add_connection();
    enum { N = 500 };
    for (uint32_t i = 0; i < N; i++) {
        put(0, 1, i, 1275);
        audio_flush(f.audio);
        turn();
    }
    put(0, 1, N, 0);
    audio_flush(f.audio);
    uint64_t dropped = audio_dropped(f.audio);
    assert_true(dropped > 0 && f.n_slow >= 1 && f.n_reported <= dropped);
    assert_int_equal(f.slow_owner, f.set[0].owner);
    assert_int_equal(f.slow_channel, 1);
    f.len = 0;
    for (size_t before = 1; before != f.len;) {
        before = f.len;
        assert_true(read_more(sock));
        turn();
        assert_true(read_more(sock));
    }
    uint32_t n = 0, gaps = 0, next = 0;
    for (const uint8_t *at = f.bytes; at < f.bytes + f.len; at += frame_size(at), n++) {
        uint32_t sequence_be, sequence;
        memcpy(&sequence_be, at + 12, 4);
        sequence = be32toh(sequence_be);
        assert_int_equal(frame_size(at), FRAME_HEAD_BYTES + (sequence < N ? 1275 : 0));
        assert_true(sequence >= next);
        gaps += sequence > next;
        next = sequence + 1;
    }
    assert_int_equal(next, N + 1);
    assert_int_equal(n + dropped, N + 1);
    assert_in_range(gaps, 1, 2); /* one run is missing; a frame begun before it stays */
    (void)close(sock);
}

/* On a connection that never attached lie frames of many. */
static void whose_frames_were_dropped(void **state)
{
    int sock = add_connection();
    for (uint32_t i = 0; f.n_slow == 0 && i < 500; i++) {
        put(0, 1, 2 * i, 1275);
        put(0, 1, 2 * i + 1, 1275);
        put(1, 2, i, 1275); /* half as many: there is room for these yet */
        audio_flush(f.audio);
    }
    assert_int_equal(f.n_slow, 1);
    assert_int_equal(f.slow_owner, f.set[0].owner);
    assert_int_equal(f.slow_channel, 1);
    (void)close(sock);
}

/* Two ticks of five hundred channels leave in one write each, though nobody has read yet. */
static void a_large_batch_leaves_at_once(void **state)
{
    int sock = add_connection();
    enum { N = 500, LEN = 200 };
    f.len = 0;
    for (uint32_t tick = 0; tick < 2; tick++) {
        for (uint64_t channel = 1; channel <= N; channel++)
            put(0, channel, tick, LEN);
        audio_flush(f.audio);
    }
    assert_true(read_more(sock)); /* without a turn of the loop: what waits would be missing */
    assert_int_equal(f.len, 2 * N * (FRAME_HEAD_BYTES + LEN));
    assert_int_equal(audio_dropped(f.audio), 0);
    (void)close(sock);
}

/* Reads what there is and forgets it. Returns how many bytes. */
static size_t read_away(int sock)
{
    size_t len = 0;
    do {
        f.len = 0;
        assert_true(read_more(sock));
        len += f.len;
        turn();
    } while (f.len > 0);
    return len;
}

/* Those that never attached, and read nothing, keep no more than all together may. One that is slow
 * for a moment beside them loses nothing. */
static void many_that_read_nothing(void **state)
{
    enum { DEAF = CONNECTIONS_MAX - 1, N = LIMIT_WAITING_BYTES / 1275 };
    int deaf[DEAF], slow = add_connection();
    size_t len = 0;
    attach(slow, 1, "paced");
    for (size_t i = 0; i < DEAF; i++)
        deaf[i] = add_connection();
    for (uint32_t i = 0; i < N; i++) {
        put(0, 1 + i, 0, 1275);
        put(0, 1 + i, 1, 0);
        if (i % (N / 20) == 0)
            put(1, 1 + i % 4, i, 1275);
        audio_flush(f.audio);
    }
    assert_true(audio_dropped(f.audio) > N);
    assert_true(f.n_slow > 0);
    assert_int_equal(f.slow_owner, f.set[0].owner);
    for (size_t i = 0; i < DEAF; i++) {
        size_t got = read_away(deaf[i]);
        assert_in_range(got, LIMIT_WAITING_BYTES_ALL / DEAF / 3, LIMIT_WAITING_BYTES);
        len += got;
        (void)close(deaf[i]);
    }
    assert_in_range(len, LIMIT_WAITING_BYTES_ALL / 2, LIMIT_WAITING_BYTES_ALL);
    assert_int_equal(read_away(slow), FRAME_HEAD_BYTES + 21 * (FRAME_HEAD_BYTES + 1275));
    (void)close(slow);
}

/* Credit that is for no attachment is none, however much: nothing of it is kept. */
static void credit_without_an_attachment(void **state)
{
    int sock = add_connection();
    for (unsigned i = 1; i <= LIMIT_CREDIT_CHANNELS + 1; i++) {
        char line[100];
        (void)snprintf(line, sizeof line,
                       "{\"type\":\"credit\",\"channel_id\":\"%u\",\"frames\":1}\n", i);
        write_line(sock, line);
    }
    assert_false(is_closed(sock));
    attach(sock, 0, "credit");
    assert_int_equal(credit_of(0, 1), 0);
    (void)close(sock);
}

/* A bot lives long and has seen many channels: the one that got nothing for longest is forgotten.
 */
static void credit_for_too_many_channels(void **state)
{
    int sock = add_connection();
    attach(sock, 0, "credit");
    for (unsigned i = 1; i <= LIMIT_CREDIT_CHANNELS + 2; i++) {
        char line[100];
        /* The first one gets more before there are too many. */
        (void)snprintf(line, sizeof line,
                       "{\"type\":\"credit\",\"channel_id\":\"%u\",\"frames\":1}\n",
                       i == LIMIT_CREDIT_CHANNELS + 1 ? 1 : i);
        write_line(sock, line);
    }
    assert_false(is_closed(sock));
    assert_int_equal(credit_of(0, 1), 2);
    assert_int_equal(credit_of(0, 2), 0);
    assert_int_equal(credit_of(0, 3), 1);
    assert_int_equal(credit_of(0, LIMIT_CREDIT_CHANNELS + 2), 1);
    (void)close(sock);
}

static void too_many_connections(void **state)
{
    int socks[CONNECTIONS_MAX + 2];
    for (size_t i = 0; i < LENGTH_OF(socks); i++)
        socks[i] = add_connection();
    for (size_t i = 0; i < LENGTH_OF(socks); i++) {
        assert_int_equal(is_closed(socks[i]), i >= CONNECTIONS_MAX);
        (void)close(socks[i]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nobody_listens),
        TEST(a_listener_that_never_attached_hears_all),
        TEST(attached_connections),
        TEST(lines_that_close),
        TEST(credit),
        TEST(a_slow_consumer),
        TEST(whose_frames_were_dropped),
        TEST(a_large_batch_leaves_at_once),
        TEST(many_that_read_nothing),
        TEST(credit_without_an_attachment),
        TEST(credit_for_too_many_channels),
        TEST(too_many_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
