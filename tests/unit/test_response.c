/* What the head of an answer says. */
#include "answer.h"
#include "fetch/response.h"
#include "unit.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads),
        cmocka_unit_test(codings),
        cmocka_unit_test(transfer_codings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
