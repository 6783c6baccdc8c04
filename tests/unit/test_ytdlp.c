/* How yt-dlp is found and called, how old it is, and what its complaints mean. */
#include "extract/complaint.h"
#include "extract/ytdlp.h"
#include "unit.h"

#include <errno.h>
#include <sys/stat.h>

static void complaints(void **state)
{
    static const struct {
        const char *text;
        const char *word; /* of the sentence */
        bool may_be_too_old;
    } rows[] = {
        { "ERROR: [youtube] x: Private video. Sign in if you've been granted access to this video",
          "private", false },
        { "ERROR: [youtube] x: Sign in to confirm your age. This video may be inappropriate for "
          "some users. Use --cookies-from-browser",
          "age-restricted", false },
        { "ERROR: [youtube] x: Sign in to confirm you\xe2\x80\x99re not a bot. Use --cookies",
          "robot", true },
        { "ERROR: [soundcloud] x: Unable to download JSON metadata: HTTP Error 429: Too Many "
          "Requests",
          "robot", true },
        { "ERROR: [youtube] x: Video unavailable. The uploader has not made this video available "
          "in "
          "your country",
          "part of the world", false },
        { "ERROR: [bbc] x: This video is not available from your location due to geo restriction",
          "part of the world", false },
        { "ERROR: [youtube] x: Video unavailable. This video has been removed by the uploader",
          "removed", false },
        { "ERROR: [youtube] x: Video unavailable", "removed", false },
        { "ERROR: [generic] x: Unable to download webpage: HTTP Error 404: Not Found (caused by "
          "<HTTPError 404: Not Found>)",
          "removed", false },
        { "ERROR: [youtube] x: This live event will begin in 3 hours.", "not started", false },
        { "ERROR: [youtube] x: Premieres in 5 hours", "not started", false },
        { "ERROR: [twitch:stream] x: The channel is not currently live", "not started", false },
        { "ERROR: [youtube] x: Join this channel to get access to members-only content like this",
          "members", false },
        { "ERROR: [x] This video is DRM protected", "DRM", false },
        { "ERROR: Unsupported URL: https://example.org/", "does not know", true },
        { "ERROR: [vimeo] 1: This video is only available for registered users. Use --cookies",
          "logged in", false },
        { "ERROR: [youtube] x: Requested format is not available. Use --list-formats", "no sound",
          true },
        { "WARNING: a\nERROR: [a] 1: Private video\n", "private", false },
        { "ERROR: first\nERROR: [a] something odd\n", "yt-dlp says: [a] something odd", true },
        { "\033[0;31mERROR:\033[0m [a] something odd", "yt-dlp says: [a] something odd", true },
        { "ERROR: odd thing; please report this issue on  https://github.com/", "says: odd thing",
          true },
        { "Traceback (most recent call last):\n  File x\nMemoryError\n\n", "says: MemoryError",
          true },
        { "", "no reason", true },
        { "\n \n", "no reason", true },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char why[COMPLAINT_MAX];
        bool old = complaint_read(rows[i].text, why);
        ROW_TRUE(rows[i].text, strstr(why, rows[i].word));
        ROW_TRUE(rows[i].text, old == rows[i].may_be_too_old);
        ROW_TRUE(rows[i].text, !strpbrk(why, "\n\033"));
    }
}

static void long_complaints_are_cut(void **state)
{
    char text[5000], why[COMPLAINT_MAX];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    memcpy(text, "ERROR: ", 7);
    (void)complaint_read(text, why);
    assert_true(strlen(why) < COMPLAINT_MAX);
    assert_true(strlen(why) > 100);
}

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
        cmocka_unit_test(complaints), cmocka_unit_test(long_complaints_are_cut),
        cmocka_unit_test(ages),       cmocka_unit_test(arguments),
        cmocka_unit_test(pythons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
