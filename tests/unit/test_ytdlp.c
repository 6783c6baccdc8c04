/* How yt-dlp is found and called, and how old it is. */
#include "extract/ytdlp.h"
#include "unit.h"

#include <errno.h>
#include <sys/stat.h>

static void ages(void **state)
{
    const int64_t day = 86400, now = 1795392000; /* 2026-11-23 */
    assert_int_equal(ytdlp_age_days("2026.11.23", now), 0);
    assert_int_equal(ytdlp_age_days("2026.10.26", now), 28);
    assert_int_equal(ytdlp_age_days("2026.10.26.123456", now + day), 29);
    assert_int_equal(ytdlp_age_days("2027.01.01", now), 0);
    static const char *const none[] = { "", "nightly", "2026", "2026.13.01", "1.2.3" };
    for (size_t i = 0; i < LENGTH_OF(none); i++)
        assert_int_equal(ytdlp_age_days(none[i], now), -1);
}

static bool has(const char *const *argv, const char *word)
{
    for (; *argv; argv++) {
        if (strcmp(*argv, word) == 0)
            return true;
    }
    return false;
}

static void arguments(void **state)
{
    struct ytdlp_call call = {
        .program = "/x/yt-dlp", .version = "", .what = "--exec=evil", .socket_timeout_s = 10
    };
    const char *argv[YTDLP_ARGS_MAX];
    char number[16];
    size_t n = 0;
    ytdlp_arguments(&call, number, argv);
    while (argv[n])
        n++;
    assert_string_equal(argv[0], "/x/yt-dlp");
    assert_string_equal(argv[n - 1], "--exec=evil");
    assert_string_equal(argv[n - 2], "--");
    assert_false(has(argv, "--js-runtimes"));
    assert_false(has(argv, "--proxy"));
    call.version = "2026.10.26";
    call.proxy = "http://p:1/";
    ytdlp_arguments(&call, number, argv);
    assert_true(has(argv, "--js-runtimes"));
    assert_true(has(argv, "http://p:1/"));
}

static char dir[] = "/tmp/tutti-ytdlp-XXXXXX";

static const char *make(const char *name, const char *text)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, 0755), 0);
    return path;
}

static void pythons(void **state)
{
    char text[512], python[PATH_MAX], mine[300];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(mine, sizeof mine, "%s", make("python3.99", ""));
    static const struct {
        const char *head; /* %s: our Python */
        bool found;
    } rows[] = {
        { "#!%s\n", true },
        { "#! %s -s\n# x", true },
        { "#!/bin/sh\n'''exec' \"%s\" \"$0\" \"$@\"\n", true },
        { "#!/bin/sh\n'''exec' %s \"$0\" \"$@\"\n", true },
        { "#!/usr/bin/env python3.99\n", true },
        { "#!/usr/bin/env -S python3.99 -s\n", true },
        { "#!/bin/sh\nexec something %s\n", false },
        { "#!/bin/bash\n", false },
        { "#!%s.not-there\n", false },
        { "#!%s", false },
        { "\177ELF", false },
        { "", false },
    };
    assert_int_equal(setenv("PATH", dir, 1), 0);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        const char *mark = strstr(rows[i].head, "%s");
        if (mark)
            (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(mark - rows[i].head), rows[i].head,
                           mine, mark + 2);
        else
            (void)snprintf(text, sizeof text, "%s", rows[i].head);
        const char *program = make("yt-dlp", text);
        ROW_TRUE(text, ytdlp_find_python(program, python) == (rows[i].found ? 0 : -ENOENT));
        ROW_TRUE(text, !rows[i].found || strcmp(python, mine) == 0);
        ROW_TRUE(text, ytdlp_find(NULL, python) == 0 && strcmp(python, program) == 0);
    }
    assert_int_equal(ytdlp_find("/no/such/yt-dlp", python), -ENOENT);
    assert_int_equal(ytdlp_find(dir, python), -ENOENT);
    assert_int_equal(remove(mine), 0);
    (void)snprintf(mine, sizeof mine, "%s/yt-dlp", dir);
    assert_int_equal(remove(mine), 0);
    assert_int_equal(ytdlp_find(NULL, python), -ENOENT);
    assert_int_equal(remove(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ages),
        cmocka_unit_test(arguments),
        cmocka_unit_test(pythons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
