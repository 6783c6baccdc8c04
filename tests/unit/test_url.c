#include "base/url.h"
#include "unit.h"

static const struct {
    const char *url;
    const char *path; /* NULL: unsupported */
} rows[] = {
    { "/music/a.mp3", "/music/a.mp3" },
    { "/a b%20?#\xc3\xa4", "/a b%20?#\xc3\xa4" }, /* a plain path is taken as it is */
    { "/", "/" },
    { "//host/a", "//host/a" },
    { "file:/a", "/a" },
    { "file:///a", "/a" },
    { "FILE:///a", "/a" },
    { "file://localhost/a", "/a" },
    { "file://LocalHost/a", "/a" },
    { "file:///a%20b", "/a b" },
    { "file:///%e2%82%AC", "/\xe2\x82\xac" },
    { "file:///a%2Fb", "/a/b" },
    { "file:///a%2525", "/a%25" },
    { "file:///a?b=c", "/a" },
    { "file:///a#b", "/a" },
    { "file:///a%3fb%23", "/a?b#" },
    { "file:////a", "//a" },
    { "file:///..", "/.." }, /* the roots judge that */
    { "file:///", "/" },
    { "", NULL },
    { "a.mp3", NULL },
    { "./a.mp3", NULL },
    { " /a", NULL },
    { "concat:/a|/b", NULL },
    { "file:", NULL },
    { "file:a", NULL },
    { "file://", NULL },
    { "file://localhost", NULL },
    { "file://localhos/a", NULL },
    { "file://example.org/a", NULL },
    { "file:///a%", NULL },
    { "file:///a%2", NULL },
    { "file:///a%2g", NULL },
    { "file:///a%g2", NULL },
    { "file:///a%00", NULL },
    { "file:///a%%20", NULL },
    { "files:///a", NULL },
};

static void kinds(void **state)
{
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        enum url_kind kind;
        char *path = NULL;
        const char *why = NULL;
        ROW_TRUE(rows[i].url, url_classify(rows[i].url, &kind, &path, &why) == 0);
        ROW_TRUE(rows[i].url, kind == (rows[i].path ? URL_FILE : URL_UNSUPPORTED));
        if (rows[i].path) {
            ROW_TRUE(rows[i].url, path && strcmp(path, rows[i].path) == 0);
        } else {
            ROW_TRUE(rows[i].url, path == NULL);
            ROW_TRUE(rows[i].url, why && strlen(why) > 10);
        }
        free(path);
    }
}

static void network(void **state)
{
    static const struct {
        const char *url;
        const char *text; /* NULL: unsupported */
    } net[] = {
        { "http://x/a", "http://x/a" },
        { "HTTPS://X.example:8080/A?b#c", "https://X.example:8080/A?b#c" },
        { "https://x", "https://x" },
        { "https://x?a", "https://x?a" },
        { "http://[::1]:80/", "http://[::1]:80/" },
        { "http://x/a b", "http://x/a%20b" },
        { "http://x/\xc3\xa4", "http://x/%C3%A4" },
        { "http://x/%41", "http://x/%41" },
        { "http://x:/a", "http://x:/a" },
        { "http://a_b-c.d./", "http://a_b-c.d./" },
        { "http://x/@user", "http://x/@user" },
        { "http://", NULL },
        { "http:///a", NULL },
        { "http:x", NULL },
        { "http://.x/", NULL },
        { "http://u@x/", NULL },
        { "http://u:p@x/", NULL },
        { "http://x@127.0.0.1/", NULL },
        { "http://a\\@b/", NULL },
        { "http://x\\y/", NULL },
        { "http://x/\\y", NULL },
        { "http://x y/", NULL },
        { "http://x%2e/", NULL },
        { "http://x\n/", NULL },
        { "http://x/\r\nA: b", NULL },
        { "http://x/\x7f", NULL },
        { "http://x/\xff", NULL },
        { "http://\xc3\xa4/", NULL },
        { "http://x:0/", NULL },
        { "http://x:65536/", NULL },
        { "http://x:1a/", NULL },
        { "http://x:000080/", NULL },
        { "http://[::1", NULL },
        { "http://[::1]x/", NULL },
        { "http://[x]/", NULL },
        { "http://x/#__youtubedl_smuggle=%7B%7D", NULL },
        { "ytsearch:abc", "ytsearch:abc" },
        { "ytsearch5:never gonna \xc3\xa4", "ytsearch5:never gonna \xc3\xa4" },
        { "ytsearchdate:abc", "ytsearchdate:abc" },
        { "scsearch10:http://x/", "scsearch10:http://x/" },
        { "ytsearch:--exec", "ytsearch:--exec" },
        { "ytsearchall:a", NULL },
        { "ytsearch0:a", NULL },
        { "ytsearch1000:a", NULL },
        { "ytsearch:", NULL },
        { "ytsearch:  ", NULL },
        { "ytsearch:a\nb", NULL },
        { "search:a", NULL },
        { "YTSEARCH:a", NULL },
        { "ytsearch", NULL },
        { "ftp://x/", NULL },
        { "rtmp://x/", NULL },
        { "data:audio/mp3,x", NULL },
    };
    for (size_t i = 0; i < LENGTH_OF(net); i++) {
        enum url_kind kind,
            want = net[i].url[0] == 'h' || net[i].url[0] == 'H' ? URL_HTTP : URL_SEARCH;
        char *text = NULL;
        const char *why = NULL;
        ROW_TRUE(net[i].url, url_classify(net[i].url, &kind, &text, &why) == 0);
        ROW_TRUE(net[i].url, kind == (net[i].text ? want : URL_UNSUPPORTED));
        ROW_TRUE(net[i].url, net[i].text ? text && strcmp(text, net[i].text) == 0
                                         : !text && why && strlen(why) > 10);
        ROW_TRUE(net[i].url, kind != URL_HTTP || url_is_http(text));
        free(text);
    }
}

static void long_urls(void **state)
{
    static char url[3 * URL_HTTP_MAX];
    enum url_kind kind;
    char *text = NULL;
    const char *why = NULL;
    (void)strcpy(url, "http://x/");
    memset(url + 9, 'a', URL_HTTP_MAX - 9);
    assert_int_equal(url_classify(url, &kind, &text, &why), 0);
    assert_int_equal(kind, URL_HTTP);
    free(text);
    url[9] = ' '; /* three bytes when it is encoded */
    assert_int_equal(url_classify(url, &kind, &text, &why), 0);
    assert_int_equal(kind, URL_UNSUPPORTED);
}

static void hosts(void **state)
{
    static const struct {
        const char *url, *host;
    } rows_of[] = {
        { "http://X.Example:80/a", "x.example" },
        { "https://x.example./", "x.example" },
        { "http://[2001:DB8::1]/", "2001:db8::1" },
        { "http://127.1", "127.1" },
        { "ftp://x/", NULL },
        { "http://a@b/", NULL },
    };
    for (size_t i = 0; i < LENGTH_OF(rows_of); i++) {
        char host[URL_HOST_MAX + 1];
        bool found = url_http_host(rows_of[i].url, host);
        ROW_TRUE(rows_of[i].url, found == (rows_of[i].host != NULL));
        ROW_TRUE(rows_of[i].url, !found || strcmp(host, rows_of[i].host) == 0);
    }
}

static void expiries(void **state)
{
    static const struct {
        const char *url;
        int64_t expires;
    } rows_of[] = {
        { "https://x/videoplayback?expire=1893456000&ei=1", 1893456000 },
        { "https://x/a?b=1&Expires=1893456000", 1893456000 },
        { "https://x/a?Expires=1893456000&expire=1893450000", 1893450000 },
        { "https://x/expire/1893456000/ei/1/playlist.m3u8", 1893456000 },
        { "https://x/a?exp=1893456000;b", 1893456000 },
        { "https://x/a?expires=300", 0 },
        { "https://x/a?X-Amz-Expires=604800", 0 },
        { "https://x/a?expire=18934560000", 0 },
        { "https://x/a?expire=1893456000x", 0 },
        { "https://x/a?notexpire=1893456000", 0 },
        { "https://x/a", 0 },
    };
    for (size_t i = 0; i < LENGTH_OF(rows_of); i++)
        ROW_TRUE(rows_of[i].url, url_expiry(rows_of[i].url) == rows_of[i].expires);
}

static void searches_for_one(void **state)
{
    assert_true(url_is_search_for_one("ytsearch:a"));
    assert_true(url_is_search_for_one("ytsearch1:a"));
    assert_false(url_is_search_for_one("ytsearch11:a"));
    assert_false(url_is_search_for_one("ytsearch5:a"));
    assert_false(url_is_search_for_one("http://x/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds), cmocka_unit_test(network),  cmocka_unit_test(long_urls),
        cmocka_unit_test(hosts), cmocka_unit_test(expiries), cmocka_unit_test(searches_for_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
