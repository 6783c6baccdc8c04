/* What an answer means for what is known of its resource. */
#include "answer.h"
#include "fetch/resource.h"
#include "unit.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judgements),
        cmocka_unit_test(bytes_outweigh_the_coding),
        cmocka_unit_test(retry_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
