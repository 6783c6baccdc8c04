/* The window of a transfer: bytes of a resource, kept in blocks. */
#include "fetch/window.h"
#include "unit.h"

#include <errno.h>

static uint8_t byte_at(int64_t at)
{
    return (uint8_t)(at * 31 + at / 251);
}

static void append(struct window *w, size_t n)
{
    static uint8_t b[WINDOW_BYTES_MAX];
    for (size_t i = 0; i < n; i++)
        b[i] = byte_at(w->end + (int64_t)i);
    assert_int_equal(window_append(w, b, n), 0);
}

static void check_content(const struct window *w)
{
    struct iovec iov[WINDOW_BLOCKS];
    size_t n_iov = WINDOW_BLOCKS, n = 0;
    assert_int_equal(window_view(w, w->begin, window_len(w), iov, &n_iov), window_len(w));
    for (size_t i = 0; i < n_iov; i++) {
        for (size_t k = 0; k < iov[i].iov_len; k++, n++)
            assert_int_equal(((uint8_t *)iov[i].iov_base)[k], byte_at(w->begin + (int64_t)n));
    }
    assert_int_equal(n, window_len(w));
}

static void window_keeps_what_it_was_given(void **state)
{
    struct window w = { 0 };
    uint64_t seed = 5;
    window_restart(&w, 1000000);
    for (int i = 0; i < 300; i++) {
        size_t n = test_random(&seed) % 40000;
        if (window_len(&w) + n <= WINDOW_BYTES_MAX)
            append(&w, n);
        else
            window_trim(&w, w.begin + test_random(&seed) % 300000);
        check_content(&w);
    }
    window_restart(&w, 0);
    assert_int_equal(w.n_blocks, 0);
}

static void window_limits(void **state)
{
    struct window w = { 0 };
    static uint8_t zeros[WINDOW_BYTES_MAX];
    struct iovec iov;
    size_t n = 1;
    append(&w, 5000);
    window_trim(&w, 100);
    append(&w, WINDOW_BYTES_MAX - 4900);
    assert_int_equal(window_append(&w, zeros, 1), -ENOBUFS);
    check_content(&w);
    assert_int_equal(window_view(&w, w.begin - 1, 1, &iov, &n), 0);
    n = 1;
    assert_int_equal(window_view(&w, w.end, 1, &iov, &n), 0);
    window_trim(&w, w.end + 99);
    assert_int_equal(w.begin, w.end);
    assert_int_equal(w.n_blocks, 0);
    window_restart(&w, 0);
}

static void window_compares(void **state)
{
    struct window w = { 0 };
    uint8_t b[1000];
    window_restart(&w, 100);
    append(&w, 500);
    for (size_t i = 0; i < sizeof b; i++)
        b[i] = byte_at((int64_t)i);
    assert_int_equal(window_compare(&w, 0, b, sizeof b), 0);
    b[50] ^= 1; /* before the window: nobody knows */
    assert_int_equal(window_compare(&w, 0, b, sizeof b), 0);
    b[599] ^= 1;
    assert_int_not_equal(window_compare(&w, 0, b, sizeof b), 0);
    assert_int_equal(window_compare(&w, 0, b, 599), 0);
    window_restart(&w, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_keeps_what_it_was_given),
        cmocka_unit_test(window_limits),
        cmocka_unit_test(window_compares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
