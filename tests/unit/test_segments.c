/* Lists of HLS segments that are made to begin later. */
#include "media/segments.h"
#include "unit.h"

#include <libavutil/mem.h>
#include <string.h>

#define HEAD "#EXTM3U\n#EXT-X-TARGETDURATION:3\n"
#define MP3_S (1152.0 / 44100)

static void counts_what_lies_before(void **state)
{
    static const struct {
        const char *text;
        double at_s, grid_s;
        long n;
        double begin_s;
    } rows[] = {
        { HEAD "#EXTINF:2.5,\na\n#EXTINF:2,x\nb\n#EXTINF:3\nc\n", 2.4, 0, 0, 0 },
        { HEAD "#EXTINF:2.5,\na\n#EXTINF:2,x\nb\n#EXTINF:3\nc\n", 2.5, 0, 1, 2.5 },
        { HEAD "#EXTINF:2.5,\na\n#EXTINF:2,x\nb\n#EXTINF:3\nc\n", 4.6, 0, 2, 4.5 },
        /* The last one stays, whatever is asked for. */
        { HEAD "#EXTINF:2.5,\na\n#EXTINF:2,x\nb\n#EXTINF:3\nc\n", 900, 0, 2, 4.5 },
        { HEAD "#EXTINF:2,\r\na\r\n#EXTINF:2,\r\nb\r\n", 3, 0, 1, 2 },
        { HEAD "#EXTINF:2,\na\n#EXTINF:x,\nb\n#EXTINF:2,\nc\n", 3, 0, -1, 0 },
        { HEAD "#EXTINF:2,\na\n#EXTINF:-1,\nb\n#EXTINF:2,\nc\n", 3, 0, -1, 0 },
        { HEAD "#EXTINF:nan,\na\n#EXTINF:2,\nb\n", 3, 0, -1, 0 },
        { HEAD "#EXTINF:2,\na\nb\n#EXTINF:2,\nc\n", 3, 0, -1, 0 },
        { HEAD "#EXTINF:2,\na\n#EXT-X-DISCONTINUITY\n#EXTINF:2,\nb\n", 3, 0, 1, 2 },
        /* What is missing lasts as well, but nothing begins there. */
        { HEAD "#EXTINF:2,\na\n#EXT-X-GAP\n#EXTINF:2,\nb\n#EXTINF:2,\nc\n", 3, 0, 0, 0 },
        { HEAD "#EXTINF:2,\na\n#EXT-X-GAP\n#EXTINF:2,\nb\n#EXTINF:2,\nc\n", 4, 0, 2, 4 },
        { HEAD "#EXTINF:2,\na\n#EXTINF:2,\n#EXT-X-GAP\nb\n#EXT-X-GAP\n#EXTINF:9,\nc\n", 99, 0, 0,
          0 },
        { HEAD "#EXT-X-GAP\n#EXTINF:2,\na\n#EXTINF:2,\nb\n", 1, 0, 0, 0 },
        { HEAD "#EXTINF:2.011,\na\n#EXT-X-GAP\n#EXTINF:2,\nb\n#EXTINF:2.011,\nc\n", 5, MP3_S, 2,
          77 * MP3_S + 2 },
        { HEAD "#EXT-X-DISCONTINUITY-SEQUENCE:4\n#EXTINF:2,\na\n#EXTINF:2,\nb\n", 3, 0, 1, 2 },
        /* 77 frames are 2.011428… s, 76 are 1.985306… s; the last lasts as long as it likes. */
        { HEAD "#EXTINF:2.011,\na\n#EXTINF:1.985,\nb\n#EXTINF:0.5,\nc\n", 9, MP3_S, 2,
          153 * MP3_S },
        { HEAD "#EXTINF:2.000,\na\n#EXTINF:2.000,\nb\n", 3, MP3_S, -1, 0 },
        { "", 3, 0, 0, 0 },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        double begin_s = 0;
        ROW_TRUE(rows[i].text, segments_before(rows[i].text, rows[i].at_s, rows[i].grid_s,
                                               &begin_s) == rows[i].n);
        ROW_TRUE(rows[i].text, rows[i].n < 0 || (begin_s - rows[i].begin_s < 1e-9 &&
                                                 rows[i].begin_s - begin_s < 1e-9));
    }
}

static void cuts(void **state)
{
    static const struct {
        const char *text;
        long n;
        const char *want; /* NULL: it cannot be done */
    } rows[] = {
        { HEAD "#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:2,\na\n#EXTINF:3,\nb\n#EXT-X-ENDLIST\n", 1,
          "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:8\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nb\n"
          "#EXT-X-ENDLIST\n" },
        /* What is in force stays so. */
        { HEAD "#EXT-X-MAP:URI=\"m\"\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:2,\na\n"
               "#EXT-X-KEY:METHOD=NONE\n#EXTINF:2,\nb\n#EXTINF:3,\nc",
          2,
          "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:2\n#EXT-X-TARGETDURATION:3\n#EXT-X-MAP:URI=\"m\"\n"
          "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXT-X-KEY:METHOD=NONE\n#EXTINF:3,\nc\n" },
        /* A range without a start goes on where the one before has ended. */
        { "#EXTM3U\n#EXTINF:2,\n#EXT-X-BYTERANGE:100@50\na\n#EXTINF:2,\n#EXT-X-BYTERANGE:10\na\n"
          "#EXTINF:2,\n#EXT-X-BYTERANGE:7\na\n#EXTINF:2,\n#EXT-X-BYTERANGE:5\na\n",
          2,
          "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:2\n#EXTINF:2,\n#EXT-X-BYTERANGE:7@160\na\n"
          "#EXTINF:2,\n#EXT-X-BYTERANGE:5@167\na\n" },
        { "#EXTM3U\n#EXTINF:2,\n#EXT-X-BYTERANGE:100@50\na\n#EXTINF:2,\nb\n#EXTINF:2,\n"
          "#EXT-X-BYTERANGE:5\nc\n",
          2, "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:2\n#EXTINF:2,\n#EXT-X-BYTERANGE:5@0\nc\n" },
        /* What is missing is marked, in a recording. */
        { "#EXTM3U\n#EXTINF:2,\na\n#EXT-X-GAP\n#EXTINF:3.5,\nb?c\n#EXTINF:2,\nd\n#EXT-X-ENDLIST\n",
          0,
          "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:2,\na\n#EXT-X-GAP\n#EXTINF:3.5,\n"
          "b?c#tutti-gap=3.500000\n#EXTINF:2,\nd\n#EXT-X-ENDLIST\n" },
        { "#EXTM3U\n#EXT-X-GAP\n#EXTINF:3.5,\nb\n", 0,
          "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-GAP\n#EXTINF:3.5,\nb\n" },
        { "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:9223372036854775807\n#EXTINF:2,\na\n", 1, NULL },
        { "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:-4\n#EXTINF:2,\na\n", 1, NULL },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char *cut = segments_cut(rows[i].text, rows[i].n);
        if (cut && rows[i].want)
            assert_string_equal(cut, rows[i].want);
        ROW_TRUE(rows[i].text, !cut == !rows[i].want);
        av_free(cut);
    }
}

static void gaps(void **state)
{
    assert_true(segments_gap_s("http://h/a.ts") == 0);
    assert_true(segments_gap_s("crypto+http://h/a.ts#x#tutti-gap=2.5") == 2.5);
    assert_true(segments_gap_s("http://h/a.ts#tutti-gap=") == 0);
    assert_true(segments_gap_s("http://h/a.ts#tutti-gap=-1") == 0);
    assert_true(segments_gap_s("http://h/a.ts#tutti-gap=inf") == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_what_lies_before),
        cmocka_unit_test(cuts),
        cmocka_unit_test(gaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
