/* Text from foreign hands, and the list of errors that clients see. */
#include "base/errors.h"
#include "base/text.h"
#include "unit.h"

static const struct {
    const char *label, *bytes;
    bool printable;
    const char *clean;
} rows[] = {
    { "empty", "", true, "" },
    { "ASCII", "Hello ~", true, "Hello ~" },
    { "two bytes", "\xc2\xa0\xdf\xbf", true, "\xc2\xa0\xdf\xbf" },
    { "the first of C1", "\xc2\x80", false, "  " },
    { "the last of C1",
      "a\xc2\x9f"
      "b",
      false, "a  b" },
    { "next line", "\xc2\x85", false, "  " },
    { "escape sequence of C1",
      "\xc2\x9b"
      "2J",
      false, "  2J" },
    { "second byte as in C1", "\xc3\x9b", true, "\xc3\x9b" },
    { "C1 cut short", "a\xc2", false, "a?" },
    { "three bytes", "\xe0\xa0\x80\xef\xbf\xbf", true, "\xe0\xa0\x80\xef\xbf\xbf" },
    { "four bytes", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", true, "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" },
    { "around surrogates", "\xed\x9f\xbf\xee\x80\x80", true, "\xed\x9f\xbf\xee\x80\x80" },
    { "newline", "a\nb", false, "a b" },
    { "escape", "\x1b[2J", false, " [2J" },
    { "delete", "\x7f", false, " " },
    { "unit separator", "\x1f", false, " " },
    { "overlong two", "\xc0\xaf", false, "??" },
    { "overlong two more", "\xc1\xbf", false, "??" },
    { "overlong three", "\xe0\x9f\xbf", false, "???" },
    { "overlong four", "\xf0\x8f\xbf\xbf", false, "????" },
    { "surrogate", "\xed\xa0\x80", false, "???" },
    { "above the last", "\xf4\x90\x80\x80", false, "????" },
    { "five bytes", "\xf8\x88\x80\x80\x80", false, "?????" },
    { "lonely continuation", "a\x80", false, "a?" },
    { "cut after one", "a\xc3", false, "a?" },
    { "cut after two", "\xe2\x82", false, "??" },
    { "cut after three", "\xf0\x9f\x8e", false, "???" },
    { "lead upon lead", "\xc3\xc3\xa4", false, "?\xc3\xa4" },
    { "third byte wrong", "\xe2\x82z", false, "??z" },
    { "fourth byte wrong", "\xf0\x9f\x8ez", false, "???z" },
    { "all bits", "\xff\xfe", false, "??" },
};

static void printable(void **state)
{
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        size_t len = strlen(rows[i].bytes);
        ROW_TRUE(rows[i].label, text_is_printable(rows[i].bytes, len) == rows[i].printable);
    }
    assert_false(text_is_printable("a\0b", 3));
    assert_true(text_is_printable("ab\n", 2)); /* nothing behind the length counts */
    assert_false(text_is_printable("\xc3\xa4", 1));
}

static void sanitised(void **state)
{
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char out[32];
        size_t n = text_sanitise(out, sizeof out, rows[i].bytes);
        ROW_TRUE(rows[i].label, strcmp(out, rows[i].clean) == 0);
        ROW_TRUE(rows[i].label, n == strlen(out));
        ROW_TRUE(rows[i].label, text_is_printable(out, n));
    }
}

/* Every size: never a byte too far, never half a character. */
static void sanitised_into_little_room(void **state)
{
    static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x8e\xb5z";
    static const char *const want[] = { "",
                                        "a",
                                        "a",
                                        "a\xc3\xa4",
                                        "a\xc3\xa4",
                                        "a\xc3\xa4",
                                        "a\xc3\xa4\xe2\x82\xac",
                                        "a\xc3\xa4\xe2\x82\xac",
                                        "a\xc3\xa4\xe2\x82\xac",
                                        "a\xc3\xa4\xe2\x82\xac",
                                        "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x8e\xb5",
                                        text,
                                        text };
    for (size_t max = 0; max < LENGTH_OF(want); max++) {
        char out[20];
        memset(out, '#', sizeof out);
        assert_int_equal(text_sanitise(out, max + 1, text), strlen(want[max]));
        assert_string_equal(out, want[max]);
        assert_int_equal(out[max + 1], '#');
        assert_int_equal(text_cut_utf8(text, max), strlen(want[max]));
    }
    char out[3] = "##";
    assert_int_equal(text_sanitise(out, 2, "\xc2\x9b"), 0);
    assert_memory_equal(out, "\0#", 3);
}

static void cuts_also_what_is_broken(void **state)
{
    assert_int_equal(text_cut_utf8("", 0), 0);
    assert_int_equal(text_cut_utf8("\x80\x80\x80\x80", 2), 0);
    assert_int_equal(text_cut_utf8("abc", 100), 3);
}

static void every_error_has_its_name(void **state)
{
    for (int i = TUTTI_OK; i < TUTTI_ERROR_COUNT; i++) {
        const char *name = error_wire_name((enum tutti_error)i);
        assert_non_null(name);
        assert_true(strlen(error_text((enum tutti_error)i)) > 5);
        for (int k = TUTTI_OK; k < i; k++)
            assert_string_not_equal(name, error_wire_name((enum tutti_error)k));
    }
    for (int i = TUTTI_W_NONE; i < TUTTI_WARNING_COUNT; i++)
        assert_non_null(warning_wire_name((enum tutti_warning)i));
    assert_string_equal(error_wire_name(TUTTI_E_POOL_EXHAUSTED), "pool_exhausted");
    assert_string_equal(warning_wire_name(TUTTI_W_SLOW_CONSUMER), "slow_consumer");
}

static void unknown_codes(void **state)
{
    assert_string_equal(error_wire_name(TUTTI_ERROR_COUNT), "internal");
    assert_string_equal(error_wire_name((enum tutti_error) - 1), "internal");
    assert_string_equal(error_text((enum tutti_error)4711), error_text(TUTTI_E_INTERNAL));
    assert_string_equal(warning_wire_name(TUTTI_WARNING_COUNT), "none");
    assert_string_equal(warning_wire_name((enum tutti_warning) - 1), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printable),
        cmocka_unit_test(sanitised),
        cmocka_unit_test(sanitised_into_little_room),
        cmocka_unit_test(cuts_also_what_is_broken),
        cmocka_unit_test(every_error_has_its_name),
        cmocka_unit_test(unknown_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
