/* Source samples against positions: rounding, where a resampler begins, chained rates. */
#include "media/timeline.h"
#include "proto/wmsg.h"
#include "unit.h"

static void one_rate(void **state)
{
    static const int rates[] = { 8000, 11025, 22050, 32000, 44100, 48000, 96000, 192000 };
    for (size_t i = 0; i < LENGTH_OF(rates); i++) {
        struct timeline t;
        timeline_init(&t, rates[i]);
        assert_int_equal(timeline_pos(&t, 0), 0);
        assert_int_equal(timeline_pos(&t, rates[i]), 48000);
        assert_int_equal(timeline_sample(&t, 48000), rates[i]);
        assert_int_equal(timeline_rate(&t, 123456), rates[i]);
        for (int64_t sample = -7; sample < 1000; sample++) {
            int64_t pos = timeline_pos(&t, sample);
            /* The first grid point that is not before the sample. */
            assert_true(pos * rates[i] >= sample * 48000);
            assert_true((pos - 1) * rates[i] < sample * 48000 || sample < 0);
            if (rates[i] <= 48000)
                assert_int_equal(timeline_sample(&t, pos), sample);
        }
    }
}

static void a_resampler_begins_on_the_grid(void **state)
{
    struct timeline t;
    timeline_init(&t, 44100);
    assert_int_equal(timeline_feed(&t, 0), 0);
    for (int64_t pos = 48000; pos < 60000; pos += 7) {
        int64_t from = timeline_feed(&t, pos);
        assert_int_equal(from % 147, 0); /* 147 : 160 is 44.1 : 48 */
        assert_true(from + 64 <= timeline_sample(&t, pos));
        assert_true(from + 64 + 147 > timeline_sample(&t, pos));
    }
    timeline_init(&t, 44099); /* shares no factor: half a sample is given away */
    assert_int_equal(timeline_feed(&t, 96000), timeline_sample(&t, 96000) - 64);
}

static void rates_in_a_chain(void **state)
{
    struct timeline t;
    timeline_init(&t, 48000);
    timeline_change_rate(&t, 0, 44100); /* the container was wrong */
    assert_int_equal(timeline_rate(&t, 0), 44100);
    timeline_change_rate(&t, 44100, 32000);
    assert_int_equal(timeline_pos(&t, 44100), 48000);
    assert_int_equal(timeline_pos(&t, 44100 + 32000), 96000);
    assert_int_equal(timeline_sample(&t, 96000), 44100 + 32000);
    assert_int_equal(timeline_sample(&t, 24000), 22050);
    assert_int_equal(timeline_rate(&t, 44099), 44100);
    assert_int_equal(timeline_rate(&t, 44100), 32000);
    /* Not from before the stretch, which another resampler is fed with. */
    assert_int_equal(timeline_feed(&t, 48001), 44100);
}

static void a_rate_may_change_ever_so_often(void **state)
{
    struct timeline t;
    timeline_init(&t, 44100);
    int64_t sample = 0, pos = 0;
    for (int i = 0; i < 1000; i++) {
        int before = i % 2 == 0 ? 44100 : 48000, behind = i % 2 == 0 ? 48000 : 44100;
        sample += before;
        pos += 48000;
        timeline_change_rate(&t, sample, behind);
        assert_int_equal(timeline_rate(&t, sample), behind);
        assert_int_equal(timeline_rate(&t, sample - 1), before);
        assert_int_equal(timeline_pos(&t, sample), pos);
        assert_int_equal(timeline_sample(&t, pos - 24000), sample - before / 2);
        assert_int_equal(timeline_rate(&t, 0), 44100);
    }
    assert_in_range(t.n, 2, TIMELINE_STRETCHES_MAX);
}

static void what_lies_behind_a_change_is_forgotten(void **state)
{
    struct timeline t;
    timeline_init(&t, 44100);
    timeline_change_rate(&t, 30 * 44100, 48000); /* where a seek had landed */
    timeline_change_rate(&t, 20 * 44100, 48000); /* where it is, counted from the start */
    assert_int_equal(timeline_pos(&t, 20 * 44100 + 15 * 48000), 35 * 48000);
    assert_int_equal(timeline_sample(&t, 35 * 48000), 20 * 44100 + 15 * 48000);
}

static void great_rates_and_positions_fit(void **state)
{
    struct timeline t;
    timeline_init(&t, 768000);
    int64_t pos = WMSG_POS_MAX / 48000 * 48000;
    assert_true(timeline_sample(&t, pos) == pos * 16);
    assert_true(timeline_pos(&t, pos * 16) == pos);
    assert_true(timeline_feed(&t, pos) == pos * 16 - 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_rate),
        cmocka_unit_test(a_resampler_begins_on_the_grid),
        cmocka_unit_test(rates_in_a_chain),
        cmocka_unit_test(a_rate_may_change_ever_so_often),
        cmocka_unit_test(what_lies_behind_a_change_is_forgotten),
        cmocka_unit_test(great_rates_and_positions_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
