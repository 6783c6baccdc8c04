/* Texts of playlists, and which URLs they name. */
#include "media/list_text.h"
#include "media/playlist.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

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
        { "http://h/d/", "http://o/my song.mp3", "http://o/my%20song.mp3" },
        { "http://h/d/", "caf\xc3\xa9%20.mp3", "http://h/d/caf%C3%A9%20.mp3" },
        { "http://h/d/", "file:///etc/passwd", NULL },
        { "http://h/d/", "concat:a", NULL },
        { "file:///d/", "a", NULL },
        { "http://h/d/", "", NULL },
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        char *url = list_text_resolve(cases[i].base, cases[i].name);
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
    size_t n = playlist_urls(text, listing_of(text, strlen(text), "", ""), "http://h/d/x", urls,
                             LENGTH_OF(urls));
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

static void test_lists_as_they_are(void **state)
{
    check_urls(
        "; radio\r\n[Playlist]\r\nNumberOfEntries=2\r\nFILE01 =  http://a/1\r\nLength1=-1\r\n"
        "Title1=file=x\r\nVersion=2",
        (const char *const[]){ "http://a/1" }, 1);
    check_urls("[Reference]\r\nRef1=http://a/1?MSWMExt=.asf\r\nRef2=mms://a/2\r\n",
               (const char *const[]){ "http://a/1?MSWMExt=.asf" }, 1);
    check_urls("\xef\xbb\xbf# radio\r\rhttp://a/1\r; other\rtwo\r",
               (const char *const[]){ "http://a/1", "http://h/d/two" }, 2);
}

#define XSPF "<?xml version='1.0' encoding='utf-8'?>"

static void test_xml(void **state)
{
    check_urls(
        XSPF
        "<playlist version='1' xmlns='http://xspf.org/ns/0/'><title>x</title><trackList>"
        "<track><location>\n http://a/1?b=1&amp;c=2 </location><image>http://a/i</image></track>"
        "<track><location><![CDATA[http://a/2?b&c]]></location></track>"
        "<track><location>file:///etc/passwd</location></track>"
        "<track><location>a%20b.mp3</location></track></trackList></playlist>",
        (const char *const[]){ "http://a/1?b=1&c=2", "http://a/2?b&c", "http://h/d/a%20b.mp3" }, 3);
    check_urls("<x:playlist xmlns:x='y'><x:location>http://a/1</x:location></x:playlist>",
               (const char *const[]){ "http://a/1" }, 1);
    /* As Windows Media has them: any case, and no XML at all. */
    check_urls("\r\n<ASX version = \"3.0\">\r\n<Title>R & B</Title><Logo HREF=\"http://a/i\"/>\r\n"
               "<Entry><Ref href = \"http://a/1?b=1&c=2&copy=3\" /></ENTRY>"
               "<entry><REF HREF='http://a/2'></entry><EntryRef href=http://a/3></asx>",
               (const char *const[]){ "http://a/1?b=1&c=2&copy=3", "http://a/2", "http://a/3" }, 3);
    check_urls("<?wpl version=\"1.0\"?><smil><body><seq><media src=\"1.wma\"/></seq></body></smil>",
               (const char *const[]){ "http://h/d/1.wma" }, 1);
    check_urls("<smil><head/><body><img src='i'/><audio src='http://a/1'/></body></smil>",
               (const char *const[]){ "http://a/1" }, 1);
    check_urls(
        XSPF
        "<WinampXML><playlist><entry Playstring=\"http://a/1\"><Name>x</Name></entry></playlist>"
        "</WinampXML>",
        (const char *const[]){ "http://a/1" }, 1);
    check_urls(
        XSPF
        "<rss version='2.0'><channel><link>http://a/</link><item><title>x</title>"
        "<enclosure url='http://a/i.png' type='image/png'/>"
        "<enclosure url='http://a/1.mp3' length='1' type='audio/mpeg'/></item></channel></rss>",
        (const char *const[]){ "http://a/1.mp3" }, 1);
    check_urls("<asx><entry/></asx>", NULL, 0);
}

/* None that a document declares; whoever reads it as HTML after that finds the name as it stands.
 */
static void test_no_entity_is_expanded(void **state)
{
    static const char secret[] = "<!DOCTYPE playlist [<!ENTITY a SYSTEM 'file:///etc/passwd'>"
                                 "<!ENTITY b 'http://a/b'>]><playlist><location>&b;</location>"
                                 "<location>http://a/&a;</location></playlist>";
    char *urls[4];
    size_t n = playlist_urls(secret, LISTING_XML, "http://h/", urls, LENGTH_OF(urls));
    for (size_t i = 0; i < n; i++) {
        assert_null(strstr(urls[i], "root"));
        assert_string_not_equal(urls[i], "http://a/b");
        free(urls[i]);
    }
}

/* A billion laughs, elements without end, letters of which nobody has heard. */
static void test_xml_is_bounded(void **state)
{
    char *urls[4];
    char *text = calloc(1, 300000);
    static const char *const heads[] = {
        ("<!DOCTYPE p [<!ENTITY a 'http://a/aaaaaaaaaa'><!ENTITY b "
         "'&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"
         "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>]><playlist><location>&c;</location>"),
        "<?xml version='1.0' encoding='x-none-such'?><playlist>",
        "<asx><meta charset=windows-1251>",
        "<playlist><location>http://a/",
        "<!DOCTYPE p SYSTEM 'http://a/dtd'><playlist>",
    };
    static const char *const rests[] = { "<a>",      "<location>x", "&a;",
                                         "\xff\xfe", "<b c='d' ",   "<!--" };
    for (size_t i = 0; i < LENGTH_OF(heads) * LENGTH_OF(rests); i++) {
        const char *rest = rests[i % LENGTH_OF(rests)];
        char *at = stpcpy(text, heads[i / LENGTH_OF(rests)]);
        while (at < text + 256 * 1024)
            at = stpcpy(at, rest);
        size_t n = playlist_urls(text, LISTING_XML, "http://h/", urls, LENGTH_OF(urls));
        while (n > 0)
            free(urls[--n]);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_resolved),    cmocka_unit_test(test_lists),
        cmocka_unit_test(test_lists_as_they_are),     cmocka_unit_test(test_xml),
        cmocka_unit_test(test_no_entity_is_expanded), cmocka_unit_test(test_xml_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
