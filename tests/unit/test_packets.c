/* The packets of a source, and the way to another place of it. */
#include "media/packets.h"
#include "media/remote.h"
#include "mini_fetch.h"
#include "mkv.h"
#include "unit.h"

enum { FRAME_BYTES = 417, FRAME_SAMPLES = 1152, FRAMES = 200, KEEP_BYTES_MAX = 10 * 1000 };

/* FLAC in Matroska, of which most frames do not say where they are */
enum {
    FLAC_SAMPLES = 4096,
    FLAC_MS = 93,
    FLAC_GOOD = 20,
    FLAC_BAD = 60,
    FLAC_BAD_BYTES = 20 * 1000,
    WAITS_MAX = 1000,
};

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
        packets_settled(p, FRAME_SAMPLES, 44100);
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

static struct mkv mkv;

static void make_matroska(void)
{
    static const uint8_t info[] = "fLaC\x80\0\0\x22\x10\0\x10\0\0\0\0\0\0\0\x0a\xc4\x42\xf0";
    static uint8_t bad[FLAC_BAD_BYTES];
    uint8_t private[42] = { 0 };
    memcpy(private, info, sizeof info);
    mkv_head(&mkv, "A_FLAC", private, sizeof private, 44100,
             (FLAC_GOOD + FLAC_BAD) * (double)FLAC_MS);
    for (unsigned i = 0; i < FLAC_GOOD + FLAC_BAD; i++) {
        const uint8_t good[16] = { 0xff, 0xf8, 0xc9, 0x18, (uint8_t)i };
        bool is_good = i < FLAC_GOOD;
        mkv_cluster(&mkv, (uint64_t)i * FLAC_MS, is_good ? good : bad,
                    is_good ? sizeof good : sizeof bad);
    }
}

/* What has no place is read past for a seek, and of no use behind it. */
static void a_seek_keeps_nothing_that_has_no_place(void **state)
{
    struct mini_resource file[] = { { "", "video/x-matroska", mkv.bytes, 0 }, { 0 } };
    struct mini_fetch f;
    struct packets *p;
    struct packet *k;
    make_matroska();
    file[0].len = mkv.len;
    struct source *s = mini_source(&f, file);
    assert_int_equal(packets_new(s, KEEP_BYTES_MAX, &p), 0);
    assert_int_equal(packets_next(p, &k), 1);
    packets_settled(p, FLAC_SAMPLES, 44100);
    int i = 0;
    do {
        mini_give_up_in(&f, i);
        int r = packets_go(p, (int64_t)5 * 44100, 0);
        assert_int_equal(r, f.given_up ? -EINTR : 0);
        assert_true(packets_kept_bytes(p) < (size_t)5 * FLAC_BAD_BYTES);
    } while (f.given_up && ++i < WAITS_MAX);
    assert_true(i > FLAC_BAD * FLAC_BAD_BYTES / REMOTE_READ_MAX && i < WAITS_MAX);
    packets_free(p);
    mini_done(&f, s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_not_all),
        cmocka_unit_test(a_seek_keeps_nothing_that_has_no_place),
    };
    return cmocka_run_group_tests(tests, make_media, NULL);
}
