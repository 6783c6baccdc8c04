/* Log lines as they arrive at standard error: one line each, whatever a client put into them. */
#include "base/complaints.h"
#include "base/log.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>

static struct {
    int saved, read;
    char text[8192];
} capture;

static void capture_start(void)
{
    int fds[2];
    assert_int_equal(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
    capture.saved = dup(STDERR_FILENO);
    assert_true(capture.saved >= 0);
    assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
    assert_int_equal(close(fds[1]), 0);
    capture.read = fds[0];
}

/* What was written since capture_start. */
static const char *capture_end(void)
{
    assert_true(dup2(capture.saved, STDERR_FILENO) >= 0);
    assert_int_equal(close(capture.saved), 0);
    ssize_t n = read(capture.read, capture.text, sizeof capture.text - 1);
    capture.text[n > 0 ? n : 0] = '\0';
    assert_int_equal(close(capture.read), 0);
    return capture.text;
}

static void text_lines(void **state)
{
    log_setup("prog", LOG_INFO, LOG_TEXT);
    capture_start();
    log_error("pool", "a %d %s", 7, "b");
    log_warn("pool", "w");
    log_info("server", "%s", "");
    log_debug("server", "not shown");
    const char *text = capture_end();
    assert_string_equal(text, "prog: error: pool: a 7 b\n"
                              "prog: warn: pool: w\n"
                              "prog: info: server: \n");
}

/* A client that is wrong without end does not fill a disk. */
static void a_flood_of_complaints(void **state)
{
    struct complaints c = { 0 };
    unsigned n_lines = 0;
    log_setup("prog", LOG_INFO, LOG_TEXT);
    capture_start();
    for (int i = 0; i < 100000; i++) {
        complaints_log(&c, LOG_WARN, "server", "wrong %d", i);
        complaints_log(&c, LOG_DEBUG, "server", "costs nothing");
    }
    c.bucket = (struct bucket){ 0 }; /* as after a rest */
    complaints_log(&c, LOG_WARN, "server", "%s", "the last one");
    complaints_log(&c, LOG_WARN, "server", "is not it");
    const char *text = capture_end();
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        n_lines++;
    assert_in_range(n_lines, COMPLAINTS_BURST + 4, COMPLAINTS_BURST + 40);
    assert_memory_equal(text, "prog: warn: server: wrong 0\n", 28);
    assert_non_null(strstr(text, "not all of it is logged"));
    const char *told = strstr(text, " were left out\nprog: warn: server: the last one\n");
    assert_non_null(told);
    assert_string_equal(strchr(told + 1, '\n'), "\nprog: warn: server: the last one\n"
                                                "prog: warn: server: is not it\n");
}

static void levels(void **state)
{
    static const struct {
        const char *name;
        enum log_level level;
    } rows[] = {
        { "error", LOG_ERROR }, { "warn", LOG_WARN }, { "info", LOG_INFO }, { "debug", LOG_DEBUG }
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        enum log_level level = LOG_LEVEL_COUNT;
        assert_int_equal(log_level_parse(rows[i].name, &level), 0);
        assert_int_equal(level, rows[i].level);
        log_setup("prog", level, LOG_TEXT);
        for (int k = 0; k < LOG_LEVEL_COUNT; k++)
            assert_int_equal(log_enabled((enum log_level)k), k <= (int)i);
        capture_start();
        for (int k = 0; k < LOG_LEVEL_COUNT; k++)
            log_line((enum log_level)k, "t", "x");
        size_t lines = 0;
        for (const char *p = capture_end(); (p = strchr(p, '\n')) != NULL; p++)
            lines++;
        assert_int_equal(lines, i + 1);
    }
    static const char *const bad[] = { "", "INFO", "info ", "warning", "5" };
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        enum log_level level = LOG_DEBUG;
        assert_int_equal(log_level_parse(bad[i], &level), -EINVAL);
        assert_int_equal(level, LOG_DEBUG);
    }
}

static void lines_cannot_be_forged(void **state)
{
    log_setup("prog", LOG_INFO, LOG_TEXT);
    capture_start();
    log_info("t", "a\nprog: error: t: b\r\x1b[31m\x7f\t%s", "c\nd");
    assert_string_equal(capture_end(), "prog: info: t: a prog: error: t: b  [31m  c d\n");
}

static void a_long_line_is_cut(void **state)
{
    char big[5000];
    memset(big, 'x', sizeof big);
    big[sizeof big - 1] = '\0';
    log_setup("prog", LOG_INFO, LOG_TEXT);
    capture_start();
    log_info("t", "%s", big);
    const char *text = capture_end();
    assert_in_range(strlen(text), 500, 2000);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

/* Parses what a JSON line says and compares it. */
static void check_json(const char *message, const char *want)
{
    capture_start();
    log_warn("topic", "%s", message);
    const char *text = capture_end();
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    json_error_t error;
    json_t *o = json_loads(text, 0, &error);
    if (!o)
        print_error("%s: %s", error.text, text);
    assert_non_null(o);
    assert_string_equal(json_string_value(json_object_get(o, "message")), want);
    assert_string_equal(json_string_value(json_object_get(o, "level")), "warn");
    assert_string_equal(json_string_value(json_object_get(o, "program")), "prog");
    assert_string_equal(json_string_value(json_object_get(o, "topic")), "topic");
    assert_true(json_real_value(json_object_get(o, "time")) > 1.6e9);
    json_decref(o);
}

static void json_lines(void **state)
{
    log_setup("prog", LOG_INFO, LOG_JSON);
    check_json("plain", "plain");
    check_json("", "");
    check_json("a \"quoted\" \\ b", "a \"quoted\" \\ b");
    check_json("new\nline\ttab\x1b", "new line tab ");
    check_json("\xc3\xa4\xf0\x9f\x8e\xb5", "\xc3\xa4\xf0\x9f\x8e\xb5");
}

/* File names and titles may be in no encoding at all: the line must still be JSON. */
static void json_of_broken_utf8(void **state)
{
    log_setup("prog", LOG_INFO, LOG_JSON);
    check_json("a\xff"
               "b",
               "a?b");
    check_json("\xe2\x82", "??");
}

/* A message that is cut is cut at a character. */
static void json_of_long_text(void **state)
{
    log_setup("prog", LOG_INFO, LOG_JSON);
    for (size_t shift = 0; shift < 4; shift++) {
        char big[3000];
        memset(big, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof big; i += 4)
            memcpy(big + i, "\xf0\x9f\x8e\xb5", 5);
        capture_start();
        log_info("t", "%s", big);
        json_t *o = json_loads(capture_end(), 0, NULL);
        assert_non_null(o);
        json_decref(o);
        memset(big, '"', sizeof big - 1);
        big[sizeof big - 1] = '\0';
        capture_start();
        log_info("t", "%s", big + shift);
        o = json_loads(capture_end(), 0, NULL);
        assert_non_null(o);
        json_decref(o);
    }
}

static void errno_is_kept(void **state)
{
    log_setup("prog", LOG_INFO, LOG_TEXT);
    capture_start();
    errno = ENOTTY;
    log_info("t", "x");
    int e = errno;
    (void)capture_end();
    assert_int_equal(e, ENOTTY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_lines),
        cmocka_unit_test(a_flood_of_complaints),
        cmocka_unit_test(levels),
        cmocka_unit_test(lines_cannot_be_forged),
        cmocka_unit_test(a_long_line_is_cut),
        cmocka_unit_test(json_lines),
        cmocka_unit_test(json_of_broken_utf8),
        cmocka_unit_test(json_of_long_text),
        cmocka_unit_test(errno_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
