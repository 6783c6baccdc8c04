#include "base/buf.h"
#include "unit.h"

#include <errno.h>

static void grows_to_its_limit(void **state)
{
    struct buf b;
    buf_init(&b, 1000);
    assert_int_equal(buf_len(&b), 0);
    assert_null(b.data);
    assert_int_equal(buf_append(&b, "", 0), 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(buf_append(&b, "0123456789", 10), 0);
    assert_int_equal(buf_len(&b), 1000);
    assert_int_equal(buf_append(&b, "x", 1), -ENOBUFS);
    assert_null(buf_reserve(&b, 1));
    assert_int_equal(buf_len(&b), 1000);
    assert_memory_equal(buf_head(&b) + 990, "0123456789", 10);
    buf_consume(&b, 1);
    assert_int_equal(buf_append(&b, "x", 1), 0);
    assert_int_equal(buf_append(&b, "y", SIZE_MAX), -ENOBUFS);
    assert_null(buf_reserve(&b, SIZE_MAX));
    buf_done(&b);
    assert_int_equal(buf_len(&b), 0);
    assert_int_equal(buf_append(&b, "x", 1), 0); /* usable again */
    buf_done(&b);
}

/* Bytes come out as they went in, whatever the pieces, and memory does not creep away. */
static void a_queue_of_bytes(void **state)
{
    struct buf b;
    uint64_t seed = 9;
    uint32_t in = 0, out = 0;
    buf_init(&b, 4000);
    while (in < 200000) {
        char bytes[300];
        size_t n = test_random(&seed) % sizeof bytes;
        for (size_t i = 0; i < n; i++)
            bytes[i] = (char)((in + i) * 7 >> 3);
        if (buf_append(&b, bytes, n) == 0)
            in += (uint32_t)n;
        n = test_random(&seed) % 300;
        n = n < buf_len(&b) ? n : buf_len(&b);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(buf_head(&b)[i], (char)((out + i) * 7 >> 3));
        buf_consume(&b, n);
        out += (uint32_t)n;
        assert_int_equal(buf_len(&b), in - out);
        assert_true(b.capacity <= 16384);
    }
    buf_done(&b);
}

static void reserve_and_commit(void **state)
{
    struct buf b;
    buf_init(&b, 100);
    char *room = buf_reserve(&b, 100);
    assert_non_null(room);
    assert_int_equal(buf_len(&b), 0); /* nothing yet */
    memcpy(room, "abc", 3);
    buf_commit(&b, 3);
    assert_int_equal(buf_len(&b), 3);
    assert_null(buf_room(&b, 98));
    assert_null(buf_reserve(&b, 98));
    char *tail = buf_reserve(&b, 97);
    assert_non_null(tail);
    assert_ptr_equal(buf_room(&b, 97), tail); /* now that it is there */
    assert_memory_equal(buf_head(&b), "abc", 3);
    buf_done(&b);
}

static void large_memory_is_given_back(void **state)
{
    struct buf b;
    char *bytes = calloc(1, 100000);
    buf_init(&b, 100000);
    assert_int_equal(buf_append(&b, bytes, 1000), 0);
    buf_consume(&b, 1000);
    assert_non_null(b.data); /* small: kept */
    assert_int_equal(buf_append(&b, bytes, 100000), 0);
    buf_consume(&b, 99999);
    assert_non_null(b.data);
    buf_consume(&b, 1);
    assert_null(b.data);
    assert_int_equal(b.capacity, 0);
    b.keep = 200000; /* unless it was told to keep it */
    assert_int_equal(buf_append(&b, bytes, 100000), 0);
    buf_consume(&b, 100000);
    assert_non_null(b.data);
    buf_done(&b);
    free(bytes);
}

static void no_byte_is_looked_at_twice_for_a_newline(void **state)
{
    struct buf b;
    size_t scanned = 0;
    buf_init(&b, 100);
    assert_null(buf_find_newline(&b, &scanned));
    assert_int_equal(buf_append(&b, "abc", 3), 0);
    assert_null(buf_find_newline(&b, &scanned));
    assert_int_equal(scanned, 3);
    buf_head(&b)[1] = '\n'; /* whoever looked again would find it */
    assert_null(buf_find_newline(&b, &scanned));
    assert_int_equal(buf_append(&b, "de\nf\n", 5), 0);
    assert_ptr_equal(buf_find_newline(&b, &scanned), buf_head(&b) + 5);
    assert_int_equal(scanned, 0);
    buf_consume(&b, 6);
    assert_ptr_equal(buf_find_newline(&b, &scanned), buf_head(&b) + 1);
    buf_consume(&b, 2);
    assert_null(buf_find_newline(&b, &scanned));
    assert_int_equal(scanned, 0);
    buf_done(&b);
}

static void memory_is_handed_over(void **state)
{
    struct buf b;
    size_t len;
    buf_init(&b, 100);
    assert_null(buf_take(&b, &len));
    assert_int_equal(len, 0);
    assert_int_equal(buf_append(&b, "abcde", 5), 0);
    buf_consume(&b, 2);
    char *bytes = buf_take(&b, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(bytes, "cde", 3);
    free(bytes);
    assert_int_equal(buf_len(&b), 0);
    assert_int_equal(buf_append(&b, "f", 1), 0); /* it is as good as new */
    assert_memory_equal(buf_head(&b), "f", 1);
    buf_consume(&b, 1);
    assert_null(buf_take(&b, &len)); /* there is memory, but nothing in it */
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_to_its_limit),
        cmocka_unit_test(a_queue_of_bytes),
        cmocka_unit_test(reserve_and_commit),
        cmocka_unit_test(large_memory_is_given_back),
        cmocka_unit_test(memory_is_handed_over),
        cmocka_unit_test(no_byte_is_looked_at_twice_for_a_newline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
