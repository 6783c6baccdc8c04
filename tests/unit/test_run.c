/* One extraction, with programs in the place of yt-dlp and of its helper that say too much, too
 * slowly, or what is cut in the middle of a letter. */
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
    o = run("true", "");
    assert_int_equal(o.error, TUTTI_E_EXTRACTION_FAILED);
    ROW_TRUE(o.why, strstr(o.why, "cannot be understood"));
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

static void complaints_have_an_end(void **state)
{
    struct outcome o = run("exec tr '\\0' x </dev/zero >&2", "");
    assert_int_equal(o.error, TUTTI_E_EXTRACTION_FAILED);
    ROW_TRUE(o.why, strstr(o.why, "too long"));
}

/* ---- a helper ---- */

struct talk {
    struct helpers *helpers;
    bool came;
    unsigned n_answers;
    char *line;
    char why[RUN_WHY_MAX];
};

static void on_version(const char *version, void *arg)
{
}

static void on_answer(char *line, size_t len, const char *why, void *arg)
{
    struct talk *t = arg;
    t->came = true;
    t->n_answers += line != NULL;
    free(t->line);
    t->line = line;
    (void)snprintf(t->why, sizeof t->why, "%s", why ? why : "");
}

static void begin_talk(struct talk *t, const char *script)
{
    write_script(script);
    struct helpers_config config = { .loop = &f.loop,
                                     .script = f.path,
                                     .env = environ,
                                     .requests_max = 100,
                                     .idle_ms = LOOP_DEADLINE_MS,
                                     .output_max = RUN_OUTPUT_MAX,
                                     .version = on_version };
    *t = (struct talk){ .helpers = helpers_new(&config) };
    assert_non_null(t->helpers);
}

static void ask(struct talk *t)
{
    t->came = false;
    assert_non_null(helpers_ask(t->helpers, f.path, "/bin/sh", "x", on_answer, t));
    assert_true(loop_until(&f.loop, loop_is_true, &t->came));
}

static void end_talk(struct talk *t)
{
    free(t->line);
    helpers_free(t->helpers);
}

#define READY "echo '{\"ready\":\"2099.01.01\"}'; "

static void a_line_may_come_in_parts(void **state)
{
    struct talk t;
    begin_talk(&t, "printf '{\"ready\":'; sleep 0.01; echo '\"2099.01.01\"}'; while read -r l; do "
                   "for i in 1 2 3 4 5 6 7 8 9; do printf %s $i; sleep 0.01; done; echo; done");
    for (unsigned i = 0; i < 2; i++) {
        ask(&t);
        assert_non_null(t.line);
        assert_memory_equal(t.line, "123456789\n", 10);
    }
    assert_int_equal(helpers_count(t.helpers), 1);
    end_talk(&t);
}

static void more_than_was_asked_is_no_answer(void **state)
{
    struct talk t;
    begin_talk(&t, READY "read -r l; printf 'a\\nb\\n'; read -r l");
    ask(&t);
    assert_null(t.line);
    ROW_TRUE(t.why, strstr(t.why, "nobody asked"));
    assert_int_equal(helpers_count(t.helpers), 0);
    end_talk(&t);
}

static void a_helper_may_complain_at_each_request(void **state)
{
    struct talk t;
    begin_talk(&t,
               READY "while read -r l; do head -c 500000 /dev/zero | tr '\\0' x >&2; echo a; done");
    for (unsigned i = 1; i <= 6; i++) {
        ask(&t);
        assert_int_equal(t.n_answers, i);
    }
    assert_int_equal(helpers_count(t.helpers), 1);
    end_talk(&t);
}

static void a_helper_does_not_complain_for_ever(void **state)
{
    struct talk t;
    begin_talk(&t, READY "read -r l; exec tr '\\0' x </dev/zero >&2");
    ask(&t);
    assert_null(t.line);
    ROW_TRUE(t.why, strstr(t.why, "too long"));
    assert_int_equal(helpers_count(t.helpers), 0);
    end_talk(&t);
}

/* They are parsed in the loop's thread, between two frames. */
static void first_words_are_short(void **state)
{
    struct talk t;
    begin_talk(&t,
               "printf '{\"ready\":\"2099.01.01\",\"x\":\"'; head -c 100000 /dev/zero | tr '\\0' "
               "x; echo '\"}'; read -r l; echo a; read -r l");
    ask(&t);
    assert_null(t.line);
    ROW_TRUE(t.why, strstr(t.why, "does not say that it is ready"));
    end_talk(&t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_answer_is_read),
        TEST(a_reason_is_cut_at_a_letter),
        TEST(complaints_have_an_end),
        TEST(a_line_may_come_in_parts),
        TEST(more_than_was_asked_is_no_answer),
        TEST(a_helper_may_complain_at_each_request),
        TEST(a_helper_does_not_complain_for_ever),
        TEST(first_words_are_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
