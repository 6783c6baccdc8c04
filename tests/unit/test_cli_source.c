#include "cli/source.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void tells_files_from_urls(void **state)
{
    static const struct {
        const char *arg;
        bool remote;
    } rows[] = {
        { "http://x/y.mp3", true }, { "HTTPS://x", true },
        { "ftp://x", true },        { "ytsearch:some song", true },
        { "ytsearch5:a", true },    { "scsearch:a", true },
        { "song.mp3", false },      { "/a/b", false },
        { "AC:DC.mp3", false },     { "file:///a", false },
        { "FILE:/a", false },       { "a/http://b", false },
        { "3://x", false },         { "a:search:b", false },
        { "./ytsearch:a", false },  { "", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s\n", rows[i].arg);
        assert_int_equal(cli_source_is_remote(rows[i].arg), rows[i].remote);
    }
}

static void makes_urls(void **state)
{
    static const struct {
        const char *arg, *url;
    } rows[] = {
        { "https://x/?a=1&b=%20", "https://x/?a=1&b=%20" },
        { "ytsearch:a b", "ytsearch:a b" },
        { "file:///a%20b", "file:///a%20b" },
        { "/a/../b.mp3", "/a/../b.mp3" },
        { "b.mp3", "/tmp/b.mp3" },
        { "././b.mp3", "/tmp/b.mp3" },
        { "../b.mp3", "/tmp/../b.mp3" },
        { "\xc3\xa9.mp3", "/tmp/\xc3\xa9.mp3" },
        { "\xe9 %.mp3", "file:///tmp/%E9%20%25.mp3" }, /* Latin-1: no JSON can hold it */
        { "a\nb", "file:///tmp/a%0Ab" },
    };
    assert_int_equal(chdir("/tmp"), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *url = NULL;
        assert_int_equal(cli_source_url(rows[i].arg, &url), 0);
        assert_string_equal(url, rows[i].url);
        free(url);
    }
    char *url = NULL;
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(cli_source_url("b.mp3", &url), 0);
    assert_string_equal(url, "/b.mp3");
    free(url);
}

static void canonical_paths(void **state)
{
    char dir[] = "/tmp/tutti-test-XXXXXX";
    char file[64], link[64], url[80], *path = NULL;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(file, sizeof file, "%s/a b", dir);
    (void)snprintf(link, sizeof link, "%s/link", dir);
    (void)snprintf(url, sizeof url, "file://localhost%s/a%%20b", dir);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(symlink(file, link), 0);
    const char *const args[] = { file, link, url };
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(cli_source_canonical(args[i], &path), 0);
        assert_string_equal(path, file);
        free(path);
    }
    assert_int_equal(cli_source_pre_skip(file), -1);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(cli_source_canonical(link, &path), -ENOENT);
    assert_int_equal(cli_source_canonical("file://elsewhere/a", &path), -ENOENT);
    assert_int_equal(cli_source_canonical("", &path), -ENOENT);
    assert_int_equal(cli_source_pre_skip(file), -1);
    assert_int_equal(cli_source_pre_skip(dir), -1);
    assert_int_equal(cli_source_pre_skip("https://x/y.opus"), -1);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_files_from_urls),
        cmocka_unit_test(makes_urls),
        cmocka_unit_test(canonical_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
