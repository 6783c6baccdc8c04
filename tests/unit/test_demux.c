/* The demuxer on a source from the network, whose waits are given up for commands. */
#include "media/demux.h"
#include "unit.h"
#include "mini_fetch.h"

#include <libavcodec/packet.h>

enum {
    TAG_BYTES = 10 + (6 << 14), /* an ID3 tag that takes more than one read */
    FRAME_BYTES = 417,
    FRAMES = 700,
    SEGMENT_FRAMES = 40,
    SEGMENTS = 600,
    WAITS_MAX = 200,
};

static uint8_t tagged_mp3[TAG_BYTES + FRAMES * FRAME_BYTES];
static uint8_t *const mp3 = tagged_mp3 + TAG_BYTES;
static char list[SEGMENTS * 64 + 256];

/* Silence at 128 kbit/s and 44.1 kHz. */
static int make_media(void **state)
{
    static const uint8_t head[4] = { 0xff, 0xfb, 0x90, 0x00 };
    static const uint8_t tag[10] = { 'I', 'D', '3', 4, 0, 0, 0, 6, 0, 0 };
    memcpy(tagged_mp3, tag, sizeof tag);
    for (int i = 0; i < FRAMES; i++)
        memcpy(mp3 + (ptrdiff_t)i * FRAME_BYTES, head, sizeof head);
    int n = snprintf(list, sizeof list,
                     "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"
                     "#EXT-X-PLAYLIST-TYPE:VOD\n");
    for (int i = 0; i < SEGMENTS; i++)
        n += snprintf(list + n, sizeof list - (size_t)n, "#EXTINF:1.044898,\nsegment%d.mp3\n", i);
    (void)snprintf(list + n, sizeof list - (size_t)n, "#EXT-X-ENDLIST\n");
    return 0;
}

static const struct mini_resource file_of_mp3[] = {
    { "", "audio/mpeg", tagged_mp3, sizeof tagged_mp3 },
    { 0 },
};

static const struct mini_resource *list_of_mp3(void)
{
    static struct mini_resource r[] = {
        { "", "application/vnd.apple.mpegurl", list, 0 },
        { "http://here.test/segment", "audio/mpeg", NULL, (size_t)SEGMENT_FRAMES * FRAME_BYTES },
        { 0 },
    };
    r[0].len = strlen(list);
    r[1].bytes = mp3;
    return r;
}

/* Returns how many packets came, and in *ret_end what the last call returned. */
static int read_all(struct demux *d, int n_max, int *ret_end)
{
    AVPacket *packet = av_packet_alloc();
    int n = 0;
    while (n < n_max && (*ret_end = demux_read(d, packet)) > 0) {
        av_packet_unref(packet);
        n++;
    }
    av_packet_free(&packet);
    return n;
}

/* libavformat passes over a segment that cannot be opened: not over all of them, because one wait
 * was given up. */
static void a_list_is_not_run_through_for_a_command(void **state)
{
    struct mini_fetch f;
    struct demux *d;
    struct source *s = mini_source(&f, list_of_mp3());
    int end, n_given_up = 0;
    assert_int_equal(demux_open(s, &d), 0);
    for (int i = 0; i < WAITS_MAX; i++) {
        unsigned n_before = f.n_opens;
        mini_give_up_in(&f, i);
        (void)demux_rewind(d);
        mini_serve(&f);
        assert_true(f.n_opens - n_before <= 4);
        if (!f.given_up)
            break;
        n_given_up++;
    }
    assert_true(n_given_up >= 2);
    mini_give_up_in(&f, -1);
    assert_int_equal(demux_rewind(d), 0);
    assert_int_equal(read_all(d, 100, &end), 100);
    demux_free(d);
    mini_done(&f, s);
}

static int seek_by_time(struct demux *d)
{
    return demux_seek(d, (int64_t)FRAMES / 2 * 1152 * d->stream->time_base.den / 44100);
}

static int seek_by_byte(struct demux *d)
{
    return demux_seek_byte(d, TAG_BYTES + (int64_t)FRAMES / 2 * FRAME_BYTES);
}

/* A read was given up for a seek: that is no reason to be given up at the end. */
static void after_a_seek_the_end_is_an_end(void **state)
{
    static int (*const seeks[])(struct demux *) = { seek_by_time, seek_by_byte };
    for (size_t i = 0; i < LENGTH_OF(seeks); i++) {
        struct mini_fetch f;
        struct demux *d;
        struct source *s = mini_source(&f, file_of_mp3);
        int end, n;
        assert_int_equal(demux_open(s, &d), 0);
        mini_give_up_in(&f, 2);
        n = read_all(d, FRAMES, &end);
        assert_true(n > 0 && n < FRAMES / 2);
        assert_int_equal(end, -EINTR);
        mini_give_up_in(&f, -1);
        assert_int_equal(seeks[i](d), 0);
        n = read_all(d, FRAMES, &end);
        assert_true(n > FRAMES / 2 - 10 && n < FRAMES / 2 + 10);
        assert_int_equal(end, 0);
        demux_free(d);
        mini_done(&f, s);
    }
}

/* libavformat makes do with what it has got, or calls it no audio. */
static void half_an_opening_is_none(void **state)
{
    const struct mini_resource *const resources[] = { file_of_mp3, list_of_mp3() };
    for (size_t k = 0; k < LENGTH_OF(resources); k++) {
        struct mini_fetch f;
        struct demux *d;
        struct source *s = mini_source(&f, resources[k]);
        assert_int_equal(demux_open(s, &d), 0);
        int n_given_up = 0;
        for (int i = 0; i < WAITS_MAX; i++) {
            mini_give_up_in(&f, i);
            int r = demux_rewind(d);
            assert_int_equal(r, f.given_up ? -EINTR : 0);
            assert_int_equal(demux_is_open(d), !f.given_up);
            if (!f.given_up)
                break;
            n_given_up++;
        }
        assert_true(n_given_up >= 2);
        demux_free(d);
        mini_done(&f, s);
    }
}

/* libavformat asks for a list again for each time that it names itself. */
static void a_list_of_itself_ends(void **state)
{
    static const char text[] = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"
                               "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"x\",URI=\"root\"\n"
                               "#EXTINF:1.044898,\nsegment0.mp3\n#EXT-X-ENDLIST\n";
    static const struct mini_resource resources[] = {
        { "", "application/vnd.apple.mpegurl", text, sizeof text - 1 },
        { "http://here.test/root", "application/vnd.apple.mpegurl", text, sizeof text - 1 },
        { 0 },
    };
    struct mini_fetch f;
    struct demux *d;
    struct source *s = mini_source(&f, resources);
    assert_int_equal(demux_open(s, &d), -EIO);
    assert_int_equal(source_failure(s)->code, TUTTI_E_DECODE_FAILED);
    assert_int_equal(f.n_opens, DEMUX_OPENS_MAX);
    mini_done(&f, s);
}

/* No resource is so long, and the fetcher hears no more from whoever asks for it. */
static void what_lies_too_far_away_is_not_asked_for(void **state)
{
    static const char text[] = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-PLAYLIST-TYPE:VOD\n"
                               "#EXTINF:1.044898,\nsegment0.mp3\n"
                               "#EXT-X-BYTERANGE:1000@4000000000000000000\n"
                               "#EXTINF:1.044898,\nsegment1.mp3\n#EXT-X-ENDLIST\n";
    struct mini_resource resources[] = {
        { "", "application/vnd.apple.mpegurl", text, sizeof text - 1 },
        { "http://here.test/segment", "audio/mpeg", mp3, (size_t)SEGMENT_FRAMES * FRAME_BYTES },
        { 0 },
    };
    struct mini_fetch f;
    struct demux *d;
    struct source *s = mini_source(&f, resources);
    uint8_t byte;
    int end;
    assert_int_equal(source_read_at(s, &byte, 1, INT64_C(1) << 60), 0);
    assert_int_equal(demux_open(s, &d), 0);
    assert_true(read_all(d, FRAMES, &end) <= SEGMENT_FRAMES);
    assert_int_equal(end, -EIO);
    demux_free(d);
    mini_done(&f, s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_not_run_through_for_a_command),
        cmocka_unit_test(after_a_seek_the_end_is_an_end),
        cmocka_unit_test(half_an_opening_is_none),
        cmocka_unit_test(a_list_of_itself_ends),
        cmocka_unit_test(what_lies_too_far_away_is_not_asked_for),
    };
    return cmocka_run_group_tests(tests, make_media, NULL);
}
