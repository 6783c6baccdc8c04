#include "cli/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

struct row {
    const char *text;
    int err;
    double value;
};

static void check(const struct row *rows, size_t n, int (*parse)(const char *, double *))
{
    for (size_t i = 0; i < n; i++) {
        double value = -7;
        print_message("\"%s\"\n", rows[i].text);
        assert_int_equal(parse(rows[i].text, &value), rows[i].err);
        assert_float_equal(value, rows[i].err < 0 ? -7 : rows[i].value, 1e-9);
    }
}

static void volumes(void **state)
{
    static const struct row rows[] = {
        { "0", 0, 0 },         { "1", 0, 1 },           { "2", 0, 2 },
        { "2.0", 0, 2 },       { ".5", 0, 0.5 },        { "80%", 0, 0.8 },
        { "200%", 0, 2 },      { "2.001", -EINVAL, 0 }, { "201%", -EINVAL, 0 },
        { "-1", -EINVAL, 0 },  { "", -EINVAL, 0 },      { "nan", -EINVAL, 0 },
        { "0x1", -EINVAL, 0 }, { "1e0", -EINVAL, 0 },   { " 1", -EINVAL, 0 },
        { "1 ", -EINVAL, 0 },  { ".", -EINVAL, 0 },     { "1.1.1", -EINVAL, 0 },
        { "%", -EINVAL, 0 },   { "1%%", -EINVAL, 0 },
    };
    check(rows, sizeof rows / sizeof rows[0], options_parse_volume);
}

static void times(void **state)
{
    static const struct row rows[] = {
        { "0", 0, 0 },
        { "90", 0, 90 },
        { "90.25", 0, 90.25 },
        { "1:30", 0, 90 },
        { "01:05.5", 0, 65.5 },
        { "1:00:00", 0, 3600 },
        { "100:00:00", 0, 360000 },
        { "90:00", 0, 5400 },
        { "1:60", -EINVAL, 0 },
        { "1:61:00", -EINVAL, 0 },
        { "1.5:00", -EINVAL, 0 },
        { "1:2:3:4", -EINVAL, 0 },
        { ":30", -EINVAL, 0 },
        { "1:", -EINVAL, 0 },
        { "-5", -EINVAL, 0 },
        { "5s", -EINVAL, 0 },
        { "", -EINVAL, 0 },
        { "999999999999999999999", -EINVAL, 0 },
    };
    check(rows, sizeof rows / sizeof rows[0], options_parse_time);
}

static void amounts(void **state)
{
    static const struct {
        const char *text;
        int (*parse)(const char *, struct amount *);
        int err, kind;
        double value;
    } rows[] = {
        { "1:30", options_parse_place, 0, AMOUNT_PLAIN, 90 },
        { "+5", options_parse_place, 0, AMOUNT_CHANGE, 5 },
        { "-5", options_parse_place, 0, AMOUNT_CHANGE, -5 },
        { "-1:00.5", options_parse_place, 0, AMOUNT_CHANGE, -60.5 },
        { "50%", options_parse_place, 0, AMOUNT_SHARE, 0.5 },
        { "100%", options_parse_place, 0, AMOUNT_SHARE, 1 },
        { "101%", options_parse_place, -EINVAL, 0, 0 },
        { "+50%", options_parse_place, -EINVAL, 0, 0 },
        { "50%%", options_parse_place, -EINVAL, 0, 0 },
        { "+-5", options_parse_place, -EINVAL, 0, 0 },
        { "--5", options_parse_place, -EINVAL, 0, 0 },
        { "+", options_parse_place, -EINVAL, 0, 0 },
        { "", options_parse_place, -EINVAL, 0, 0 },
        { "50%", options_parse_level, 0, AMOUNT_PLAIN, 0.5 },
        { "+10%", options_parse_level, 0, AMOUNT_CHANGE, 0.1 },
        { "-.5", options_parse_level, 0, AMOUNT_CHANGE, -0.5 },
        { "-", options_parse_level, -EINVAL, 0, 0 },
        { "+2.5", options_parse_level, -EINVAL, 0, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct amount a = { .value = -7 };
        print_message("\"%s\"\n", rows[i].text);
        assert_int_equal(rows[i].parse(rows[i].text, &a), rows[i].err);
        assert_float_equal(a.value, rows[i].err < 0 ? -7 : rows[i].value, 1e-9);
        assert_true(rows[i].err < 0 || (int)a.kind == rows[i].kind);
    }
}

/* "-5" is no option; what stands behind "--" is no business of ours. */
static void negative_arguments(void **state)
{
    char *argv[] = { (char[]){ "seek" }, (char[]){ "-c" }, (char[]){ "7" },
                     (char[]){ "-5" },   (char[]){ "-h" }, NULL };
    int argc = 5;
    assert_string_equal(options_take_negative(&argc, argv), "-5");
    assert_int_equal(argc, 4);
    assert_string_equal(argv[3], "-h");
    assert_null(argv[4]);
    assert_null(options_take_negative(&argc, argv));
    char *behind[] = { (char[]){ "seek" }, (char[]){ "--" }, (char[]){ "-5" }, NULL };
    argc = 3;
    assert_null(options_take_negative(&argc, behind));
    assert_int_equal(argc, 3);
}

static void environment_comes_after_options(void **state)
{
    struct options o;
    struct paths paths;
    assert_int_equal(setenv("TUTTI_RUNTIME_DIR", "/e", 1), 0);
    assert_int_equal(setenv("TUTTI_CONTROL", "", 1), 0); /* as if unset */
    assert_int_equal(unsetenv("TUTTI_AUDIO"), 0);
    options_init(&o, "tutti test");
    assert_int_equal(options_paths(&o, &paths), -1);
    assert_string_equal(paths.control, "/e/control.sock");
    optarg = (char[]){ "/o" };
    assert_int_equal(options_take(&o, OPT_RUNTIME_DIR, ""), -1);
    optarg = (char[]){ "/a.sock" };
    assert_int_equal(options_take(&o, OPT_AUDIO, ""), -1);
    assert_int_equal(options_paths(&o, &paths), -1);
    assert_string_equal(paths.control, "/o/control.sock");
    assert_string_equal(paths.audio, "/a.sock");
}

static void channels(void **state)
{
    struct options o;
    options_init(&o, "tutti test");
    optarg = (char[]){ "18446744073709551615" };
    assert_int_equal(options_take(&o, 'c', ""), -1);
    assert_true(o.channel == UINT64_MAX);
    optarg = (char[]){ "0" };
    assert_int_equal(options_take(&o, 'c', ""), CLI_USAGE);
    optarg = (char[]){ "18446744073709551616" };
    assert_int_equal(options_take(&o, 'c', ""), CLI_USAGE);
    assert_int_equal(options_take(&o, '?', ""), CLI_USAGE);
}

/* What a shell script sees when no daemon runs. */
static void no_daemon(void **state)
{
    struct options o;
    struct control_client *client;
    options_init(&o, "tutti test");
    o.given.control = "/proc/nothing/control.sock";
    assert_int_equal(options_open(&o, &client), CLI_SYSTEM);
    o.given.control = "";
    assert_int_equal(options_open(&o, &client), CLI_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(volumes),
        cmocka_unit_test(times),
        cmocka_unit_test(amounts),
        cmocka_unit_test(negative_arguments),
        cmocka_unit_test(channels),
        cmocka_unit_test(no_daemon),
        cmocka_unit_test(environment_comes_after_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
