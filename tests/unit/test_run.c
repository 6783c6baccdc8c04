/* One extraction, with programs in the place of yt-dlp. */
#include "base/text.h"
#include "extract/run.h"
#include "loop.h"

#include <sys/stat.h>

static struct {
    uv_loop_t loop;
    char dir[TEST_DIR_BYTES];
    char path[TEST_DIR_BYTES + 16];
} f;

static int set_up(void **state)
{
    assert_int_equal(uv_loop_init(&f.loop), 0);
    test_dir_make(f.dir);
    (void)snprintf(f.path, sizeof f.path, "%s/program", f.dir);
    return 0;
}

static int tear_down(void **state)
{
    loop_end(&f.loop);
    (void)unlink(f.path);
    (void)rmdir(f.dir);
    return 0;
}

static void write_script(const char *text)
{
    FILE *file = fopen(f.path, "w");
    assert_non_null(file);
    assert_true(fprintf(file, "#!/bin/sh\n%s\n", text) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(f.path, 0755), 0);
}

/* ---- the program ---- */

struct outcome {
    bool gone;
    enum tutti_error error;
    char why[RUN_WHY_MAX];
    char url[64];
};

static void on_done(enum tutti_error error, const char *why, struct found *found, void *arg)
{
    struct outcome *o = arg;
    o->error = error;
    (void)snprintf(o->why, sizeof o->why, "%s", why);
    (void)snprintf(o->url, sizeof o->url, "%s", found ? found->url : "");
}

static void on_gone(void *arg)
{
    ((struct outcome *)arg)->gone = true;
}

static struct outcome run(const char *script, const char *version)
{
    static const struct run_ops ops = { .done = on_done, .gone = on_gone };
    struct outcome o = { .gone = false };
    struct run_tools tools = {
        .loop = &f.loop, .program = f.path, .env = environ, .timeout_ms = LOOP_DEADLINE_MS
    };
    (void)snprintf(tools.version, sizeof tools.version, "%s", version);
    write_script(script);
    struct run *r = run_new(&tools, "https://a.example/", &ops, &o);
    assert_non_null(r);
    run_begin(r);
    assert_true(loop_until(&f.loop, loop_is_true, &o.gone));
    return o;
}

static void an_answer_is_read(void **state)
{
    struct outcome o = run("echo '{\"url\":\"https://a.example/x\"}'", "");
    assert_int_equal(o.error, TUTTI_OK);
    assert_string_equal(o.url, "https://a.example/x");
}

/* The event would have no message: broken UTF-8 is no JSON. */
static void a_reason_is_cut_at_a_letter(void **state)
{
    for (size_t shift = 0; shift < 4; shift++) {
        char script[1024];
        int n = snprintf(script, sizeof script, "printf 'ERROR: %.*s", (int)shift, "xxxx");
        for (unsigned i = 0; i < 60; i++)
            n += snprintf(script + n, sizeof script - (size_t)n, "\xf0\x9f\x8e\xb5");
        (void)snprintf(script + n, sizeof script - (size_t)n, "' >&2; exit 1");
        struct outcome o = run(script, "2023.01.01");
        assert_int_equal(o.error, TUTTI_E_EXTRACTION_FAILED);
        ROW_TRUE(o.why, text_is_printable(o.why, strlen(o.why)));
        ROW_TRUE(o.why, strstr(o.why, "update it") && !strchr(o.why, '?'));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_answer_is_read),
        TEST(a_reason_is_cut_at_a_letter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
