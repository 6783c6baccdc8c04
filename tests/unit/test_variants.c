/* Which of the qualities and renditions of an HLS stream is the one to hear. */
#include "media/variants.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#define MEDIA "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="
#define VIDEO "#EXT-X-STREAM-INF:RESOLUTION=1x1,CODECS=\"avc1.1,mp4a.40.2\",BANDWIDTH="
#define SOUND "#EXT-X-STREAM-INF:CODECS=\"mp4a.40.2\",BANDWIDTH="

static const struct {
    const char *label, *text, *want; /* the last parts of the URLs, in their order */
} rows[] = {
    { "sound alone, then the smallest picture",
      VIDEO "900000\nbig\n" SOUND "64000\nlow\n" SOUND "128000\nhigh\n" VIDEO "300000\nsmall\n",
      "high low small big" },
    { "a picture told by its size",
      "#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=1x1\nv\n" SOUND "2\na\n", "a v" },
    { "the best within reason",
      SOUND "1500000\nflac\n" SOUND "48000\nlow\n" SOUND "320000\nhigh\n" SOUND "900000\nmuch\n",
      "high much flac low" },
    { "a default that lies in the variants",
      MEDIA "\"a\",NAME=\"Main\",DEFAULT=YES,AUTOSELECT=YES\n" MEDIA
            "\"a\",NAME=\"Commentary\",DEFAULT=NO,URI=\"talk\"\n" VIDEO "9,AUDIO=\"a\"\nmain\n",
      "main talk" },
    { "a default of its own",
      MEDIA "\"a\",NAME=\"x,URI=y\",URI=\"other\"\n" MEDIA "\"a\",DEFAULT=YES,URI=\"sound\"\n"
            "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"a\",DEFAULT=YES,URI=\"text\"\n" VIDEO
            "1,AUDIO=\"a\"\nseen\n",
      "sound other seen" },
    { "no default",
      MEDIA "\"a\",URI=\"first\"\n" MEDIA "\"a\",AUTOSELECT=YES,URI=\"auto\"\n" VIDEO
            "1,AUDIO=\"a\"\nv\n",
      "auto first v" },
    { "pictures described",
      MEDIA "\"a\",AUTOSELECT=YES,CHARACTERISTICS=\"public.accessibility.describes-video\",URI="
            "\"told\"\n" MEDIA "\"a\",AUTOSELECT=YES,URI=\"plain\"\n" VIDEO "1,AUDIO=\"a\"\nv\n",
      "plain told v" },
    { "groups by the variants that name them",
      MEDIA "\"a32\",DEFAULT=YES,URI=\"32\"\n" MEDIA "\"a128\",DEFAULT=YES,URI=\"128\"\n" MEDIA
            "\"a64\",DEFAULT=YES,URI=\"64\"\n" VIDEO "288000,AUDIO=\"a32\"\nv1\n" VIDEO
            "2176000,AUDIO=\"a128\"\nv3\n" VIDEO "832000,AUDIO=\"a64\"\nv2\n",
      "128 64 32 v1 v2 v3" },
    { "groups by the sound alone that names them",
      MEDIA "\"lo\",DEFAULT=YES,URI=\"lo\"\n" MEDIA "\"hi\",DEFAULT=YES,URI=\"hi\"\n" SOUND
            "64000,AUDIO=\"lo\"\nlo\n" SOUND "256000,AUDIO=\"hi\"\nhi\n" VIDEO
            "5000000,AUDIO=\"lo\"\nv\n",
      "hi lo v" },
    { "two channels before six",
      MEDIA "\"ac3\",DEFAULT=YES,CHANNELS=\"6\",URI=\"six\"\n" MEDIA
            "\"aac\",DEFAULT=YES,CHANNELS=\"2\",URI=\"two\"\n" VIDEO "900,AUDIO=\"ac3\"\nv1\n" VIDEO
            "500,AUDIO=\"aac\"\nv2\n",
      "two six v2 v1" },
    { "two channels, told by the codecs",
      MEDIA
      "\"e\",DEFAULT=YES,URI=\"six\"\n" MEDIA "\"a\",DEFAULT=YES,URI=\"two\"\n"
      "#EXT-X-STREAM-INF:RESOLUTION=1x1,BANDWIDTH=9,CODECS=\"avc1.1,ec-3\",AUDIO=\"e\"\nv\n" VIDEO
      "5,AUDIO=\"a\"\nv\n",
      "two six v" },
    { "a sound alone that is poor, and a group that is not",
      MEDIA "\"a\",DEFAULT=YES,URI=\"group\"\n" SOUND "40000\npoor\n" VIDEO
            "900000,AUDIO=\"a\"\nv\n",
      "group poor v" },
    { "a group that nobody has made", VIDEO "1,AUDIO=\"none\"\nv\n", "v" },
    { "a group that nobody names", MEDIA "\"a\",DEFAULT=YES,URI=\"x\"\n" SOUND "1\na\n", "a x" },
    { "other schemes", MEDIA "\"a\",DEFAULT=YES,URI=\"file:///x\"\n" VIDEO "1,AUDIO=\"a\"\nv\n",
      "v" },
    { "nonsense",
      MEDIA "\n#EXT-X-STREAM-INF:\n\n#EXT-X-STREAM-INF:=,\"\nx\n#EXT-X-MEDIA:TYPE=AUDIO,URI=\"",
      "x" },
};

static void preferences(void **state)
{
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char *urls[8];
        char got[256] = "";
        size_t n = variants_urls(rows[i].text, "http://h/d/x", urls, LENGTH_OF(urls));
        for (size_t k = 0; k < n; k++) {
            assert_memory_equal(urls[k], "http://h/d/", 11);
            (void)strcat(strcat(got, k > 0 ? " " : ""), urls[k] + 11);
            free(urls[k]);
        }
        if (strcmp(got, rows[i].want) != 0)
            print_error("%s: %s\n", rows[i].label, got);
        ROW_TRUE(rows[i].label, strcmp(got, rows[i].want) == 0);
    }
}

static void as_many_as_wanted(void **state)
{
    char *urls[2];
    assert_int_equal(variants_urls(rows[0].text, "http://h/d/x", urls, 2), 2);
    free(urls[0]);
    free(urls[1]);
    assert_int_equal(variants_urls("", "http://h/d/x", urls, 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preferences),
        cmocka_unit_test(as_many_as_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
