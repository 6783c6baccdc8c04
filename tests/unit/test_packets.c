/* The packets of a source, and the way to another place of it. */
#include "media/packets.h"
#include "mini_fetch.h"
#include "unit.h"

enum { FRAME_BYTES = 417, FRAME_SAMPLES = 1152, FRAMES = 200, KEEP_BYTES_MAX = 10 * 1000 };

static uint8_t mp3[FRAMES * FRAME_BYTES];

/* Silence at 128 kbit/s and 44.1 kHz. */
static int make_media(void **state)
{
    static const uint8_t head[4] = { 0xff, 0xfb, 0x90, 0x00 };
    for (int i = 0; i < FRAMES; i++)
        memcpy(mp3 + (ptrdiff_t)i * FRAME_BYTES, head, sizeof head);
    return 0;
}

/* Takes packets as one who decodes them would; returns what the last call returned. */
static int take(struct packets *p, int n, int64_t *sample)
{
    struct packet *k;
    int r = 0;
    while (n-- > 0 && (r = packets_next(p, &k)) > 0) {
        if (k->sample < 0)
            k->sample = *sample;
        *sample = k->sample + FRAME_SAMPLES;
        packets_settled(p, FRAME_SAMPLES);
    }
    return r;
}

/* The way back to the start was given up, and where it goes instead is kept: but what comes after
 * that must be had, too. */
static void what_is_kept_is_not_all(void **state)
{
    static const struct mini_resource file[] = { { "", "audio/mpeg", mp3, sizeof mp3 }, { 0 } };
    struct mini_fetch f;
    struct packets *p;
    struct source *s = mini_source(&f, file);
    int64_t sample = 0;
    assert_int_equal(packets_new(s, KEEP_BYTES_MAX, &p), 0);
    assert_int_equal(take(p, FRAMES / 2, &sample), 1);
    mini_give_up_in(&f, 0);
    assert_int_equal(packets_go(p, 0, 0), -EINTR);
    mini_give_up_in(&f, -1);
    assert_int_equal(packets_go(p, sample - (int64_t)5 * FRAME_SAMPLES, 0), 0);
    assert_int_equal(take(p, FRAMES, &sample), 0);
    packets_free(p);
    mini_done(&f, s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_not_all),
    };
    return cmocka_run_group_tests(tests, make_media, NULL);
}
