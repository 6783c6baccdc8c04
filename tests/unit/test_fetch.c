/* The pure parts of the fetcher: window, ICY, heads of answers, what they mean, back-off, proxies,
 * targets. */
#include "fetch/backoff.h"
#include "fetch/icy.h"
#include "fetch/proxy.h"
#include "fetch/resource.h"
#include "fetch/sniff.h"
#include "fetch/target.h"
#include "fetch/window.h"
#include "unit.h"

#include <curl/curl.h>
#include <errno.h>

/* ---- window ---- */

static uint8_t byte_at(int64_t at)
{
    return (uint8_t)(at * 31 + at / 251);
}

static void append(struct window *w, size_t n)
{
    static uint8_t b[WINDOW_BYTES_MAX];
    for (size_t i = 0; i < n; i++)
        b[i] = byte_at(w->end + (int64_t)i);
    assert_int_equal(window_append(w, b, n), 0);
}

static void check_content(const struct window *w)
{
    struct iovec iov[WINDOW_BLOCKS];
    size_t n_iov = WINDOW_BLOCKS, n = 0;
    assert_int_equal(window_view(w, w->begin, window_len(w), iov, &n_iov), window_len(w));
    for (size_t i = 0; i < n_iov; i++) {
        for (size_t k = 0; k < iov[i].iov_len; k++, n++)
            assert_int_equal(((uint8_t *)iov[i].iov_base)[k], byte_at(w->begin + (int64_t)n));
    }
    assert_int_equal(n, window_len(w));
}

static void window_keeps_what_it_was_given(void **state)
{
    struct window w = { 0 };
    uint64_t seed = 5;
    window_restart(&w, 1000000);
    for (int i = 0; i < 300; i++) {
        size_t n = test_random(&seed) % 40000;
        if (window_len(&w) + n <= WINDOW_BYTES_MAX)
            append(&w, n);
        else
            window_trim(&w, w.begin + test_random(&seed) % 300000);
        check_content(&w);
    }
    window_restart(&w, 0);
    assert_int_equal(w.n_blocks, 0);
}

static void window_limits(void **state)
{
    struct window w = { 0 };
    static uint8_t zeros[WINDOW_BYTES_MAX];
    struct iovec iov;
    size_t n = 1;
    append(&w, 5000);
    window_trim(&w, 100);
    append(&w, WINDOW_BYTES_MAX - 4900);
    assert_int_equal(window_append(&w, zeros, 1), -ENOBUFS);
    check_content(&w);
    assert_int_equal(window_view(&w, w.begin - 1, 1, &iov, &n), 0);
    n = 1;
    assert_int_equal(window_view(&w, w.end, 1, &iov, &n), 0);
    window_trim(&w, w.end + 99);
    assert_int_equal(w.begin, w.end);
    assert_int_equal(w.n_blocks, 0);
    window_restart(&w, 0);
}

static void window_compares(void **state)
{
    struct window w = { 0 };
    uint8_t b[1000];
    window_restart(&w, 100);
    append(&w, 500);
    for (size_t i = 0; i < sizeof b; i++)
        b[i] = byte_at((int64_t)i);
    assert_int_equal(window_compare(&w, 0, b, sizeof b), 0);
    b[50] ^= 1; /* before the window: nobody knows */
    assert_int_equal(window_compare(&w, 0, b, sizeof b), 0);
    b[599] ^= 1;
    assert_int_not_equal(window_compare(&w, 0, b, sizeof b), 0);
    assert_int_equal(window_compare(&w, 0, b, 599), 0);
    window_restart(&w, 0);
}

/* ---- ICY ---- */

struct heard {
    char audio[256];
    size_t n;
    char titles[256];
};

static int hear_audio(const uint8_t *bytes, size_t len, void *arg)
{
    struct heard *h = arg;
    memcpy(h->audio + h->n, bytes, len);
    h->n += len;
    return 0;
}

static void hear_title(const char *title, void *arg)
{
    struct heard *h = arg;
    strcat(h->titles, title);
    strcat(h->titles, "|");
}

/* Whatever the pieces. */
static void icy_pieces(void **state)
{
    static const char stream[] = "0123\x01StreamTitle='A';"
                                 "4567\x00"
                                 "89ab\x02StreamTitle='it's';X='';\0\0\0\0\0\0\0\0"
                                 "cd";
    size_t len = sizeof stream - 1;
    for (size_t piece = 1; piece <= len; piece++) {
        struct heard h = { .n = 0 };
        struct icy icy;
        struct icy_ops ops = { hear_audio, hear_title, &h };
        icy_init(&icy, 4);
        for (size_t at = 0; at < len; at += piece) {
            size_t n = piece < len - at ? piece : len - at;
            assert_int_equal(icy_feed(&icy, (const uint8_t *)stream + at, n, &ops), 0);
        }
        assert_int_equal(h.n, 14);
        assert_memory_equal(h.audio, "0123456789abcd", 14);
        assert_string_equal(h.titles, "A|it's|");
    }
}

static void icy_titles(void **state)
{
    static const struct {
        const char *metadata, *title; /* NULL: none */
    } rows[] = {
        { "StreamTitle='A - B';StreamUrl='http://x';", "A - B" },
        { "StreamTitle='Rock 'n' Roll';", "Rock 'n' Roll" },
        { "streamtitle='low';", "low" },
        { "StreamUrl='x';StreamTitle='late';", "late" },
        { "StreamTitle='open", "open" },
        { "StreamTitle='no semicolon'", "no semicolon" },
        { "StreamTitle='';", "" },
        { "StreamTitle='Caf\xe9';", "Caf\xc3\xa9" },
        { "StreamTitle='Caf\xc3\xa9';", "Caf\xc3\xa9" },
        { "StreamTitle='a\tb\x01';", "a b " },
        { "StreamTitle='what?';", "what?" },
        { "Title='x';", NULL },
        { "", NULL },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char title[ICY_TITLE_MAX + 1] = "unset";
        int r = icy_read_title(rows[i].metadata, title, sizeof title);
        ROW_TRUE(rows[i].metadata, r == (rows[i].title != NULL));
        if (rows[i].title)
            assert_string_equal(title, rows[i].title);
    }
}

/* ---- answers ---- */

static struct response answer(const char *head)
{
    struct response r;
    response_init(&r);
    while (*head) {
        size_t len = strcspn(head, "\n");
        response_take_line(&r, head, len);
        head += len + (head[len] == '\n');
    }
    return r;
}

static void heads(void **state)
{
    struct response r = answer("HTTP/1.1 206 Partial\r\nContent-Length: 50\r\ncontent-RANGE: bytes "
                               "50-99/100\r\nETag: \"x\"\r\nContent-Type: audio/ogg \r\n");
    assert_int_equal(r.status, 206);
    assert_int_equal(r.range_from, 50);
    assert_int_equal(response_total(&r), 100);
    assert_string_equal(response_validator(&r), "\"x\"");
    assert_string_equal(r.content_type, "audio/ogg");

    r = answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
               "18446744073709551615\r\nLast-Modified: then\r\nRetry-After: 7\r\n");
    assert_int_equal(r.status, 200);
    assert_int_equal(response_total(&r), -1);
    assert_int_equal(r.retry_after_s, 7);
    assert_string_equal(response_validator(&r), "then");

    r = answer("HTTP/1.1 206 x\nContent-Range: bytes 0-9/*\n");
    assert_int_equal(r.range_from, 0);
    assert_int_equal(response_total(&r), -1);
    r = answer("HTTP/1.1 416 x\nContent-Range: bytes */77\n");
    assert_int_equal(response_total(&r), 77);
    assert_int_equal(r.range_from, -1);
    r = answer("HTTP/1.1 200 x\nContent-Encoding: gzip\nContent-Length: 5\n");
    assert_true(r.coding == CODING_GZIP);
    assert_int_equal(response_total(&r), 5);
    r = answer("HTTP/1.1 200 x\nContent-Encoding: none, Identity\nTransfer-Encoding: chunked\n");
    assert_true(r.is_chunked && r.coding == CODING_NONE);
    r = answer("ICY 200 OK\nicy-name:R\xe4"
               "dio\nicy-metaint:8192\n");
    assert_true(r.is_icy && r.is_http1);
    assert_int_equal(r.icy_interval, 8192);
    assert_string_equal(r.icy_name, "R?dio");
    r = answer("HTTP/1.1 429 x\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\n");
    assert_int_equal(r.retry_date_s, 946684799);
    r = answer("HTTP/2 200\n");
    assert_false(r.is_http1);
    r = answer("HTTP/1.1 99999 x\nno colon\n: empty\n");
    assert_int_equal(r.status, 0);
}

static void judgements(void **state)
{
    static const struct {
        const char *label;
        int64_t length; /* of the resource as known; −2: nothing is known */
        const char *validator;
        int64_t asked;
        const char *head;
        enum verdict verdict;
        int64_t from;
    } rows[] = {
        { "first, all", -2, "", 0, "HTTP/1.1 200 x\n", VERDICT_ACCEPT, 0 },
        { "first, part", -2, "", 0, "HTTP/1.1 206 x\nContent-Range: bytes 0-9/10\n", VERDICT_ACCEPT,
          0 },
        { "resumed", 100, "\"a\"", 50,
          "HTTP/1.1 206 x\nContent-Range: bytes 50-99/100\nETag: \"a\"\n", VERDICT_ACCEPT, 50 },
        { "without ranges", 100, "\"a\"", 50,
          "HTTP/1.1 200 x\nContent-Length: 100\nETag: W/\"a\"\n", VERDICT_ACCEPT, 0 },
        { "earlier than asked", 100, "", 50, "HTTP/1.1 206 x\nContent-Range: bytes 40-99/100\n",
          VERDICT_ACCEPT, 40 },
        { "later than asked", 100, "", 50, "HTTP/1.1 206 x\nContent-Range: bytes 60-99/100\n",
          VERDICT_FAILED, 60 },
        { "tag", 100, "\"a\"", 50, "HTTP/1.1 206 x\nContent-Range: bytes 50-99/100\nETag: \"b\"\n",
          VERDICT_CHANGED, 50 },
        { "date", 100, "Mon", 50, "HTTP/1.1 200 x\nLast-Modified: Tue\n", VERDICT_CHANGED, 0 },
        { "tag instead of date", 100, "Mon", 50, "HTTP/1.1 200 x\nETag: \"b\"\n", VERDICT_ACCEPT,
          0 },
        { "length", 100, "", 50, "HTTP/1.1 206 x\nContent-Range: bytes 50-99/101\n",
          VERDICT_CHANGED, 50 },
        { "at the end", 100, "", 100, "HTTP/1.1 416 x\nContent-Range: bytes */100\n", VERDICT_END,
          100 },
        { "shorter than promised", 100, "", 90, "HTTP/1.1 416 x\nContent-Range: bytes */90\n",
          VERDICT_END, 90 },
        { "another length", 100, "", 90, "HTTP/1.1 416 x\nContent-Range: bytes */80\n",
          VERDICT_CHANGED, 90 },
        { "range refused", 100, "", 50, "HTTP/1.1 416 x\nContent-Range: bytes */100\n",
          VERDICT_FAILED, 50 },
        { "end of the unknown", -1, "", 50, "HTTP/1.1 416 x\n", VERDICT_END, 50 },
        { "gzip", -2, "", 0, "HTTP/1.1 200 x\nContent-Encoding: X-GZIP\n", VERDICT_ACCEPT, 0 },
        { "403", 100, "", 50, "HTTP/1.1 403 x\n", VERDICT_REFUSED, 0 },
        { "410", 100, "", 50, "HTTP/1.1 410 x\n", VERDICT_REFUSED, 0 },
        { "500", 100, "", 50, "HTTP/1.1 500 x\n", VERDICT_RETRY, 0 },
        { "429", 100, "", 50, "HTTP/1.1 429 x\n", VERDICT_RETRY, 0 },
        { "400", 100, "", 50, "HTTP/1.1 400 x\n", VERDICT_FAILED, 0 },
        { "first, 403", -2, "", 0, "HTTP/1.1 403 x\n", VERDICT_WHOLE, 0 },
        { "first, 416", -2, "", 0, "HTTP/1.1 416 x\n", VERDICT_WHOLE, 0 },
        { "first, 501", -2, "", 0, "HTTP/1.1 501 x\n", VERDICT_WHOLE, 0 },
        { "first, empty", -2, "", 0, "HTTP/1.1 416 x\nContent-Range: bytes */0\n", VERDICT_END, 0 },
        { "first, without a range", -2, "", -1, "HTTP/1.1 400 x\n", VERDICT_FAILED, 0 },
        { "304", 100, "", 50, "HTTP/1.1 304 x\n", VERDICT_FAILED, 0 },
        { "none", 100, "", 50, "", VERDICT_FAILED, 0 },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct resource res;
        struct judgement j;
        struct response r = answer(rows[i].head);
        assert_int_equal(resource_init(&res, "http://a", ""), 0);
        res.is_known = rows[i].length != -2;
        res.length = res.is_known ? rows[i].length : -1;
        strcpy(res.validator, rows[i].validator);
        resource_judge(&res, &r, rows[i].asked, 0, &j);
        ROW_TRUE(rows[i].label, j.verdict == rows[i].verdict);
        ROW_TRUE(rows[i].label, j.from == rows[i].from);
        resource_done(&res);
    }
}

static void codings(void **state)
{
    static const struct {
        const char *words;
        enum coding coding;
    } rows[] = {
        { "", CODING_NONE },
        { "identity", CODING_NONE },
        { "none", CODING_NONE },
        { "aws-chunked", CODING_NONE },
        { "UTF-8", CODING_NONE },
        { "binary, 8bit", CODING_NONE },
        { "GZIP", CODING_GZIP },
        { "x-gzip", CODING_GZIP },
        { "deflate", CODING_GZIP },
        { "gzip,aws-chunked", CODING_GZIP },
        { "aws-chunked, gzip", CODING_GZIP },
        { "gzip, gzip", CODING_OTHER },
        { "gzip, br", CODING_OTHER },
        { "br", CODING_OTHER },
        { "br, gzip", CODING_OTHER },
        { "zstd", CODING_OTHER },
        { "compress", CODING_OTHER },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char head[128];
        (void)snprintf(head, sizeof head, "HTTP/1.1 200 x\nContent-Encoding: %s\n", rows[i].words);
        ROW_TRUE(rows[i].words, answer(head).coding == rows[i].coding);
    }
    const char *two = "HTTP/1.1 200 x\nContent-Encoding: gzip\nContent-Encoding: deflate\n";
    assert_int_equal(answer(two).coding, CODING_OTHER);
}

/* A resource whose server says one thing, and its first bytes another. */
static void bytes_outweigh_the_coding(void **state)
{
    struct resource res;
    struct response r = answer("HTTP/1.1 206 x\nContent-Range: bytes 0-9/10\n"
                               "Content-Length: 10\nContent-Encoding: gzip\n");
    assert_int_equal(resource_init(&res, "http://a", ""), 0);
    resource_learn(&res, &r);
    assert_true(res.is_encoded && res.length == -1 && res.facts == 0);
    resource_see(&res, false);
    assert_true(!res.is_encoded && res.length == 10 && res.facts == FETCH_RANGES);
    resource_see(&res, true); /* the first time counts */
    assert_true(!res.is_encoded);
    resource_done(&res);
    r = answer("HTTP/1.1 200 x\nContent-Length: 10\nAccept-Ranges: bytes\n");
    assert_int_equal(resource_init(&res, "http://a", ""), 0);
    resource_learn(&res, &r);
    resource_see(&res, true);
    assert_true(res.is_encoded && res.length == -1 && res.facts == 0);
    resource_done(&res);
}

static void retry_after(void **state)
{
    struct resource res;
    struct judgement j;
    struct response r = answer("HTTP/1.1 503 x\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\n");
    assert_int_equal(resource_init(&res, "http://a", ""), 0);
    resource_judge(&res, &r, 0, 946684790, &j);
    assert_int_equal(j.retry_after_s, 9);
    resource_judge(&res, &r, 0, 946689999, &j);
    assert_int_equal(j.retry_after_s, 0);
    resource_done(&res);
}

/* ---- the rest ---- */

static void backoff(void **state)
{
    assert_int_equal(backoff_ms(0, 12345), 0);
    uint64_t longest = 250;
    for (unsigned n = 1; n < 40; n++) {
        for (uint32_t random = 0; random < 100000; random += 7777)
            assert_in_range(backoff_ms(n, random), longest / 2, longest);
        longest = longest < 8000 ? 2 * longest : longest;
    }
}

static void which_proxy(void **state)
{
    struct proxies p = { .http = "h", .https = "s", .none = "localhost, .lan,example.com" };
    assert_string_equal(proxy_for(&p, false, "a.b"), "h");
    assert_string_equal(proxy_for(&p, true, "a.b"), "s");
    assert_null(proxy_for(&p, true, "localhost"));
    assert_null(proxy_for(&p, true, "x.LAN"));
    assert_null(proxy_for(&p, true, "www.example.com"));
    assert_non_null(proxy_for(&p, true, "badexample.com"));
    p.none = "*";
    assert_null(proxy_for(&p, false, "a.b"));
    p = (struct proxies){ 0 };
    assert_null(proxy_for(&p, false, "a.b"));
}

static void transfer_codings(void **state)
{
    static const struct {
        const char *line;
        bool is_coded;
    } rows[] = {
        { "Transfer-Encoding: gzip\r\n", true },
        { "transfer-encoding:gzip", true },
        { "TRANSFER-ENCODING: ,chunked ,\tgzip\r\n", true },
        { "Transfer-Encoding: chunked gzip\r\n", true },
        { "Transfer-Encoding: Chunked, identity\r\n", false },
        { "Transfer-Encoding:\r\n", false },
        { "Transfer-Encoding: ,,\r\n", false },
        { "Content-Encoding: gzip\r\n", false },
        { "Transfer-Encoding", false },
        { "", false },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++)
        ROW_TRUE(rows[i].line, response_is_transfer_coded(rows[i].line, strlen(rows[i].line)) ==
                                   rows[i].is_coded);
    static char line[20000] = "Transfer-Encoding:";
    memset(line + 18, ' ', sizeof line - 19);
    memcpy(line + sizeof line - 5, "gzip", 4);
    assert_true(response_is_transfer_coded(line, sizeof line - 1));
}

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
        cmocka_unit_test(window_keeps_what_it_was_given),
        cmocka_unit_test(window_limits),
        cmocka_unit_test(window_compares),
        cmocka_unit_test(icy_pieces),
        cmocka_unit_test(icy_titles),
        cmocka_unit_test(heads),
        cmocka_unit_test(judgements),
        cmocka_unit_test(codings),
        cmocka_unit_test(bytes_outweigh_the_coding),
        cmocka_unit_test(retry_after),
        cmocka_unit_test(backoff),
        cmocka_unit_test(which_proxy),
        cmocka_unit_test(targets),
        cmocka_unit_test(redirects),
        cmocka_unit_test(transfer_codings),
        cmocka_unit_test(request_headers),
        cmocka_unit_test(cookies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
