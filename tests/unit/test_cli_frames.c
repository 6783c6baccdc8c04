#include "cli/frames.h"
#include "proto/frame.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void put(struct frames *f, uint64_t channel, uint32_t sequence, uint32_t len, int fill)
{
    uint8_t bytes[FRAME_HEAD_BYTES + 2000];
    frame_put_head(bytes, channel, sequence, len);
    memset(bytes + FRAME_HEAD_BYTES, fill, len);
    assert_int_equal(buf_append(&f->in, bytes, FRAME_HEAD_BYTES + len), 0);
}

static void whole_frames(void **state)
{
    struct frames f;
    struct received_frame frame;
    frames_init(&f);
    assert_int_equal(frames_take(&f, &frame), 0);
    put(&f, UINT64_MAX, 7, 1275, 'a');
    put(&f, 1, UINT32_MAX, 1, 'b');
    put(&f, 2, 8, 0, 0);
    assert_int_equal(frames_take(&f, &frame), 1);
    assert_true(frame.channel == UINT64_MAX);
    assert_int_equal(frame.sequence, 7);
    assert_int_equal(frame.len, 1275);
    assert_int_equal(frame.packet[0], 'a');
    assert_int_equal(frame.packet[1274], 'a');
    assert_int_equal(frames_take(&f, &frame), 1);
    assert_true(frame.channel == 1 && frame.sequence == UINT32_MAX && frame.len == 1);
    assert_int_equal(frame.packet[0], 'b');
    assert_int_equal(frames_take(&f, &frame), 1);
    assert_true(frame.channel == 2 && frame.sequence == 8 && frame.len == 0);
    assert_int_equal(frames_take(&f, &frame), 0);
    assert_int_equal(frames_take(&f, &frame), 0);
    frames_done(&f);
}

/* However the stream is cut, the same frames come out, and none before its last byte. */
static void byte_by_byte(void **state)
{
    struct frames whole, f;
    struct received_frame frame;
    frames_init(&whole);
    frames_init(&f);
    put(&whole, 5, 0, 3, 'x');
    put(&whole, 5, 1, 0, 0);
    const char *bytes = buf_head(&whole.in);
    for (size_t i = 0; i < buf_len(&whole.in); i++) {
        assert_int_equal(buf_append(&f.in, bytes + i, 1), 0);
        int expected = i == FRAME_HEAD_BYTES + 2 || i + 1 == buf_len(&whole.in);
        assert_int_equal(frames_take(&f, &frame), expected);
    }
    assert_int_equal(frame.len, 0);
    frames_done(&whole);
    frames_done(&f);
}

static void impossible_lengths(void **state)
{
    static const uint32_t lengths[] = { 0, 1, 11, 12 + 1276, 0x7fffffff, 0xfffffffc, 0xffffffff };
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct frames f;
        struct received_frame frame;
        uint8_t bytes[FRAME_HEAD_BYTES] = { 0 };
        uint32_t length_be = htobe32(lengths[i]);
        memcpy(bytes, &length_be, 4);
        frames_init(&f);
        assert_int_equal(buf_append(&f.in, bytes, sizeof bytes), 0);
        assert_int_equal(frames_take(&f, &frame), -EPROTO);
        frames_done(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_frames),
        cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(impossible_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
