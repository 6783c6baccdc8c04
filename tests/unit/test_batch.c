/* Batches: one write a flush, what waits behind a socket that takes no more, and what becomes of
 * those that do not read. A socket of datagrams shows what was one write. */
#include "outlet/batch.h"
#include "proto/frame.h"
#include "unit.h"

#include <errno.h>
#include <sys/socket.h>

enum { BATCHES = 2, LEN = 100, WHOSE = 7 };

static struct {
    struct batches all;
    struct batch batch[BATCHES];
    int theirs[BATCHES];
    int why; /* that the last one broke for */
    unsigned n_broken, n_slow;
    bool waits;
    uint64_t slow_whose, slow_channel, slow_n;
    uint8_t bytes[1 << 20];
    size_t len;
} f;

static void on_broken(struct batch *b, int e)
{
    f.n_broken++;
    f.why = e;
    batch_done(b);
}

static void on_waits(struct batch *b, bool waits)
{
    f.waits = waits;
}

static void on_slow(struct batch *b, uint64_t whose, uint64_t channel, uint64_t n_dropped)
{
    f.n_slow++;
    f.slow_whose = whose;
    f.slow_channel = channel;
    f.slow_n = n_dropped;
}

static void open_batches(int type)
{
    static const struct batch_ops ops = { .broken = on_broken, .waits = on_waits, .slow = on_slow };
    memset(&f, 0, sizeof f);
    for (size_t i = 0; i < BATCHES; i++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(batch_init(&f.batch[i], &f.all, pair[0], &ops), 0);
        f.theirs[i] = pair[1];
    }
}

static int set_up(void **state)
{
    open_batches(SOCK_STREAM);
    return 0;
}

static int set_up_datagrams(void **state)
{
    open_batches(SOCK_DGRAM);
    return 0;
}

static int tear_down(void **state)
{
    for (size_t i = 0; i < BATCHES; i++) {
        batch_done(&f.batch[i]);
        batch_done(&f.batch[i]); /* and again */
        (void)close(f.batch[i].fd);
        if (f.theirs[i] >= 0)
            (void)close(f.theirs[i]);
    }
    assert_null(f.all.all);
    assert_null(f.all.dirty);
    assert_int_equal(f.all.n_waiting_bytes, 0);
    return 0;
}

static void put(size_t i, uint64_t channel, uint32_t sequence, uint32_t len)
{
    uint8_t packet[1275];
    memset(packet, (int)sequence, sizeof packet);
    batch_put(&f.batch[i], WHOSE + i, channel, sequence, packet, len);
}

/* Reads behind what was read before. Returns how much came. */
static size_t read_once(size_t i)
{
    ssize_t n = recv(f.theirs[i], f.bytes + f.len, sizeof f.bytes - f.len, 0);
    f.len += n > 0 ? (size_t)n : 0;
    return n > 0 ? (size_t)n : 0;
}

static void all_of_a_tick_in_one_write(void **state)
{
    put(0, 1, 0, LEN);
    put(1, 1, 0, LEN);
    put(0, 2, 0, LEN);
    put(0, 2, 1, 0);
    assert_int_equal(read_once(0), 0); /* not before the flush */
    batches_flush(&f.all);
    assert_int_equal(read_once(0), 2 * (FRAME_HEAD_BYTES + LEN) + FRAME_HEAD_BYTES);
    assert_int_equal(read_once(0), 0);
    assert_int_equal(read_once(1), FRAME_HEAD_BYTES + LEN);
    batches_flush(&f.all);
    assert_int_equal(read_once(0), 0);
}

static void what_is_in_hand_leaves_at_the_end(void **state)
{
    put(0, 1, 0, LEN);
    put(0, 1, 1, 0);
    batch_done(&f.batch[0]);
    assert_int_equal(read_once(0), 2 * FRAME_HEAD_BYTES + LEN);
    put(0, 1, 2, LEN); /* too late */
    batches_flush(&f.all);
    assert_int_equal(read_once(0), 0);
}

/* Fills the socket until frames wait. Returns the next sequence. */
static uint32_t fill(size_t i, uint32_t sequence)
{
    while (!batch_is_blocked(&f.batch[i])) {
        put(i, 1, sequence++, LEN);
        batches_flush(&f.all);
        assert_int_equal(f.n_broken, 0);
    }
    return sequence;
}

/* Reads everything; checks that frames are whole. Returns how many there were, and sets the last
 * one's sequence. */
static uint32_t read_all(size_t i, uint32_t *ret_last)
{
    uint32_t n = 0;
    do
        batch_resume(&f.batch[i]);
    while (read_once(i) > 0);
    for (const uint8_t *at = f.bytes; at < f.bytes + f.len; at += frame_size(at), n++) {
        uint32_t sequence_be;
        memcpy(&sequence_be, at + 12, 4);
        *ret_last = be32toh(sequence_be);
        for (size_t k = FRAME_HEAD_BYTES; k < frame_size(at); k++)
            assert_int_equal(at[k], (uint8_t)*ret_last);
    }
    return n;
}

static void what_is_not_taken_waits_in_order(void **state)
{
    uint32_t last, n = fill(0, 0);
    assert_true(f.waits);
    put(0, 1, n++, LEN);
    put(0, 1, n++, 0);
    batches_flush(&f.all);
    assert_true(batch_waiting_bytes(&f.batch[0]) > 0);
    put(1, 1, 0, LEN); /* the other one is not held up */
    batches_flush(&f.all);
    assert_int_equal(read_once(1), FRAME_HEAD_BYTES + LEN);
    f.len = 0;
    assert_int_equal(read_all(0, &last), n);
    assert_int_equal(last, n - 1);
    assert_false(f.waits);
    assert_false(batch_is_blocked(&f.batch[0]));
    assert_int_equal(f.all.n_dropped, 0);
}

static void the_oldest_are_dropped_and_told(void **state)
{
    uint32_t last, n = fill(0, 0);
    for (int i = 0; i < 10 * LIMIT_WAITING_CHANNEL_FRAMES; i++) {
        put(0, 1, n++, LEN);
        batches_flush(&f.all);
    }
    assert_int_equal(f.n_slow, 1); /* once a second */
    assert_int_equal(f.slow_whose, WHOSE);
    assert_int_equal(f.slow_channel, 1);
    assert_true(f.slow_n > 0 && f.slow_n <= f.all.n_dropped);
    assert_int_equal(read_all(0, &last), n - f.all.n_dropped);
    assert_int_equal(last, n - 1);
}

static void all_are_kept(void **state)
{
    uint32_t last, n;
    batch_keep_all(&f.batch[0], true);
    n = fill(0, 0);
    for (int i = 0; i < 10 * LIMIT_WAITING_CHANNEL_FRAMES; i++)
        put(0, 1, n++, LEN);
    batches_flush(&f.all);
    assert_int_equal(f.n_slow, 0);
    assert_int_equal(read_all(0, &last), n);
}

/* Marks name no channel; what is said of dropped frames does. */
static void a_mark_is_no_channel(void **state)
{
    uint32_t n = fill(0, 0);
    for (int i = 0; i < 2 * LIMIT_WAITING_CHANNEL_FRAMES; i++) {
        put(0, 1, n++, LEN);
        put(0, 0, n, LEN); /* a mark */
    }
    batches_flush(&f.all);
    assert_int_equal(f.slow_channel, 1);
}

static void one_that_never_reads_is_given_up(void **state)
{
    uint32_t n = fill(0, 0);
    for (int i = 0; i <= LIMIT_WAITING_MARKERS && f.n_broken == 0; i++)
        put(0, 1, n, 0);
    assert_int_equal(f.n_broken, 1);
    assert_int_equal(f.why, -ENOBUFS);
    put(0, 1, n, LEN); /* changes nothing */
    batches_flush(&f.all);
    assert_int_equal(f.n_broken, 1);
}

static void the_other_side_is_gone(void **state)
{
    (void)close(f.theirs[0]);
    f.theirs[0] = -1;
    put(0, 1, 0, LEN);
    put(1, 1, 0, LEN);
    batches_flush(&f.all);
    assert_int_equal(f.n_broken, 1);
    assert_int_equal(f.why, -EPIPE);
    assert_int_equal(read_once(1), FRAME_HEAD_BYTES + LEN);
}

/* … while something waits. */
static void the_other_side_goes(void **state)
{
    (void)fill(0, 0);
    (void)close(f.theirs[0]);
    f.theirs[0] = -1;
    batch_resume(&f.batch[0]);
    assert_int_equal(f.n_broken, 1);
    assert_false(batch_is_blocked(&f.batch[0]));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_of_a_tick_in_one_write, set_up_datagrams, tear_down),
        TEST(what_is_in_hand_leaves_at_the_end),
        TEST(what_is_not_taken_waits_in_order),
        TEST(the_oldest_are_dropped_and_told),
        TEST(all_are_kept),
        TEST(a_mark_is_no_channel),
        TEST(one_that_never_reads_is_given_up),
        TEST(the_other_side_is_gone),
        TEST(the_other_side_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
