/* Where the frames of a render lie: a render that is given up in the middle is taken up there. */
#include "base/audio.h"
#include "cli/ogg.h"
#include "media/encode.h"
#include "media/render.h"
#include "unit.h"

#include <math.h>
#include <sys/mman.h>

enum { N_FRAMES = 60, PRE_SKIP = 312, OFF_GRID = 5 * AUDIO_FRAME_SAMPLES + 200 };

static int to_file(const void *bytes, size_t len, void *arg)
{
    return write(*(int *)arg, bytes, len) == (ssize_t)len ? 0 : -EIO;
}

/* A tone as an Ogg Opus file, whose packets can be passed. */
static int make_opus(void)
{
    struct ogg_setup setup = { .serial = 1, .pre_skip = PRE_SKIP, .packets_per_page = 10 };
    struct ogg_writer *w;
    struct encoder *encoder;
    float pcm[AUDIO_FRAME_SAMPLES * AUDIO_CHANNELS];
    uint8_t packet[AUDIO_PACKET_MAX];
    int fd = memfd_create("tone", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(ogg_writer_new(&setup, to_file, &fd, &w), 0);
    assert_int_equal(encoder_new(96000, 5, &encoder), 0);
    for (int i = 0; i < N_FRAMES; i++) {
        for (int n = 0; n < AUDIO_FRAME_SAMPLES; n++)
            pcm[2 * n] = pcm[2 * n + 1] = 0.3F * sinf(0.05F * (float)n);
        int len = encoder_run(encoder, pcm, false, packet);
        assert_true(len > 0);
        assert_int_equal(ogg_writer_packet(w, packet, (size_t)len), 0);
    }
    assert_int_equal(ogg_writer_finish(w, -1), 0);
    encoder_free(encoder);
    ogg_writer_free(w);
    return fd;
}

static int wait_never(struct source *s, int timeout_ms, void *arg)
{
    return -EINTR;
}

static struct track *open_track(void)
{
    struct source *source;
    struct track *track;
    struct failure failure;
    assert_int_equal(source_new(make_opus(), &(struct source_wait){ .fn = wait_never }, &source),
                     0);
    assert_int_equal(track_new(source, 1 << 20, &track, &failure), 0);
    return track;
}

/* The frame that leads from a volume back to the packets fades over to what lies up to 20 ms
 * ahead. What is taken up behind it goes on there, and passes the packets. */
static void taken_up_behind_the_way_to_the_packets(void **state)
{
    struct track *track = open_track();
    struct render *r;
    struct frame frame;
    struct wmsg_render how = { .pos = OFF_GRID, .sound = { 1 }, .from = { 0.5F }, .exact = 1 };
    assert_int_equal(render_new(96000, 5, &r), 0);
    assert_int_equal(render_begin(r, track, 1, &how), 0);
    assert_int_equal(render_pos(r), OFF_GRID);
    assert_int_equal(render_next(r, &frame), 1);
    assert_int_equal(frame.record.pos, OFF_GRID);
    assert_int_equal(render_pos(r), 7 * AUDIO_FRAME_SAMPLES);
    how.pos = render_pos(r);
    how.from = how.sound;
    assert_int_equal(render_begin(r, track, 1, &how), 0);
    assert_int_equal(render_next(r, &frame), 1);
    assert_int_equal(frame.record.pos, 7 * AUDIO_FRAME_SAMPLES);
    assert_int_equal(frame.record.flags, RING_PASSTHROUGH);
    render_free(r);
    track_free(track);
}

/* Behind the mark between two plays the position is one of the next one's. */
static void taken_up_behind_a_join(void **state)
{
    struct track *tracks[2] = { open_track(), open_track() };
    struct render *r;
    struct frame frame;
    struct wmsg_render how = { .sound = { 0.5F }, .from = { 0.5F } };
    struct wmsg_render next = { .pos = 4800, .sound = { 1 }, .from = { 1 } };
    for (int encoded = 0; encoded < 2; encoded++) {
        if (encoded)
            next.sound = next.from = (struct sound){ 0.5 };
        assert_int_equal(render_new(96000, 5, &r), 0);
        render_set_next(r, tracks[1], 2, &next);
        assert_int_equal(render_begin(r, tracks[0], 1, &how), 0);
        do
            assert_int_equal(render_next(r, &frame), 1);
        while (!(frame.record.flags & RING_END));
        assert_true(frame.record.flags & RING_JOIN);
        assert_ptr_equal(render_track(r), tracks[1]);
        int64_t pos = render_pos(r);
        assert_int_equal(render_next(r, &frame), 1);
        assert_int_equal(frame.record.pos, pos);
        assert_int_equal(frame.record.play, 2);
        render_free(r);
    }
    track_free(tracks[0]);
    track_free(tracks[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken_up_behind_the_way_to_the_packets),
        cmocka_unit_test(taken_up_behind_a_join),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
