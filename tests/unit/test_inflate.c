/* Undoing gzip and zlib piece by piece. */
#include "fetch/inflate.h"
#include "unit.h"

#include <errno.h>
#include <zlib.h>

enum { PLAIN_BYTES = 200000, GZIP = 15 + 16, ZLIB = 15 };

static uint8_t plain[PLAIN_BYTES], packed[2 * PLAIN_BYTES], got[2 * PLAIN_BYTES];

static size_t pack(uint8_t *dst, const uint8_t *bytes, size_t len, int form)
{
    z_stream z = { 0 };
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, form, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)bytes;
    z.avail_in = (uInt)len;
    z.next_out = dst;
    z.avail_out = PLAIN_BYTES;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t n = z.total_out;
    (void)deflateEnd(&z);
    return n;
}

/* Returns how many bytes it became, in got[], or negative errno. */
static ssize_t unpack(struct inflate *i, size_t len, size_t piece, size_t room)
{
    size_t n = 0;
    for (size_t at = 0; at < len; at += piece) {
        const uint8_t *next = packed + at;
        size_t left = piece < len - at ? piece : len - at;
        ssize_t r;
        while ((r = inflate_some(i, &next, &left, got + n, room)) > 0)
            n += (size_t)r;
        if (r < 0)
            return r;
        assert_int_equal(left, 0);
    }
    return (ssize_t)n;
}

static void fill_plain(void)
{
    uint64_t seed = 3;
    for (size_t i = 0; i < PLAIN_BYTES; i++)
        plain[i] = i % 1000 < 700 ? (uint8_t)(i / 1000) : (uint8_t)test_random(&seed);
}

static void any_pieces(void **state)
{
    static const size_t pieces[] = { 1, 7, 4096, 2 * PLAIN_BYTES };
    static const size_t rooms[] = { 1, 100, 16384 };
    struct inflate *i;
    fill_plain();
    assert_int_equal(inflate_new(&i), 0);
    for (int form = ZLIB; form <= GZIP; form += GZIP - ZLIB) {
        size_t n = pack(packed, plain, PLAIN_BYTES, form);
        for (size_t k = 0; k < LENGTH_OF(pieces) * LENGTH_OF(rooms); k++) {
            inflate_restart(i);
            assert_int_equal(unpack(i, n, pieces[k / 3], rooms[k % 3]), PLAIN_BYTES);
            assert_memory_equal(got, plain, PLAIN_BYTES);
        }
    }
    inflate_free(i);
}

static void parts_and_what_is_behind(void **state)
{
    struct inflate *i;
    fill_plain();
    assert_int_equal(inflate_new(&i), 0);
    size_t n = pack(packed, plain, 1000, GZIP);
    n += pack(packed + n, plain + 1000, 99000, GZIP);
    memset(packed + n, 0, 500);
    packed[n + 400] = 0x1f; /* no part begins behind what is none */
    for (size_t piece = 1; piece <= 4096; piece *= 64) {
        inflate_restart(i);
        assert_int_equal(unpack(i, n + 500, piece, 300), 100000);
        assert_memory_equal(got, plain, 100000);
    }
    inflate_free(i);
}

static void no_more_than_there_is_room_for(void **state)
{
    static const uint8_t zeros[PLAIN_BYTES];
    uint8_t out[101];
    struct inflate *i;
    assert_int_equal(inflate_new(&i), 0);
    size_t left = pack(packed, zeros, PLAIN_BYTES, GZIP);
    const uint8_t *next = packed;
    assert_true(left < 1000);
    out[100] = 7;
    for (int n = 0; n < PLAIN_BYTES / 100; n++)
        assert_int_equal(inflate_some(i, &next, &left, out, 100), 100);
    assert_int_equal(inflate_some(i, &next, &left, out, 100), 0);
    assert_int_equal(out[100], 7);
    inflate_free(i);
}

/* What a server calls packed, and is not. */
static void plain_bytes_stay(void **state)
{
    static const char text[] = "ID3 and so on";
    struct inflate *i;
    assert_int_equal(inflate_new(&i), 0);
    for (size_t room = 1; room < 5; room++) {
        for (size_t piece = 1; piece < 16; piece++) {
            inflate_restart(i);
            assert_int_equal(inflate_look(i), INFLATE_UNSEEN);
            memcpy(packed, text, sizeof text);
            assert_int_equal(unpack(i, sizeof text, piece, room), sizeof text);
            assert_memory_equal(got, text, sizeof text);
            assert_int_equal(inflate_look(i), INFLATE_PLAIN);
        }
    }
    inflate_free(i);
}

static void no_such_encoding(void **state)
{
    struct inflate *i;
    assert_int_equal(inflate_new(&i), 0);
    fill_plain();
    size_t n = pack(packed, plain, PLAIN_BYTES, GZIP);
    memset(packed + n / 2, 0x55, 100);
    inflate_restart(i);
    assert_int_equal(unpack(i, n, 100, 16384), -EBADMSG);
    inflate_restart(i);
    assert_true(unpack(i, n / 3, 100, 16384) > 0); /* cut */
    inflate_free(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_pieces),
        cmocka_unit_test(parts_and_what_is_behind),
        cmocka_unit_test(no_more_than_there_is_room_for),
        cmocka_unit_test(plain_bytes_stay),
        cmocka_unit_test(no_such_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
