/* What a text is, by its bytes, and by its labels where those say nothing. */
#include "base/listing.h"
#include "unit.h"

#include <string.h>

static void kinds(void **state)
{
    static const struct {
        const char *text, *type, *url;
        enum listing kind;
    } rows[] = {
        { "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.ts\n", "", "", LISTING_SEGMENTS },
        { "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:1\n", "text/html", "", LISTING_SEGMENTS },
        { "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nx\n", "audio/mpeg", "", LISTING_VARIANTS },
        { "\xef\xbb\xbf#EXTM3U\nhttp://a/b\n", "", "", LISTING_M3U },
        { "# a comment\r\n\r\n#EXTM3U\nx\n", "", "", LISTING_M3U },
        { "\r\n [Playlist]\nFile1=http://a/b\n", "", "", LISTING_PLS },
        { "; a comment\n[playlist]\nFile1=x\n", "audio/x-scpls", "", LISTING_PLS },
        { "[Reference]\r\nRef1=http://a/b\r\n", "video/x-ms-asf", "", LISTING_PLS },
        { "http://a/b\n", "text/plain", "", LISTING_M3U },
        { "\r\nHTTPS://a/b\r\nc", "application/octet-stream", "", LISTING_M3U },
        { "# radio\n; x\nhttp://a/b", "text/html; charset=utf-8", "", LISTING_M3U },
        { "http://a/b", "audio/mpeg", "", LISTING_M3U },
        /* A text that names another one is no list. */
        { "See http://a/b\n", "text/plain", "", LISTING_NONE },
        { "http://a/b is <b>there</b>\n", "text/html", "", LISTING_NONE },
        { "<p>http://a/b</p>", "text/html", "", LISTING_NONE },
        { "<!DOCTYPE html><a href='http://a/b.m3u'>#EXTM3U</a>", "audio/x-mpegurl", "",
          LISTING_PAGE },
        { "<html><playlist>", "application/xspf+xml", "", LISTING_PAGE },
        { "<?xml version='1.0'?>\n<!-- x -->\n<html xmlns='y'>", "", "", LISTING_PAGE },
        { " <!-- only a comment", "", "", LISTING_PAGE },
        { "<Script>", "audio/mpeg", "", LISTING_PAGE },
        /* Names alone: whoever sends them must call them a list. */
        { "song.mp3\n", "audio/x-mpegurl; charset=utf-8", "", LISTING_M3U },
        { "song.mp3\n", "", "http://h/d/List.M3U?x=.y", LISTING_M3U },
        { "File1=song.mp3\n", "text/plain", "https://h/list.pls#x", LISTING_PLS },
        { "song.mp3\n", "text/plain", "http://h/?list.m3u", LISTING_NONE },
        { "song.mp3\n", "text/plain", "http://h.m3u", LISTING_NONE },
        { "ID3\x04 http://a/b", "audio/x-mpegurl", "http://h/x.m3u", LISTING_NONE },
        { "", "audio/x-mpegurl", "", LISTING_NONE },
        /* XML by its first element */
        { "<?xml version='1.0'?><playlist version='1'>", "", "", LISTING_XML },
        { "\xef\xbb\xbf<x:playlist>", "text/html", "", LISTING_XML },
        { "<ASX VERSION='3'>", "video/x-ms-asf", "", LISTING_XML },
        { "<?wpl?><smil>", "", "", LISTING_XML },
        { "<!DOCTYPE x SYSTEM 'y'><rss version='2.0'>", "text/xml", "", LISTING_XML },
        { "<svg>", "", "", LISTING_NONE },
        { "<MPD>", "", "", LISTING_NONE },
        { "<", "", "", LISTING_NONE },
        { "<playlists>", "", "", LISTING_NONE },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++)
        ROW_TRUE(rows[i].text, listing_of(rows[i].text, strlen(rows[i].text), rows[i].type,
                                          rows[i].url) == rows[i].kind);
}

static void binary(void **state)
{
    assert_true(listing_is_binary("ID3\x03\0\0", 6));
    assert_true(listing_is_binary("text\v", 5));
    assert_false(listing_is_binary("caf\xe9\t\r\n\f", 8));
    assert_false(listing_is_binary("\xff\xfe<\0h\0", 6));
    assert_false(listing_is_binary("", 0));
}

static void types(void **state)
{
    static const char *const list[] = { "audio/", "text/html", NULL };
    assert_true(listing_type_is("Audio/MPEG", list));
    assert_true(listing_type_is("text/html;x", list));
    assert_false(listing_type_is("text/htmlx", list));
    assert_false(listing_type_is("", list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        cmocka_unit_test(binary),
        cmocka_unit_test(types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
