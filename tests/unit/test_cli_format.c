#include "cli/format.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static void times(void **state)
{
    static const struct {
        double seconds;
        const char *text;
    } rows[] = {
        { 0, "0:00" },       { 59.999, "0:59" },      { 60, "1:00" }, { 3599, "59:59" },
        { 3600, "1:00:00" }, { 360005, "100:00:05" }, { -1, "-:--" }, { 1e300, "-:--" },
    };
    char text[FORMAT_TIME_BYTES];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(format_time(rows[i].seconds, text), rows[i].text);
    assert_string_equal(format_time((double)NAN, text), "-:--");
}

static void fits_columns(void **state)
{
    static const struct {
        const char *text;
        int columns;
        bool pad;
        const char *shown;
    } rows[] = {
        { "abc", 3, false, "abc" },
        { "abcd", 3, false, "ab~" },
        { "ab", 4, true, "ab  " },
        { "abc", 0, true, "" },
        { "", 2, true, "  " },
        { "a\033[2Jb\n", 20, false, "a?[2Jb?" },
        { "a\xc2\x9b"
          "b",
          20, false, "a?b" }, /* CSI in one character */
        { "\xff\xfe", 20, false, "??" },
        { "\xc3\xa9t\xc3\xa9", 3, true, "\xc3\xa9t\xc3\xa9" },
        { "\xe6\x97\xa5\xe6\x9c\xac", 4, true, "\xe6\x97\xa5\xe6\x9c\xac" }, /* two columns each */
        { "\xe6\x97\xa5\xe6\x9c\xac", 3, true, "\xe6\x97\xa5~" },
        { "\xe6\x97\xa5\xe6\x9c\xac", 2, true, "~ " },
    };
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        skip();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *shown = NULL;
        size_t len;
        FILE *out = open_memstream(&shown, &len);
        format_fit(out, rows[i].text, rows[i].columns, rows[i].pad);
        assert_int_equal(fclose(out), 0);
        assert_string_equal(shown, rows[i].shown);
        free(shown);
    }
}

static void bars(void **state)
{
    static const struct {
        double fraction;
        int columns;
        const char *shown;
    } rows[] = {
        { 0, 6, "[    ]" },  { 0.5, 6, "[=>  ]" }, { 1, 6, "[====]" }, { 7, 6, "[====]" },
        { -1, 6, "[....]" }, { 0.25, 3, "[ ]" },   { 0.5, 2, "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *shown = NULL;
        size_t len;
        FILE *out = open_memstream(&shown, &len);
        format_bar(out, rows[i].fraction, rows[i].columns);
        assert_int_equal(fclose(out), 0);
        assert_string_equal(shown, rows[i].shown);
        free(shown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times),
        cmocka_unit_test(fits_columns),
        cmocka_unit_test(bars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
