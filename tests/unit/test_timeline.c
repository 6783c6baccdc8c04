/* Source samples against positions: rounding, where a resampler begins, chained rates. */
#include "media/timeline.h"
#include "unit.h"

#include <errno.h>

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
    assert_int_equal(timeline_change_rate(&t, 0, 44100), 0); /* the container was wrong */
    assert_int_equal(timeline_rate(&t, 0), 44100);
    assert_int_equal(timeline_change_rate(&t, 44100, 32000), 0);
    assert_int_equal(timeline_pos(&t, 44100), 48000);
    assert_int_equal(timeline_pos(&t, 44100 + 32000), 96000);
    assert_int_equal(timeline_sample(&t, 96000), 44100 + 32000);
    assert_int_equal(timeline_sample(&t, 24000), 22050);
    assert_int_equal(timeline_rate(&t, 44099), 44100);
    assert_int_equal(timeline_rate(&t, 44100), 32000);
    /* Not from before the stretch, which another resampler is fed with. */
    assert_int_equal(timeline_feed(&t, 48001), 44100);
    for (int i = 2; i < TIMELINE_STRETCHES_MAX; i++)
        assert_int_equal(timeline_change_rate(&t, 100000 + i, 8000 + i), 0);
    assert_int_equal(timeline_change_rate(&t, 200000, 8000), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_rate),
        cmocka_unit_test(a_resampler_begins_on_the_grid),
        cmocka_unit_test(rates_in_a_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
