/* The histogram's quantiles against those of the sorted samples. */
#include "playout/lateness.h"
#include "unit.h"

#include <math.h>

enum { N_SAMPLES = 20000 };

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* From a few nanoseconds to minutes, most of them small, as lateness is. */
static uint64_t sample(uint64_t *seed, unsigned spread_bits)
{
    return (((uint64_t)test_random(seed) << 31) | test_random(seed)) >>
           (63 - test_random(seed) % spread_bits);
}

static void check_quantile(const struct lateness *l, const uint64_t *sorted, double q)
{
    size_t rank = (size_t)ceil(q * N_SAMPLES);
    uint64_t want = rank == 0 ? 0 : sorted[rank - 1];
    uint64_t got = lateness_quantile(l, q);
    assert_true(got >= want);
    assert_true((double)(got - want) <= (double)want / 32);
    assert_true(got <= l->max_ns);
}

static void quantiles_of_samples(void **state)
{
    static const unsigned spreads[] = { 1, 6, 20, 40, 62 };
    static struct lateness l;
    static uint64_t samples[N_SAMPLES];
    for (size_t k = 0; k < LENGTH_OF(spreads); k++) {
        uint64_t seed = k;
        l = (struct lateness){ 0 };
        for (size_t i = 0; i < N_SAMPLES; i++) {
            samples[i] = sample(&seed, spreads[k]);
            lateness_add(&l, samples[i], 1);
        }
        qsort(samples, N_SAMPLES, sizeof samples[0], compare);
        assert_int_equal(l.count, N_SAMPLES);
        assert_true(l.max_ns == samples[N_SAMPLES - 1]);
        for (unsigned q = 0; q <= 1000; q++)
            check_quantile(&l, samples, q / 1000.0);
        check_quantile(&l, samples, 0.9999);
    }
}

static void edges(void **state)
{
    static struct lateness l;
    assert_int_equal(lateness_quantile(&l, 0.5), 0);
    assert_int_equal(lateness_quantile(&l, 1), 0);
    lateness_add(&l, 0, 10);
    assert_int_equal(lateness_quantile(&l, 1), 0);
    assert_int_equal(l.count, 10);
    lateness_add(&l, UINT64_MAX, 1);
    assert_true(lateness_quantile(&l, 1) == UINT64_MAX);
    assert_int_equal(lateness_quantile(&l, 0.5), 0);
    assert_true(l.max_ns == UINT64_MAX);
}

/* Many at once count as many; small values have buckets of their own and are exact. */
static void counts_and_exact_values(void **state)
{
    static struct lateness l;
    for (uint64_t ns = 0; ns < 64; ns++)
        lateness_add(&l, ns, 100);
    assert_int_equal(l.count, 6400);
    for (unsigned ns = 0; ns < 64; ns++)
        assert_int_equal(lateness_quantile(&l, (ns + 1) / 64.0), ns);
}

/* Around every power of two: the bucket never ends before the value. */
static void powers_of_two(void **state)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        for (int d = -1; d <= 1; d++) {
            static struct lateness l;
            uint64_t ns = (UINT64_C(1) << bit) + (uint64_t)(int64_t)d;
            l = (struct lateness){ 0 };
            lateness_add(&l, ns, 1);
            lateness_add(&l, UINT64_MAX, 1);
            uint64_t got = lateness_quantile(&l, 0.5);
            assert_true(got >= ns && got - ns <= ns / 32);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_of_samples),
        cmocka_unit_test(edges),
        cmocka_unit_test(counts_and_exact_values),
        cmocka_unit_test(powers_of_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
