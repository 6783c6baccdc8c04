/* Texts of playlists, and which URLs they name. */
#include "media/playlist.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static void test_kinds(void **state)
{
    static const struct {
        const char *text;
        const char *type;
        enum playlist_kind kind;
    } cases[] = {
        { "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.ts\n", "", PLAYLIST_SEGMENTS },
        { "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:1\n", "", PLAYLIST_SEGMENTS },
        { "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nx\n", "", PLAYLIST_VARIANTS },
        { "\xef\xbb\xbf#EXTM3U\nhttp://a/b\n", "", PLAYLIST_M3U },
        { "\r\n [Playlist]\nFile1=http://a/b\n", "", PLAYLIST_PLS },
        { "song.mp3\n", "audio/x-mpegurl; charset=utf-8", PLAYLIST_M3U },
        { "http://a/b\n", "text/plain", PLAYLIST_M3U },
        { "song.mp3\n", "text/plain", PLAYLIST_NONE },
        { "", "", PLAYLIST_NONE },
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++)
        assert_int_equal(playlist_kind(cases[i].text, cases[i].type), cases[i].kind);
}

static void test_names_are_resolved(void **state)
{
    static const struct {
        const char *base;
        const char *name;
        const char *url; /* NULL: refused */
    } cases[] = {
        { "http://h/d/list.m3u?x=/y", "a.ts", "http://h/d/a.ts" },
        { "http://h/d/list.m3u", "../a.ts", "http://h/d/../a.ts" },
        { "http://h/d/list.m3u", "/a.ts?q=1", "http://h/a.ts?q=1" },
        { "https://h/d/list.m3u", "//o/a.ts", "https://o/a.ts" },
        { "http://h/d/list.m3u?x", "?y", "http://h/d/list.m3u?y" },
        { "http://h", "a.ts", "http://h/a.ts" },
        { "http://h", "?q", "http://h?q" },
        { "http://h/d/", "my song#part", "http://h/d/my%20song" },
        { "http://h/d/", "HTTPS://o/x", "HTTPS://o/x" },
        { "http://h/d/", "file:///etc/passwd", NULL },
        { "http://h/d/", "concat:a", NULL },
        { "file:///d/", "a", NULL },
        { "http://h/d/", "", NULL },
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        char *url = playlist_resolve(cases[i].base, cases[i].name);
        if (cases[i].url)
            assert_string_equal(url, cases[i].url);
        else
            assert_null(url);
        free(url);
    }
}

static void check_urls(const char *text, const char *const want[], size_t n_want)
{
    char *urls[4];
    size_t n = playlist_urls(text, playlist_kind(text, ""), "http://h/d/x", urls, LENGTH_OF(urls));
    assert_int_equal(n, n_want);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(urls[i], want[i]);
        free(urls[i]);
    }
}

static void test_lists(void **state)
{
    check_urls("[playlist]\nTitle1=x\nfile1= http://a/1\nFile2=two\nFile3=file:///x\nLength1=-1",
               (const char *const[]){ "http://a/1", "http://h/d/two" }, 2);
    check_urls("#EXTM3U\n#EXTINF:1,x\none\n\n \n#c\ntwo\nthree\nfour\nfive\n",
               (const char *const[]){ "http://h/d/one", "http://h/d/two", "http://h/d/three",
                                      "http://h/d/four" },
               4);
}

static void test_variants_by_sound(void **state)
{
    check_urls(
        "#EXTM3U\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION=1x1,CODECS=\"avc1.1,mp4a.40.2\"\nbig\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=64000,CODECS=\"mp4a.40.2\"\nlow\n"
        "#EXT-X-STREAM-INF:CODECS=\"mp4a.40.2\",BANDWIDTH=128000\nhigh\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=300000,RESOLUTION=1x1\nsmall\n",
        (const char *const[]){ "http://h/d/high", "http://h/d/low", "http://h/d/small",
                               "http://h/d/big" },
        4);
    check_urls("#EXTM3U\n"
               "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"x,y\",URI=\"other\"\n"
               "#EXT-X-MEDIA:TYPE=AUDIO,DEFAULT=YES,URI=\"sound\"\n"
               "#EXT-X-MEDIA:TYPE=SUBTITLES,URI=\"text\"\n"
               "#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"avc1.1\",AUDIO=\"a\"\nseen\n",
               (const char *const[]){ "http://h/d/sound", "http://h/d/other", "http://h/d/seen" },
               3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_names_are_resolved),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_variants_by_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
