/* Any sound to 48 kHz stereo: as many samples as there should be, and each in its place. */
#include "media/resample.h"
#include "unit.h"

#include <errno.h>
#include <math.h>

static struct resampler *r;

static int set_up(void **state)
{
    return resampler_new(&r);
}

static int tear_down(void **state)
{
    resampler_free(r);
    return 0;
}

static AVFrame *make_frame(int rate, int channels, int n)
{
    AVFrame *frame = av_frame_alloc();
    assert_non_null(frame);
    frame->sample_rate = rate;
    frame->nb_samples = n;
    frame->format = AV_SAMPLE_FMT_FLT;
    av_channel_layout_default(&frame->ch_layout, channels);
    assert_int_equal(av_frame_get_buffer(frame, 0), 0);
    return frame;
}

/* The same in all channels: a sine of 1 kHz that begins at `from`. */
static void fill(AVFrame *frame, int from)
{
    float *s = (float *)frame->data[0];
    int channels = frame->ch_layout.nb_channels;
    for (int i = 0; i < frame->nb_samples; i++) {
        for (int c = 0; c < channels; c++)
            s[i * channels + c] =
                (float)(0.5 * sin(2 * M_PI * 1000 * (from + i) / frame->sample_rate));
    }
}

static void as_many_as_there_should_be(void **state)
{
    static const int rates[] = { 8000, 11025, 22050, 44100, 48000, 96000, 192000 };
    for (size_t i = 0; i < LENGTH_OF(rates); i++) {
        for (int n = 1; n < 30000; n = 3 * n + 7) {
            AVFrame *frame = make_frame(rates[i], 1, n);
            fill(frame, 0);
            assert_int_equal(resampler_begin(r, frame), 0);
            assert_true(resampler_fits(r, frame));
            assert_int_equal(resampler_feed(r, frame, 0, n), 0);
            assert_int_equal(resampler_finish(r), 0);
            assert_int_equal(resampler_ready(r), (n * INT64_C(48000) + rates[i] - 1) / rates[i]);
            resampler_take(r, NULL, resampler_ready(r));
            av_frame_free(&frame);
        }
    }
}

/* In whatever pieces it comes, and wherever in its frame it begins. */
static void each_in_its_place(void **state)
{
    enum { N = 44100, EDGE = 200 };
    static float out[48000 * 2];
    AVFrame *frame = make_frame(44100, 2, N);
    fill(frame, -100); /* the first hundred are not fed */
    assert_int_equal(resampler_begin(r, frame), 0);
    int taken = 0;
    for (int at = 100, n = 1; at < N; at += n) {
        n = n * 2 < N - at ? n * 2 : N - at;
        assert_int_equal(resampler_feed(r, frame, at, n), 0);
        int ready = resampler_ready(r);
        resampler_take(r, out + 2 * (size_t)taken, ready);
        taken += ready;
    }
    assert_int_equal(resampler_finish(r), 0);
    int rest = resampler_ready(r);
    resampler_take(r, out + 2 * (size_t)taken, rest);
    taken += rest;
    assert_int_equal(taken, ((N - 100) * INT64_C(48000) + 44099) / 44100);
    for (int i = EDGE; i < taken - EDGE; i++) {
        double want = 0.5 * sin(2 * M_PI * 1000 * i / 48000);
        assert_true(fabs((double)out[2 * i] - want) < 0.002);
        assert_true(out[2 * i] == out[2 * i + 1]);
    }
    av_frame_free(&frame);
}

static void what_no_longer_fits(void **state)
{
    AVFrame *first = make_frame(44100, 2, 100), *rate = make_frame(48000, 2, 100);
    AVFrame *channels = make_frame(44100, 1, 100), *format = make_frame(44100, 2, 100);
    AVFrame *unplaced = make_frame(44100, 2, 100);
    unplaced->ch_layout.order = AV_CHANNEL_ORDER_UNSPEC;
    format->format = AV_SAMPLE_FMT_S16;
    assert_false(resampler_fits(r, first));
    assert_int_equal(resampler_begin(r, first), 0);
    assert_true(resampler_fits(r, first));
    assert_true(resampler_fits(r, unplaced)); /* it does not say where its speakers stand */
    assert_false(resampler_fits(r, rate));
    assert_false(resampler_fits(r, channels));
    assert_false(resampler_fits(r, format));
    assert_int_equal(resampler_finish(r), 0);
    assert_false(resampler_fits(r, first));
    AVFrame *all[] = { first, rate, channels, format, unplaced };
    for (size_t i = 0; i < LENGTH_OF(all); i++)
        av_frame_free(&all[i]);
}

/* Full on all six channels it must not clip. */
static void a_downmix_stays_in_bounds(void **state)
{
    float out[2 * 960];
    AVFrame *frame = make_frame(48000, 6, 960);
    float *s = (float *)frame->data[0];
    for (int i = 0; i < 6 * 960; i++)
        s[i] = 1;
    assert_int_equal(resampler_begin(r, frame), 0);
    assert_int_equal(resampler_feed(r, frame, 0, 960), 0);
    assert_int_equal(resampler_finish(r), 0);
    assert_int_equal(resampler_ready(r), 960);
    resampler_take(r, out, 960);
    for (int i = 0; i < 2 * 960; i++)
        assert_true(out[i] > 0.5F && out[i] <= 1.0001F);
    av_frame_free(&frame);
}

static void silence_counts(void **state)
{
    AVFrame *frame = make_frame(48000, 2, 480);
    fill(frame, 0);
    assert_int_equal(resampler_silence(r, 100), 0); /* before it has begun: nothing */
    assert_int_equal(resampler_ready(r), 0);
    assert_int_equal(resampler_begin(r, frame), 0);
    assert_int_equal(resampler_feed(r, frame, 0, 480), 0);
    assert_int_equal(resampler_silence(r, 480), 0);
    assert_int_equal(resampler_finish(r), 0);
    assert_int_equal(resampler_ready(r), 960);
    resampler_reset(r);
    assert_int_equal(resampler_ready(r), 0);
    av_frame_free(&frame);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(as_many_as_there_should_be), TEST(each_in_its_place), TEST(what_no_longer_fits),
        TEST(a_downmix_stays_in_bounds),  TEST(silence_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
