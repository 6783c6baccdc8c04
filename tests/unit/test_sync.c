/* Where frames begin in what is joined anywhere. */
#include "media/sync.h"
#include "unit.h"

#include <string.h>

static uint8_t bytes[SYNC_BYTES_MAX];

static void lengths_of_frames(void **state)
{
    static const struct {
        uint8_t head[SYNC_HEAD_BYTES];
        size_t mpeg, adts;
    } rows[] = {
        { { 0xff, 0xfb, 0x94, 0x00 }, 384, 0 },     /* MPEG-1 layer III, 128 kbit/s, 48 kHz */
        { { 0xff, 0xfb, 0x92, 0x00 }, 418, 0 },     /* 44.1 kHz, padded */
        { { 0xff, 0xfb, 0xe8, 0x00 }, 1440, 0 },    /* 320 kbit/s, 32 kHz */
        { { 0xff, 0xf3, 0x84, 0x00 }, 192, 0 },     /* MPEG-2 layer III, 64 kbit/s, 24 kHz */
        { { 0xff, 0xe3, 0x48, 0x00 }, 288, 0 },     /* MPEG-2.5, 32 kbit/s, 8 kHz */
        { { 0xff, 0xfd, 0xa4, 0x00 }, 576, 0 },     /* layer II, 192 kbit/s */
        { { 0xff, 0xff, 0x94, 0x00 }, 288 * 1, 0 }, /* layer I, 288 kbit/s */
        { { 0xff, 0xfb, 0x04, 0x00 }, 0, 0 },       /* free format */
        { { 0xff, 0xfb, 0xf4, 0x00 }, 0, 0 },
        { { 0xff, 0xfb, 0x9c, 0x00 }, 0, 0 }, /* no rate */
        { { 0xff, 0xeb, 0x94, 0x00 }, 0, 0 }, /* no version */
        { { 0xff, 0xf1, 0x50, 0x80, 0x2e, 0x7f, 0xfc }, 0, 371 },
        { { 0xff, 0xf9, 0x4c, 0x83, 0xff, 0xff, 0xfc }, 0, 8191 },
        { { 0xff, 0xf1, 0x50, 0x80, 0x00, 0xff, 0xfc }, 0, 0 }, /* no longer than its head */
        { { 0xff, 0xf1, 0x7c, 0x80, 0x2e, 0x7f, 0xfc }, 0, 0 }, /* no rate */
        { { 0 }, 0, 0 },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        assert_int_equal(sync_mpeg_bytes(rows[i].head), rows[i].mpeg);
        assert_int_equal(sync_adts_bytes(rows[i].head), rows[i].adts);
    }
}

static const uint8_t mp3_head[] = { 0xff, 0xfb, 0x94, 0x00 };
static const uint8_t adts_head[] = { 0xff, 0xf1, 0x50, 0x80, 0x2e, 0x7f, 0xfc };

static void put_frames(size_t at, const uint8_t *head, size_t head_len, size_t frame, unsigned n)
{
    memset(bytes, 0x55, sizeof bytes);
    for (unsigned i = 0; i < n; i++)
        memcpy(bytes + at + i * frame, head, head_len);
}

static void a_chain_of_three_heads(void **state)
{
    size_t at = 0;
    put_frames(100, mp3_head, sizeof mp3_head, 384, 3);
    assert_int_equal(sync_find(bytes, 1000, &at), SYNC_MPEG);
    assert_int_equal(at, 100);
    /* The third head is not there yet. */
    assert_int_equal(sync_find(bytes, 100 + 2 * 384 + SYNC_HEAD_BYTES - 1, &at), SYNC_NONE);
    assert_int_equal(sync_find(bytes, 100 + 2 * 384 + SYNC_HEAD_BYTES, &at), SYNC_MPEG);
    put_frames(0, adts_head, sizeof adts_head, 371, 3);
    assert_int_equal(sync_find(bytes, 1000, &at), SYNC_ADTS);
    assert_int_equal(at, 0);
    put_frames(0, mp3_head, sizeof mp3_head, 384, 2);
    assert_int_equal(sync_find(bytes, sizeof bytes, &at), SYNC_NONE);
    assert_int_equal(sync_find(bytes, 0, &at), SYNC_NONE);
}

/* What looks like a head is none: another one stands where it says, or of another kind. */
static void false_heads(void **state)
{
    size_t at = 0;
    put_frames(300, mp3_head, sizeof mp3_head, 384, 4);
    memcpy(bytes + 10, mp3_head, sizeof mp3_head);
    assert_int_equal(sync_find(bytes, sizeof bytes, &at), SYNC_MPEG);
    assert_int_equal(at, 300);
    put_frames(0, mp3_head, sizeof mp3_head, 384, 4);
    bytes[384 + 2] = 0x90; /* another rate */
    assert_int_equal(sync_find(bytes, sizeof bytes, &at), SYNC_NONE);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(sync_find(bytes, sizeof bytes, &at), SYNC_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_of_frames),
        cmocka_unit_test(a_chain_of_three_heads),
        cmocka_unit_test(false_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
