/* Helpers that are kept loaded, with scripts of the shell in the place of Python's. */
#include "extract/helpers.h"
#include "loop.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

enum { ANSWERS_MAX = 8 };

#define READY "echo '{\"ready\":\"2026.11.01\"}'\n"

static struct {
    uv_loop_t loop;
    char dir[TEST_DIR_BYTES], script[TEST_DIR_BYTES + 16], program[TEST_DIR_BYTES + 16];
    struct helpers *helpers;
    unsigned n_versions, n_answers, n_wanted;
    char *line[ANSWERS_MAX];
    char why[ANSWERS_MAX][128];
} f;

static char *no_env[] = { NULL };

static void on_version(const char *version, void *arg)
{
    assert_string_equal(version, "2026.11.01");
    f.n_versions++;
}

static void on_answer(char *line, size_t len, const char *why, void *arg)
{
    assert_ptr_equal(arg, &f);
    f.line[f.n_answers] = line ? strndup(line, len) : NULL;
    (void)snprintf(f.why[f.n_answers++], sizeof f.why[0], "%s", why ? why : "");
    free(line);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    memset(&f, 0, sizeof f);
    assert_int_equal(uv_loop_init(&f.loop), 0);
    test_dir_make(f.dir);
    (void)snprintf(f.script, sizeof f.script, "%s/script", f.dir);
    (void)snprintf(f.program, sizeof f.program, "%s/yt-dlp", f.dir);
    write_file(f.program, "");
    return 0;
}

static int tear_down(void **state)
{
    helpers_free(f.helpers);
    loop_end(&f.loop);
    for (unsigned i = 0; i < f.n_answers; i++)
        free(f.line[i]);
    (void)unlink(f.script);
    (void)unlink(f.program);
    return rmdir(f.dir);
}

static void make(const char *script, unsigned requests_max, uint64_t idle_ms)
{
    struct helpers_config config = {
        .loop = &f.loop,
        .script = f.script,
        .env = no_env,
        .socket_timeout_s = 7,
        .requests_max = requests_max,
        .idle_ms = idle_ms,
        .output_max = 4096,
        .version = on_version,
    };
    write_file(f.script, script);
    f.helpers = helpers_new(&config);
    assert_non_null(f.helpers);
}

static struct helper *ask(const char *what)
{
    unsigned before = f.n_answers;
    struct helper *h = helpers_ask(f.helpers, f.program, "/bin/sh", what, on_answer, &f);
    assert_int_equal(f.n_answers, before); /* never from inside this call */
    return h;
}

static bool is_answered(void *arg)
{
    return f.n_answers >= f.n_wanted;
}

static void wait_for(unsigned n)
{
    f.n_wanted = n;
    assert_true(loop_until(&f.loop, is_answered, NULL));
}

static void one_answers_again_and_again(void **state)
{
    make(READY "n=0; while read l; do n=$((n+1)); echo \"$n $l $1 $2\"; done", 100, 60000);
    for (unsigned i = 1; i <= 3; i++) {
        char want[256];
        assert_non_null(ask(i == 2 ? "with \"quotes\"" : "a"));
        wait_for(i);
        (void)snprintf(want, sizeof want, "%u {\"what\":\"%s\"} %s 7", i,
                       i == 2 ? "with \\\"quotes\\\"" : "a", f.program);
        if (i != 2) /* the shell's read takes backslashes for its own */
            assert_string_equal(f.line[i - 1], want);
    }
    assert_int_equal(f.n_versions, 1);
    assert_int_equal(helpers_count(f.helpers), 1);
}

static void two_at_once_take_two(void **state)
{
    make(READY "while read l; do echo $$; done", 100, 60000);
    assert_non_null(ask("a"));
    assert_non_null(ask("b"));
    assert_int_equal(helpers_count(f.helpers), 2);
    wait_for(2);
    assert_string_not_equal(f.line[0], f.line[1]);
}

static void one_that_has_served_enough(void **state)
{
    make(READY "while read l; do echo $$; done", 2, 60000);
    for (unsigned i = 1; i <= 3; i++) {
        assert_non_null(ask("a"));
        wait_for(i);
    }
    assert_string_equal(f.line[0], f.line[1]);
    assert_string_not_equal(f.line[1], f.line[2]);
}

static bool are_gone(void *arg)
{
    return helpers_count(f.helpers) == 0;
}

static void one_that_is_idle_leaves(void **state)
{
    make(READY "while read l; do echo x; done", 100, 50);
    assert_non_null(ask("a"));
    wait_for(1);
    assert_int_equal(helpers_count(f.helpers), 1);
    assert_true(loop_until(&f.loop, are_gone, NULL));
}

/* After yt-dlp was updated those that have the old one loaded are of no use. */
static void another_yt_dlp(void **state)
{
    struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
    make(READY "while read l; do echo $$; done", 100, 60000);
    assert_non_null(ask("a"));
    wait_for(1);
    assert_int_equal(utimensat(AT_FDCWD, f.program, times, 0), 0);
    assert_non_null(ask("a"));
    wait_for(2);
    assert_string_not_equal(f.line[0], f.line[1]);
    assert_int_equal(helpers_count(f.helpers), 1);
}

/* The reason is told, and after two in a row it is done without them for a while. */
static void ones_that_are_of_no_use(void **state)
{
    static const struct {
        const char *script, *why;
    } rows[] = {
        { "echo no module >&2; exit 1", "no module" },
        { "exit 0", "it ended" },
        { "echo 'no JSON'; read l", "it does not say that it is ready" },
        { READY "while read l; do printf 'one\\ntwo\\n'; done", "nobody asked" },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        make(rows[i].script, 100, 60000);
        assert_non_null(ask("a"));
        wait_for((unsigned)i + 1);
        ROW_TRUE(rows[i].script, !f.line[i] && strstr(f.why[i], rows[i].why));
        assert_int_equal(helpers_count(f.helpers), 0);
        if (i < 2) {
            assert_non_null(ask("a"));
            f.n_wanted = f.n_answers + 1;
            assert_true(loop_until(&f.loop, is_answered, NULL));
            assert_null(ask("a")); /* twice */
            free(f.line[--f.n_answers]);
        }
        helpers_free(f.helpers);
        f.helpers = NULL;
    }
}

static void one_that_cannot_be_kept_loaded(void **state)
{
    make("echo '{\"unusable\":\"too old\"}'; read l", 100, 60000);
    assert_non_null(ask("a"));
    wait_for(1);
    assert_string_equal(f.why[0], "too old");
    assert_null(ask("a")); /* once is enough: it says so itself */
}

static void abandoned(void **state)
{
    make(READY "while read l; do :; done", 100, 60000);
    struct helper *h = ask("a");
    assert_non_null(h);
    helpers_abandon(h);
    loop_run_out(&f.loop);
    assert_int_equal(f.n_answers, 0);
    assert_int_equal(helpers_count(f.helpers), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_answers_again_and_again),
        TEST(two_at_once_take_two),
        TEST(one_that_has_served_enough),
        TEST(one_that_is_idle_leaves),
        TEST(another_yt_dlp),
        TEST(ones_that_are_of_no_use),
        TEST(one_that_cannot_be_kept_loaded),
        TEST(abandoned),
    };
    const struct sigaction ignore = { .sa_handler = SIG_IGN };
    (void)sigaction(SIGPIPE, &ignore, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
