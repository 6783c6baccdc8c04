/* Whether there is a yt-dlp and how old it is, with programs in its place. */
#include "extract/version.h"
#include "loop.h"

#include <sys/stat.h>

static struct {
    uv_loop_t loop;
    char dir[TEST_DIR_BYTES], path[TEST_DIR_BYTES + 16];
    char version[64];
    unsigned n_told;
    int saved, log;
} f;

static char *no_env[] = { NULL };

static int set_up(void **state)
{
    memset(&f, 0, sizeof f);
    assert_int_equal(uv_loop_init(&f.loop), 0);
    test_dir_make(f.dir);
    (void)snprintf(f.path, sizeof f.path, "%s/yt-dlp", f.dir);
    f.saved = dup(STDERR_FILENO);
    FILE *log = tmpfile();
    assert_non_null(log);
    f.log = dup(fileno(log));
    (void)fclose(log);
    assert_true(f.log >= 0 && dup2(f.log, STDERR_FILENO) >= 0);
    return 0;
}

static int tear_down(void **state)
{
    loop_end(&f.loop);
    assert_true(dup2(f.saved, STDERR_FILENO) >= 0);
    (void)close(f.saved);
    (void)close(f.log);
    (void)unlink(f.path);
    return rmdir(f.dir);
}

static void write_script(const char *text)
{
    FILE *file = fopen(f.path, "w");
    assert_non_null(file);
    assert_true(fprintf(file, "#!/bin/sh\n%s\n", text) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(f.path, 0755), 0);
}

static bool log_has(const char *words)
{
    char text[4096] = "";
    assert_true(pread(f.log, text, sizeof text - 1, 0) >= 0);
    return strstr(text, words) != NULL;
}

static void on_version(const char *version, void *arg)
{
    assert_ptr_equal(arg, &f);
    (void)snprintf(f.version, sizeof f.version, "%s", version);
    f.n_told++;
}

static bool is_settled(void *arg)
{
    return f.n_told > 0 || log_has(arg);
}

/* Until it has told, or the log has these words. */
static void check(const char *words)
{
    struct version_check *v;
    struct run_tools tools = { .loop = &f.loop, .program = f.path, .env = no_env };
    assert_int_equal(version_check_new(&tools, on_version, &f, &v), 0);
    assert_true(loop_until(&f.loop, is_settled, (void *)(uintptr_t)words));
    version_check_free(v);
}

static void one_that_tells(void **state)
{
    write_script("[ \"$1 $2\" = '--ignore-config --version' ] && echo 2026.11.01 && echo more");
    check("not");
    assert_int_equal(f.n_told, 1);
    assert_string_equal(f.version, "2026.11.01");
}

static void one_that_does_not(void **state)
{
    write_script("echo 2026.11.01; echo 'ModuleNotFoundError' >&2; exit 1");
    check("does not tell");
    assert_int_equal(f.n_told, 0);
    assert_true(log_has("ModuleNotFoundError"));
}

static void none_at_all(void **state)
{
    check("there is no yt-dlp");
    assert_int_equal(f.n_told, 0);
    assert_true(log_has(f.path));
}

static void freed_before_it_looks(void **state)
{
    struct version_check *v;
    struct run_tools tools = { .loop = &f.loop, .program = f.path, .env = no_env };
    assert_int_equal(version_check_new(&tools, on_version, &f, &v), 0);
    version_check_free(v);
    version_check_free(NULL);
    loop_run_out(&f.loop);
    assert_int_equal(f.n_told, 0);
}

static void an_old_one_is_told_once(void **state)
{
    char known[YTDLP_VERSION_MAX] = "";
    version_note(known, "2020.01.01");
    assert_string_equal(known, "2020.01.01");
    assert_true(log_has("2020.01.01 is") && log_has("days old"));
    assert_int_equal(ftruncate(f.log, 0), 0);
    version_note(known, "2020.01.01");
    assert_false(log_has("2020"));
    version_note(known, "a\x1b[31mb"); /* what it calls itself is not believed */
    assert_string_equal(known, "a [31mb");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_that_tells),        TEST(one_that_does_not),       TEST(none_at_all),
        TEST(freed_before_it_looks), TEST(an_old_one_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
