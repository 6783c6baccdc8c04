/* What waits for a slow audio connection: in order, bounded, and never cut or stripped of ends. */
#include "outlet/outqueue.h"
#include "proto/frame.h"
#include "unit.h"

#include <errno.h>
#include <sys/uio.h>

enum { PACKET_BYTES = 20, FRAME_BYTES = FRAME_HEAD_BYTES + PACKET_BYTES };

static size_t total_bytes; /* of the queues that there are */

static struct outqueue *new_queue(void)
{
    struct outqueue *q = outqueue_new(&total_bytes);
    assert_non_null(q);
    return q;
}

/* Adds a frame of `channel` (an end marker without a packet). Returns whether one was dropped. */
static bool add(struct outqueue *q, uint64_t channel, uint32_t sequence, size_t sent, bool marker,
                bool may_drop)
{
    uint8_t frame[FRAME_BYTES];
    uint64_t dropped = 0;
    frame_put_head(frame, channel, sequence, marker ? 0 : PACKET_BYTES);
    memset(frame + FRAME_HEAD_BYTES, (int)sequence, PACKET_BYTES);
    assert_int_equal(
        outqueue_add(q, frame, marker ? FRAME_HEAD_BYTES : FRAME_BYTES, sent, may_drop, &dropped),
        0);
    return dropped > 0;
}

static bool add_frame(struct outqueue *q, uint64_t channel, uint32_t sequence)
{
    return add(q, channel, sequence, 0, false, true);
}

/* Takes everything out as the socket would, in steps of `step` bytes, into `out`. */
static size_t drain(struct outqueue *q, uint8_t *out, size_t size, size_t step)
{
    size_t n = 0;
    while (!outqueue_is_empty(q)) {
        struct iovec iov[3];
        size_t pieces = outqueue_peek(q, iov, LENGTH_OF(iov)), left = step;
        assert_in_range(pieces, 1, LENGTH_OF(iov));
        for (size_t i = 0; i < pieces && left > 0; i++) {
            size_t len = iov[i].iov_len < left ? iov[i].iov_len : left;
            assert_true(iov[i].iov_len > 0 && n + len <= size);
            memcpy(out + n, iov[i].iov_base, len);
            n += len;
            left -= len;
        }
        outqueue_consume(q, step - left);
    }
    return n;
}

struct seen {
    uint64_t channel;
    uint32_t sequence;
    bool marker;
};

/* Cuts what was drained into frames and checks each one's bytes. */
static size_t parse(const uint8_t *bytes, size_t len, struct seen *ret, size_t max)
{
    size_t n = 0;
    for (const uint8_t *at = bytes; at < bytes + len; at += frame_size(at)) {
        assert_true(n < max);
        uint32_t sequence_be;
        memcpy(&sequence_be, at + 12, 4);
        ret[n] = (struct seen){ .channel = frame_channel(at),
                                .sequence = be32toh(sequence_be),
                                .marker = frame_size(at) == FRAME_HEAD_BYTES };
        assert_true(at + frame_size(at) <= bytes + len);
        for (size_t i = FRAME_HEAD_BYTES; i < frame_size(at); i++)
            assert_int_equal(at[i], (uint8_t)ret[n].sequence);
        n++;
    }
    return n;
}

static void in_order_in_any_pieces(void **state)
{
    static const size_t steps[] = { 1, 2, 15, 16, 17, 35, 36, 37, 72, 100, 100000 };
    for (size_t k = 0; k < LENGTH_OF(steps); k++) {
        struct outqueue *q = new_queue();
        uint8_t bytes[60 * FRAME_BYTES];
        struct seen seen[60];
        assert_true(outqueue_is_empty(q));
        for (uint32_t i = 0; i < 60; i++)
            assert_false(add(q, 1 + i % 3, i, 0, i % 10 == 9, true));
        assert_int_equal(parse(bytes, drain(q, bytes, sizeof bytes, steps[k]), seen, 60), 60);
        for (uint32_t i = 0; i < 60; i++) {
            assert_int_equal(seen[i].sequence, i);
            assert_int_equal(seen[i].channel, 1 + i % 3);
            assert_int_equal(seen[i].marker, i % 10 == 9);
        }
        outqueue_free(q);
    }
}

static void the_oldest_of_a_full_channel_goes(void **state)
{
    struct outqueue *q = new_queue();
    uint8_t bytes[100 * FRAME_BYTES];
    struct seen seen[100];
    for (uint32_t i = 0; i < 40; i++) {
        assert_int_equal(add_frame(q, 1, i), i >= LIMIT_WAITING_CHANNEL_FRAMES);
        if (i < 10)
            assert_false(add_frame(q, 2, i)); /* another channel is not touched */
    }
    size_t n = parse(bytes, drain(q, bytes, sizeof bytes, 1000), seen, 100);
    assert_int_equal(n, LIMIT_WAITING_CHANNEL_FRAMES + 10);
    uint32_t next[3] = { 0, 40 - LIMIT_WAITING_CHANNEL_FRAMES, 0 };
    for (size_t i = 0; i < n; i++)
        assert_int_equal(seen[i].sequence, next[seen[i].channel]++); /* the gap shows */
    assert_int_equal(next[1], 40);
    assert_int_equal(next[2], 10);
    outqueue_free(q);
}

/* A frame of which a part has left must leave whole, or the stream means nothing any more. */
static void a_frame_that_has_begun_is_kept(void **state)
{
    struct outqueue *q = new_queue();
    uint8_t bytes[100 * FRAME_BYTES];
    struct seen seen[100];
    assert_false(add(q, 1, 0, 7, false, true));
    for (uint32_t i = 1; i < 60; i++)
        assert_int_equal(add_frame(q, 1, i), i >= LIMIT_WAITING_CHANNEL_FRAMES);
    frame_put_head(bytes, 1, 0, PACKET_BYTES); /* the 7 bytes that had left */
    size_t len = 7 + drain(q, bytes + 7, sizeof bytes - 7, 10);
    assert_int_equal(parse(bytes, len, seen, 100), LIMIT_WAITING_CHANNEL_FRAMES);
    assert_int_equal(seen[0].sequence, 0);
    for (uint32_t i = 1; i < LIMIT_WAITING_CHANNEL_FRAMES; i++)
        assert_int_equal(seen[i].sequence, 60 - LIMIT_WAITING_CHANNEL_FRAMES + i);
    outqueue_free(q);
}

/* The same, begun by a consume in the middle. */
static void a_frame_begun_later_is_kept(void **state)
{
    struct outqueue *q = new_queue();
    uint8_t bytes[100 * FRAME_BYTES];
    struct seen seen[100];
    struct iovec iov[1];
    for (uint32_t i = 0; i < 3; i++)
        (void)add_frame(q, 1, i);
    assert_int_equal(outqueue_peek(q, iov, 1), 1);
    memcpy(bytes, iov[0].iov_base, FRAME_BYTES);
    assert_int_equal(iov[0].iov_len, FRAME_BYTES);
    outqueue_consume(q, FRAME_BYTES);
    assert_int_equal(outqueue_peek(q, iov, 1), 1);
    memcpy(bytes, iov[0].iov_base, FRAME_BYTES);
    outqueue_consume(q, FRAME_BYTES - 1); /* all but its last byte */
    for (uint32_t i = 3; i < 60; i++)
        (void)add_frame(q, 1, i);
    size_t len =
        FRAME_BYTES - 1 + drain(q, bytes + FRAME_BYTES - 1, sizeof bytes - FRAME_BYTES, 50);
    assert_int_equal(parse(bytes, len, seen, 100), LIMIT_WAITING_CHANNEL_FRAMES);
    assert_int_equal(seen[0].sequence, 1);
    assert_int_equal(seen[1].sequence, 60 - LIMIT_WAITING_CHANNEL_FRAMES + 1);
    outqueue_free(q);
}

static void end_markers_are_never_dropped(void **state)
{
    struct outqueue *q = new_queue();
    static uint8_t bytes[400 * FRAME_BYTES];
    static struct seen seen[400];
    unsigned markers = 0;
    for (uint32_t i = 0; i < 200; i++) {
        (void)add_frame(q, 1, i);
        if (i % 2 == 1)
            assert_false(add(q, 1, i + 1, 0, true, true));
    }
    size_t n = parse(bytes, drain(q, bytes, sizeof bytes, 333), seen, LENGTH_OF(seen));
    assert_int_equal(n, 100 + LIMIT_WAITING_CHANNEL_FRAMES);
    for (size_t i = 0; i < n; i++)
        markers += seen[i].marker;
    assert_int_equal(markers, 100);
    /* Behind the frames it ends, even if those before were dropped. */
    assert_true(seen[n - 1].marker && seen[n - 1].sequence == 200);
    assert_int_equal(seen[n - 2].sequence, 199);
    outqueue_free(q);
}

/* They are of channel 0, whatever channel they are about. */
static void marks_are_never_dropped(void **state)
{
    struct outqueue *q = new_queue();
    uint8_t bytes[100 * FRAME_BYTES];
    struct seen seen[100];
    unsigned marks = 0;
    for (uint32_t i = 0; i < 60; i++)
        (void)add(q, i % 2, i, 0, false, true);
    size_t n = parse(bytes, drain(q, bytes, sizeof bytes, 1000), seen, 100);
    for (size_t i = 0; i < n; i++)
        marks += seen[i].channel == 0;
    assert_int_equal(marks, 30);
    assert_int_equal(n, 30 + LIMIT_WAITING_CHANNEL_FRAMES);
    outqueue_free(q);
}

static void end_markers_are_counted(void **state)
{
    struct outqueue *q = new_queue();
    uint8_t marker[FRAME_HEAD_BYTES];
    uint64_t dropped = 0;
    frame_put_head(marker, 1, 0, 0);
    for (int i = 0; i < LIMIT_WAITING_MARKERS; i++)
        assert_int_equal(outqueue_add(q, marker, sizeof marker, 0, true, &dropped), 0);
    assert_int_equal(outqueue_add(q, marker, sizeof marker, 0, true, &dropped), -ENOBUFS);
    assert_false(add_frame(q, 1, 1)); /* frames still go in */
    outqueue_consume(q, sizeof marker);
    assert_int_equal(outqueue_add(q, marker, sizeof marker, 0, true, &dropped), 0);
    assert_int_equal(dropped, 0);
    outqueue_free(q);
}

/* Credit flow: nothing is dropped. */
static void without_leave_to_drop(void **state)
{
    struct outqueue *q = new_queue();
    static uint8_t bytes[200 * FRAME_BYTES];
    static struct seen seen[200];
    for (uint32_t i = 0; i < 100; i++)
        assert_false(add(q, 1, i, 0, false, false));
    assert_int_equal(parse(bytes, drain(q, bytes, sizeof bytes, 1000), seen, 200), 100);
    outqueue_free(q);
}

static void a_channel_is_empty_again_after_sending(void **state)
{
    struct outqueue *q = new_queue();
    for (uint32_t round = 0; round < 10; round++) {
        for (uint32_t i = 0; i < LIMIT_WAITING_CHANNEL_FRAMES; i++)
            assert_false(add_frame(q, 1, i));
        outqueue_consume(q, LIMIT_WAITING_CHANNEL_FRAMES * FRAME_BYTES);
        assert_true(outqueue_is_empty(q));
    }
    outqueue_consume(q, 100); /* of nothing */
    outqueue_free(NULL);
    (void)add_frame(q, 1, 0); /* and one that is freed with what waits */
    outqueue_free(q);
}

static void many_channels(void **state)
{
    struct outqueue *q = new_queue();
    for (uint64_t channel = 1; channel <= 500; channel++) {
        for (uint32_t i = 0; i < 30; i++)
            assert_int_equal(add_frame(q, channel << 40 | channel, i), i >= 25);
    }
    outqueue_consume(q, 250 * LIMIT_WAITING_CHANNEL_FRAMES * FRAME_BYTES);
    assert_false(outqueue_is_empty(q));
    assert_true(add_frame(q, UINT64_C(500) << 40 | 500, 30));
    assert_false(add_frame(q, UINT64_C(1) << 40 | 1, 30));
    outqueue_free(q);
}

enum { BIG_PACKET = 1275, BIG_FRAME = FRAME_HEAD_BYTES + BIG_PACKET };

/* Adds the only frame of a channel. Returns how many were dropped for it. */
static uint64_t add_big(struct outqueue *q, uint64_t channel, size_t sent)
{
    uint8_t frame[BIG_FRAME] = { 0 };
    uint64_t n_dropped = 0;
    frame_put_head(frame, channel, 0, BIG_PACKET);
    assert_int_equal(outqueue_add(q, frame, sizeof frame, sent, true, &n_dropped), 0);
    assert_in_range(outqueue_bytes(q), BIG_FRAME, LIMIT_WAITING_BYTES);
    assert_int_equal(outqueue_bytes(q), total_bytes);
    return n_dropped;
}

/* Takes out the first frame, whole or what of it is left. */
static uint64_t take_first(struct outqueue *q, bool *ret_marker)
{
    struct iovec iov[1];
    assert_int_equal(outqueue_peek(q, iov, 1), 1);
    uint64_t channel = frame_channel(iov[0].iov_base);
    *ret_marker = iov[0].iov_len == FRAME_HEAD_BYTES;
    outqueue_consume(q, iov[0].iov_len);
    return channel;
}

/* A client that reads nothing, while plays come and go in ever new channels: the oldest frames go,
 * no end, and not the one of which a part has left. */
static void bytes_are_limited(void **state)
{
    enum { N = LIMIT_WAITING_BYTES / BIG_FRAME * 5 / 4 };
    struct outqueue *q = new_queue();
    uint64_t n_dropped = add_big(q, 1, 7), channel = 1;
    unsigned n_frames = 0, n_markers = 0;
    bool is_marker;
    assert_false(add(q, 1, 1, 0, true, true));
    for (uint64_t i = 2; i <= N; i++) {
        n_dropped += add_big(q, i, 0);
        n_dropped += add(q, i, 1, 0, true, true);
    }
    /* What waits is as much as may. */
    assert_in_range(outqueue_bytes(q), LIMIT_WAITING_BYTES / 10 * 9, LIMIT_WAITING_BYTES);
    assert_in_range(n_dropped, N / 10, N / 2);
    outqueue_consume(q, BIG_FRAME - 7); /* the first one is still there */
    for (n_frames++; !outqueue_is_empty(q);) {
        uint64_t next = take_first(q, &is_marker);
        assert_in_range(next, channel, channel + 1);
        assert_true(is_marker || next >= n_dropped + 2); /* the oldest have gone */
        n_frames += !is_marker;
        n_markers += is_marker;
        channel = next;
    }
    assert_int_equal(channel, N);
    assert_int_equal(n_markers, N);
    assert_int_equal(n_frames + n_dropped, N);
    outqueue_free(q);
    assert_int_equal(total_bytes, 0);
}

/* In credit flow nothing may be dropped: whoever is to keep more than that is told so. */
static void bytes_that_may_not_be_dropped(void **state)
{
    struct outqueue *q = new_queue();
    uint8_t frame[BIG_FRAME] = { 0 };
    uint64_t n_dropped = 0;
    int r = 0;
    frame_put_head(frame, 1, 0, BIG_PACKET);
    for (size_t n = 0; r == 0; n += BIG_FRAME) {
        assert_in_range(n, 0, LIMIT_WAITING_BYTES);
        r = outqueue_add(q, frame, sizeof frame, 0, false, &n_dropped);
    }
    assert_int_equal(r, -ENOBUFS);
    assert_int_equal(n_dropped, 0);
    outqueue_free(q);
    assert_int_equal(total_bytes, 0);
}

static void dropped_one_by_one(void **state)
{
    struct outqueue *q = new_queue();
    bool is_marker;
    assert_false(outqueue_drop(q));
    (void)add(q, 1, 0, 3, false, true); /* begun */
    (void)add(q, 1, 1, 0, true, true);
    (void)add(q, 2, 0, 0, false, true);
    (void)add(q, 3, 0, 0, true, true);
    (void)add(q, 4, 0, 0, false, true);
    assert_true(outqueue_drop(q));
    assert_true(outqueue_drop(q));
    assert_false(outqueue_drop(q));
    (void)add(q, 5, 0, 0, false, true);
    outqueue_consume(q, FRAME_BYTES - 3);
    assert_int_equal(take_first(q, &is_marker), 1);
    assert_int_equal(take_first(q, &is_marker), 3);
    outqueue_consume(q, 1); /* of the last one: now it must leave */
    assert_false(outqueue_drop(q));
    assert_false(outqueue_is_empty(q));
    outqueue_free(q);
    assert_int_equal(total_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order_in_any_pieces),
        cmocka_unit_test(the_oldest_of_a_full_channel_goes),
        cmocka_unit_test(a_frame_that_has_begun_is_kept),
        cmocka_unit_test(a_frame_begun_later_is_kept),
        cmocka_unit_test(end_markers_are_never_dropped),
        cmocka_unit_test(marks_are_never_dropped),
        cmocka_unit_test(end_markers_are_counted),
        cmocka_unit_test(without_leave_to_drop),
        cmocka_unit_test(a_channel_is_empty_again_after_sending),
        cmocka_unit_test(many_channels),
        cmocka_unit_test(bytes_are_limited),
        cmocka_unit_test(bytes_that_may_not_be_dropped),
        cmocka_unit_test(dropped_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
