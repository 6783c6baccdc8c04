/* Messages of the fetcher, to the daemon (fmsg) and to workers (smsg): there and back, and what is
 * refused. */
#include "base/errors.h"
#include "proto/fmsg.h"
#include "proto/smsg.h"
#include "unit.h"

#include <errno.h>

static uint8_t bytes[FMSG_MAX + SMSG_MAX];

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

static const struct fmsg daemon_messages[] = {
    { .type = FMSG_SOURCE,
      .id = 7,
      .source = { .length = -1, .flags = FMSG_RELINKABLE },
      .url = "http://a/b?c",
      .headers = "A: b\nC:\n" },
    { .type = FMSG_SOURCE,
      .id = 8,
      .source = { .length = 99,
                  .flags = FMSG_RESUMED,
                  .facts = FETCH_RANGES,
                  .kind = FETCH_PLAYLIST },
      .url = "HTTPS://a",
      .validator = "\"x\"",
      .content_type = "audio/mpeg",
      .base = "http://c" },
    { .type = FMSG_RELINK, .id = 1, .url = "http://x", .headers = "" },
    { .type = FMSG_DROP, .id = 0xffffffff },
    { .type = FMSG_HEAD,
      .head = { .length = 5, .facts = FETCH_LIVE, .kind = FETCH_PAGE },
      .content_type = "text/html",
      .base = "http://x",
      .validator = "W/\"y\"",
      .name = "Radio \xc3\xa4" },
    { .type = FMSG_FAILED,
      .failed = { .code = TUTTI_E_NOT_FOUND, .http_status = 404 },
      .why = "nothing there" },
    { .type = FMSG_EXPIRED, .failed = { .http_status = 403 }, .why = "old" },
    { .type = FMSG_CHANGED, .why = "" },
    { .type = FMSG_RECONNECTED, .why = "no byte" },
};

static void fmsg_there_and_back(void **state)
{
    for (size_t i = 0; i < LENGTH_OF(daemon_messages); i++) {
        const struct fmsg *in = &daemon_messages[i];
        struct fmsg out;
        size_t len = fmsg_encode(in, bytes, sizeof bytes);
        assert_int_equal(fmsg_decode(bytes, len, &out), 0);
        assert_int_equal(out.type, in->type);
        assert_int_equal(out.id, in->id);
        assert_memory_equal(&out.source, &in->source, sizeof in->source);
        assert_string_equal(or_empty(out.url), or_empty(in->url));
        assert_string_equal(or_empty(out.headers), or_empty(in->headers));
        assert_string_equal(or_empty(out.validator), or_empty(in->validator));
        assert_string_equal(or_empty(out.content_type), or_empty(in->content_type));
        assert_string_equal(or_empty(out.base), or_empty(in->base));
        assert_string_equal(or_empty(out.name), or_empty(in->name));
        assert_string_equal(or_empty(out.why), or_empty(in->why));
    }
}

/* No other length is taken. */
static void fmsg_exact_lengths(void **state)
{
    for (size_t i = 0; i < LENGTH_OF(daemon_messages); i++) {
        struct fmsg out;
        size_t len = fmsg_encode(&daemon_messages[i], bytes, sizeof bytes);
        bytes[len] = '\0';
        for (size_t n = 0; n < len; n++)
            assert_int_equal(fmsg_decode(bytes, n, &out), -EBADMSG);
        assert_int_equal(fmsg_decode(bytes, len + 1, &out), -EBADMSG);
    }
}

static void fmsg_bad_values(void **state)
{
    static const struct fmsg bad[] = {
        { .type = FMSG_SOURCE, .source = { .length = -2 }, .url = "http://a" },
        { .type = FMSG_SOURCE, .source = { .length = FETCH_LENGTH_MAX + 1 }, .url = "http://a" },
        { .type = FMSG_SOURCE, .source = { .flags = 4 }, .url = "http://a" },
        { .type = FMSG_SOURCE, .source = { .kind = FETCH_KIND_COUNT }, .url = "http://a" },
        { .type = FMSG_SOURCE, .url = "" },
        { .type = FMSG_SOURCE, .url = "ftp://a" },
        { .type = FMSG_SOURCE, .url = "file:///etc/passwd" },
        { .type = FMSG_SOURCE, .url = "http://a b" },
        { .type = FMSG_SOURCE, .url = "http://a\nb" },
        { .type = FMSG_SOURCE, .url = "http://a\xff" },
        { .type = FMSG_SOURCE, .url = "http://a", .headers = "A: b" },
        { .type = FMSG_SOURCE, .url = "http://a", .headers = "A b: c\n" },
        { .type = FMSG_SOURCE, .url = "http://a", .headers = ": c\n" },
        { .type = FMSG_SOURCE, .url = "http://a", .headers = "A: b\r\n" },
        { .type = FMSG_SOURCE, .url = "http://a", .headers = "A: b\n\n" },
        { .type = FMSG_HEAD, .head = { .length = -9 } },
        { .type = FMSG_HEAD, .head = { .facts = 8 } },
        { .type = FMSG_FAILED, .failed = { .code = TUTTI_OK } },
        { .type = FMSG_FAILED, .failed = { .code = TUTTI_ERROR_COUNT } },
        { .type = FMSG_FAILED, .failed = { .code = TUTTI_E_INTERNAL, .http_status = 1000 } },
        { .type = FMSG_EXPIRED, .failed = { .code = TUTTI_E_INTERNAL } },
    };
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        struct fmsg out = { .id = 77 };
        size_t len = fmsg_encode(&bad[i], bytes, sizeof bytes);
        if (fmsg_decode(bytes, len, &out) != -EBADMSG)
            fail_msg("row %zu is taken", i);
        assert_int_equal(out.id, 77);
    }
}

/* Whatever their length is. */
static void unknown_types(void **state)
{
    struct fmsg f;
    struct smsg s;
    memset(bytes, 0, 128);
    for (uint32_t type = 0; type < 70; type++) {
        memcpy(bytes, &type, sizeof type);
        for (size_t len = 0; len <= 128; len++) {
            if (type == 0 || type >= FMSG_TYPE_END)
                assert_int_equal(fmsg_decode(bytes, len, &f), -EBADMSG);
            if (type == 0 || type >= SMSG_TYPE_END)
                assert_int_equal(smsg_decode(bytes, len, &s), -EBADMSG);
        }
    }
}

static const struct smsg worker_messages[] = {
    { .type = SMSG_RESET, .epoch = 0xfeedfacecafebeef },
    { .type = SMSG_READ, .stream = 3, .read = { .serial = 1, .len = SMSG_DATA_MAX, .at = 1 } },
    { .type = SMSG_OPEN,
      .stream = 4,
      .open = { .serial = 2, .at = 5, .end = 9 },
      .url = "http://x",
      .headers = "A: b\n" },
    { .type = SMSG_CLOSE, .stream = 5 },
    { .type = SMSG_READY,
      .facts = { .epoch = 1, .flags = FETCH_RANGES, .length = 10 },
      .content_type = "a/b",
      .url = "http://x" },
    { .type = SMSG_END, .stream = 1, .end = { .serial = 3, .length = 4 } },
    { .type = SMSG_CUT, .end = { .serial = 3, .length = 4 } },
    { .type = SMSG_ERROR,
      .error = { .serial = 4, .code = TUTTI_E_SOURCE_FAILED, .http_status = 500 },
      .text = "lost" },
    { .type = SMSG_OPENED,
      .stream = 2,
      .facts = { .serial = 1, .length = -1, .kind = FETCH_MEDIA },
      .content_type = "",
      .url = "http://y" },
    { .type = SMSG_TITLE, .title = { .at = 4096 }, .text = "Song" },
};

static void smsg_there_and_back(void **state)
{
    for (size_t i = 0; i < LENGTH_OF(worker_messages); i++) {
        const struct smsg *in = &worker_messages[i];
        struct smsg out;
        size_t len = smsg_encode(in, bytes, sizeof bytes);
        assert_int_equal(smsg_decode(bytes, len, &out), 0);
        assert_int_equal(out.type, in->type);
        assert_int_equal(out.stream, in->stream);
        assert_memory_equal(&out.facts, &in->facts, sizeof in->facts);
        assert_string_equal(or_empty(out.url), or_empty(in->url));
        assert_string_equal(or_empty(out.headers), or_empty(in->headers));
        assert_string_equal(or_empty(out.content_type), or_empty(in->content_type));
        assert_string_equal(or_empty(out.text), or_empty(in->text));
        assert_null(out.bytes);
        for (size_t n = 0; n < len; n++)
            assert_int_equal(smsg_decode(bytes, n, &out), -EBADMSG);
        bytes[len] = '\0';
        assert_int_equal(smsg_decode(bytes, len + 1, &out), -EBADMSG);
        assert_true(smsg_is_from_worker(in->type) == (i < 4));
    }
}

static void smsg_data(void **state)
{
    struct smsg in = { .type = SMSG_DATA, .stream = 1, .data = { .serial = 9, .at = 70000 } };
    struct smsg out;
    size_t head = smsg_encode(&in, bytes, sizeof bytes);
    memset(bytes + head, 0x55, SMSG_DATA_MAX + 1);
    assert_int_equal(smsg_decode(bytes, head, &out), -EBADMSG); /* none */
    assert_int_equal(smsg_decode(bytes, head + 1, &out), 0);
    assert_int_equal(out.n_bytes, 1);
    assert_int_equal(smsg_decode(bytes, head + SMSG_DATA_MAX, &out), 0);
    assert_int_equal(out.n_bytes, SMSG_DATA_MAX);
    assert_ptr_equal(out.bytes, bytes + head);
    assert_int_equal(out.data.at, 70000);
    assert_int_equal(smsg_decode(bytes, head + SMSG_DATA_MAX + 1, &out), -EBADMSG);
}

static void smsg_bad_values(void **state)
{
    static const struct smsg bad[] = {
        { .type = SMSG_RESET, .stream = 1 },
        { .type = SMSG_READ, .read = { .len = 0 } },
        { .type = SMSG_READ, .read = { .len = SMSG_DATA_MAX + 1 } },
        { .type = SMSG_READ, .read = { .len = 1, .at = -1 } },
        { .type = SMSG_READ, .read = { .len = 1, .at = FETCH_LENGTH_MAX + 1 } },
        { .type = SMSG_OPEN, .stream = 0, .open = { .end = -1 }, .url = "http://a" },
        { .type = SMSG_OPEN, .stream = 1, .open = { .at = 2, .end = 1 }, .url = "http://a" },
        { .type = SMSG_OPEN, .stream = 1, .open = { .end = -1 }, .url = "file:///x" },
        { .type = SMSG_CLOSE, .stream = 0 },
        { .type = SMSG_READY, .stream = 1 },
        { .type = SMSG_READY, .facts = { .serial = 1 } },
        { .type = SMSG_OPENED, .stream = 0 },
        { .type = SMSG_OPENED, .stream = 1, .facts = { .epoch = 1 } },
        { .type = SMSG_OPENED, .stream = 1, .facts = { .flags = 8 } },
        { .type = SMSG_END, .end = { .length = -1 } },
        { .type = SMSG_ERROR, .error = { .code = 0 } },
        { .type = SMSG_TITLE, .title = { .at = -1 } },
    };
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        struct smsg out = { .stream = 77 };
        size_t len = smsg_encode(&bad[i], bytes, sizeof bytes);
        if (smsg_decode(bytes, len, &out) != -EBADMSG)
            fail_msg("row %zu is taken", i);
        assert_int_equal(out.stream, 77);
    }
}

/* Texts beyond their limit are cut when sent, and refused when they come. */
static void long_texts(void **state)
{
    static char why[FETCH_LINE_MAX + 9];
    memset(why, 'x', FETCH_LINE_MAX + 5);
    struct fmsg in = { .type = FMSG_CHANGED, .why = why }, out;
    size_t len = fmsg_encode(&in, bytes, sizeof bytes);
    assert_int_equal(fmsg_decode(bytes, len, &out), 0);
    assert_int_equal(strlen(out.why), FETCH_LINE_MAX);
    memcpy(bytes + 8, why, FETCH_LINE_MAX + 6);
    assert_int_equal(fmsg_decode(bytes, 8 + FETCH_LINE_MAX + 6, &out), -EBADMSG);
}

/* Whatever a server said: the sender makes it fit. */
static void unfit_texts_are_mended(void **state)
{
    static const char *const urls[] = { "http://a/caf\xe9", "http://a b", "http://a\n",
                                        "gopher://a", "http://a/\xc3" };
    static const struct {
        const char *given, *want;
    } lines[] = {
        { "a\nb", "a b" }, { "caf\xe9", "caf?" }, { "\x1b[2J", " [2J" }, { "\xc3", "?" }
    };
    for (size_t i = 0; i < LENGTH_OF(urls); i++) {
        struct fmsg head = { .type = FMSG_HEAD, .base = urls[i] }, f;
        size_t len = fmsg_encode(&head, bytes, sizeof bytes);
        ROW_TRUE(urls[i], fmsg_decode(bytes, len, &f) == 0 && f.base[0] == '\0');
        struct smsg ready = { .type = SMSG_READY, .url = urls[i] }, s;
        len = smsg_encode(&ready, bytes, sizeof bytes);
        ROW_TRUE(urls[i], smsg_decode(bytes, len, &s) == 0 && s.url[0] == '\0');
    }
    for (size_t i = 0; i < LENGTH_OF(lines); i++) {
        const char *given = lines[i].given, *want = lines[i].want;
        struct fmsg head = {
            .type = FMSG_HEAD, .content_type = given, .validator = given, .name = given
        };
        struct fmsg changed = { .type = FMSG_CHANGED, .why = given }, f;
        struct smsg title = { .type = SMSG_TITLE, .text = given }, s;
        size_t len = fmsg_encode(&head, bytes, sizeof bytes);
        ROW_TRUE(want, fmsg_decode(bytes, len, &f) == 0);
        assert_string_equal(f.content_type, want);
        assert_string_equal(f.validator, want);
        assert_string_equal(f.name, want);
        len = fmsg_encode(&changed, bytes, sizeof bytes);
        ROW_TRUE(want, fmsg_decode(bytes, len, &f) == 0);
        assert_string_equal(f.why, want);
        len = smsg_encode(&title, bytes, sizeof bytes);
        ROW_TRUE(want, smsg_decode(bytes, len, &s) == 0);
        assert_string_equal(s.text, want);
    }
}

/* They are refused when they come all the same. */
static void unfit_texts_are_refused(void **state)
{
    static const char *const bad[] = { "a\nbc", "abc\xff", "\x1b[2J", "abc\x7f" };
    struct fmsg changed = { .type = FMSG_CHANGED, .why = "1234" }, f;
    struct fmsg head = { .type = FMSG_HEAD, .base = "http://a" };
    struct smsg title = { .type = SMSG_TITLE, .text = "1234" }, s;
    size_t f_len = fmsg_encode(&changed, bytes, sizeof bytes);
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        memcpy(bytes + f_len - 5, bad[i], 4);
        ROW_TRUE(bad[i], fmsg_decode(bytes, f_len, &f) == -EBADMSG);
    }
    size_t s_len = smsg_encode(&title, bytes, sizeof bytes);
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        memcpy(bytes + s_len - 5, bad[i], 4);
        ROW_TRUE(bad[i], smsg_decode(bytes, s_len, &s) == -EBADMSG);
    }
    static const char *const bases[] = { "http://\xe9", "http:// ", "gopher:/" };
    for (size_t i = 0; i < LENGTH_OF(bases); i++) {
        size_t len = fmsg_encode(&head, bytes, sizeof bytes);
        memcpy(bytes + len - 11, bases[i], 8); /* before its NUL, an empty validator and name */
        ROW_TRUE(bases[i], fmsg_decode(bytes, len, &f) == -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fmsg_there_and_back),
        cmocka_unit_test(fmsg_exact_lengths),
        cmocka_unit_test(fmsg_bad_values),
        cmocka_unit_test(smsg_there_and_back),
        cmocka_unit_test(smsg_data),
        cmocka_unit_test(smsg_bad_values),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(unknown_types),
        cmocka_unit_test(unfit_texts_are_mended),
        cmocka_unit_test(unfit_texts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
