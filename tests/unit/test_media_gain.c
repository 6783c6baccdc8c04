/* The gain stage: what the volume does to samples, and when. */
#include "media/gain.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { N = 9600 };

static float in[2 * N];
static float out[2 * N];

/* Feeds all of `in` in pieces of 960 and collects what comes out. */
static int run_all(struct gain *g)
{
    int n_out = 0;
    for (int i = 0; i < N; i += 960) {
        float piece[2 * 960];
        for (int k = 0; k < 2 * 960; k++)
            piece[k] = in[2 * i + k];
        int n = gain_run(g, piece, 960);
        for (int k = 0; k < 2 * n; k++)
            out[2 * n_out + k] = piece[k];
        n_out += n;
    }
    return n_out;
}

static void fill_with(float left, float right)
{
    for (int i = 0; i < N; i++) {
        in[2 * i] = left;
        in[2 * i + 1] = right;
    }
}

static int make(void **state)
{
    struct gain *g;
    if (gain_new(&g) < 0)
        return -1;
    *state = g;
    return 0;
}

static int drop(void **state)
{
    gain_free(*state);
    return 0;
}

static void test_unity_changes_nothing(void **state)
{
    fill_with(0.25F, 1.5F);
    gain_begin(*state, 1, 1, 0);
    assert_int_equal(gain_ahead(*state), 0);
    assert_int_equal(run_all(*state), N);
    for (int i = 0; i < 2 * N; i++)
        assert_true(out[i] == in[i]);
}

static void test_ramp_starts_where_it_is_told_and_lasts_10_ms(void **state)
{
    fill_with(0.5F, -0.5F);
    gain_begin(*state, 1, 0.5F, 1000);
    assert_int_equal(run_all(*state), N);
    assert_float_equal(out[2 * 999], 0.5, 1e-6);
    assert_true(out[2 * 1000] < 0.5F);
    for (int i = 1000; i < 1480; i++) {
        assert_true(out[2 * i] < out[2 * (i - 1)]);
        assert_true(out[2 * (i - 1)] - out[2 * i] < 0.001F); /* no step that could click */
    }
    assert_float_equal(out[2 * 1480], 0.25, 1e-6);
    assert_float_equal(out[2 * 1480 + 1], -0.25, 1e-6);
}

static void test_amplified_quiet_sound_is_not_delayed(void **state)
{
    fill_with(0, 0);
    in[2 * 3000] = 0.25F;
    gain_begin(*state, 2, 2, 0);
    assert_int_equal(gain_ahead(*state), GAIN_AHEAD);
    assert_int_equal(run_all(*state), N - GAIN_AHEAD);
    assert_float_equal(out[2 * 3000], 0.5, 1e-6);
    assert_float_equal(out[2 * 2999], 0, 1e-9);
}

static void test_peaks_are_turned_down_not_cut_off(void **state)
{
    for (int i = 0; i < N; i++)
        in[2 * i] = in[2 * i + 1] = 0.9F * sinf((float)i * 0.05F);
    gain_begin(*state, 2, 2, 0);
    int n = run_all(*state);
    float peak = 0;
    int n_at_peak = 0;
    for (int i = 0; i < n; i++) {
        peak = fmaxf(peak, fabsf(out[2 * i]));
        n_at_peak += fabsf(out[2 * i]) > 0.979F;
    }
    assert_true(peak <= 0.9801F);
    /* A clipped sine of twice the size would stand at the ceiling most of the time. */
    assert_true(n_at_peak < n / 8);
}

static void test_both_channels_are_turned_down_alike(void **state)
{
    fill_with(0.8F, 0.2F);
    gain_begin(*state, 2, 2, 0);
    int n = run_all(*state);
    for (int i = 1000; i < n; i++)
        assert_float_equal(out[2 * i + 1] / out[2 * i], 0.25, 1e-4);
}

static void test_limiter_lets_go_again(void **state)
{
    fill_with(0.1F, 0.1F);
    in[2 * 100] = 1;
    gain_begin(*state, 2, 2, 0);
    int n = run_all(*state);
    assert_true(out[2 * 101] < 0.15F);
    assert_true(out[2 * (n - 1)] > 0.17F);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_unity_changes_nothing, make, drop),
        cmocka_unit_test_setup_teardown(test_ramp_starts_where_it_is_told_and_lasts_10_ms, make,
                                        drop),
        cmocka_unit_test_setup_teardown(test_amplified_quiet_sound_is_not_delayed, make, drop),
        cmocka_unit_test_setup_teardown(test_peaks_are_turned_down_not_cut_off, make, drop),
        cmocka_unit_test_setup_teardown(test_both_channels_are_turned_down_alike, make, drop),
        cmocka_unit_test_setup_teardown(test_limiter_lets_go_again, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
