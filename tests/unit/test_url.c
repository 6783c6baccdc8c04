#include "extract/url.h"
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
    { "http://x/a", NULL },
    { "https://x/a", NULL },
    { "ytsearch:abc", NULL },
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

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(kinds) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
