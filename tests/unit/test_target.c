/* What of a URL decides about a request, and which of the user's headers go with it. */
#include "fetch/target.h"
#include "unit.h"

#include <curl/curl.h>
#include <errno.h>

static void targets(void **state)
{
    struct target t;
    assert_int_equal(target_read("https://User:pw@Host.Example:444/x", &t), 0);
    assert_true(t.is_https && t.port == 444);
    assert_string_equal(t.host, "Host.Example");
    assert_int_equal(target_read("http://[::1]/x", &t), 0);
    assert_int_equal(t.port, 80);
    assert_int_equal(target_read("http://0x7f.1/", &t), 0);
    assert_string_equal(t.host, "127.0.0.1");
    assert_int_equal(target_read("ftp://a/", &t), -EACCES);
    assert_int_equal(target_read("file:///etc/passwd", &t), -EACCES);
    assert_int_equal(target_read("http://", &t), -EINVAL);
    assert_int_equal(target_read("http://a:99999/", &t), -EINVAL);
    /* Nothing that a message could not carry, or that a resolver would take for another host. */
    assert_int_equal(target_read("http://a/caf\xe9", &t), -EINVAL);
    assert_int_equal(target_read("http://caf%C3%A9.example/", &t), -EINVAL);
    assert_int_equal(target_read("http://\xef\xbc\x91.0.0.1/", &t), -EINVAL);
    assert_int_equal(target_read("http://a/caf%E9", &t), 0);
}

static void redirects(void **state)
{
    static const struct {
        const char *location, *want; /* NULL: it makes no URL */
    } rows[] = {
        { "http://a.example/b", "http://a.example/b" },
        { "/caf\xe9.ogg", "http://host.example/caf%E9.ogg" },
        { "caf\xc3\xa9 1.ogg", "http://host.example/dir/caf%C3%A9%201.ogg" },
        { "?q=a b", "http://host.example/dir/page?q=a%20b" },
        { "//other.example/\x01\x7f", "http://other.example/%01%7F" },
        { "/a%20b%zz", "http://host.example/a%20b%zz" },
        { "file:///etc/passwd", "file:///etc/passwd" },
        { "http://a b/", NULL },
        { "http://a%0ab/", NULL },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char *url = NULL;
        int r = target_redirect("http://host.example/dir/page?x", rows[i].location, &url);
        ROW_TRUE(rows[i].location, r == (rows[i].want ? 0 : -EINVAL));
        ROW_TRUE(rows[i].location, !rows[i].want || strcmp(url, rows[i].want) == 0);
        free(url);
    }
}

static void request_headers(void **state)
{
    static const char *const own[] = { "Range: bytes=0-", NULL };
    struct curl_slist *l = NULL;
    assert_int_equal(target_make_headers("User-Agent: me\nRange: bytes=9-\nCookie: c\nX:\nY: z\n",
                                         false, own, &l),
                     0);
    assert_string_equal(l->data, "User-Agent: me");
    assert_string_equal(l->next->data, "Y: z");
    assert_string_equal(l->next->next->data, "Range: bytes=0-");
    assert_null(l->next->next->next);
    curl_slist_free_all(l);
}

static void cookies(void **state)
{
    static const struct {
        const char *headers;
        const char *want;
    } rows[] = {
        { "", NULL },
        { "X: y\nCookie:\nSet-Cookie: a=1\n", NULL },
        { "X: y\ncookie: a=1; b=2", "a=1; b=2" },
        { "Cookie: a=1\nX: y\nCOOKIE:b=2\n", "a=1; b=2" },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char *value = NULL;
        assert_int_equal(target_read_cookies(rows[i].headers, &value), 0);
        ROW_TRUE(rows[i].headers, !value == !rows[i].want);
        ROW_TRUE(rows[i].headers, !value || strcmp(value, rows[i].want) == 0);
        free(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets),
        cmocka_unit_test(redirects),
        cmocka_unit_test(request_headers),
        cmocka_unit_test(cookies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
