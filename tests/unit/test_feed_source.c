/* The source of a feed: found, not found, looked for anew, and how often. Those on the network are
 * the end-to-end tests' business. */
#include "feed/source.h"

#include "loop.h"
#include "tree.h"

static struct {
    uv_loop_t loop;
    struct tree tree;
    struct roots *roots;
    struct locator *locator;
    struct feed_source source;
    unsigned n_found, n_not_found;
    enum tutti_error code;
    bool is_answered;
} f;

static void on_found(void *arg)
{
    assert_ptr_equal(arg, &f);
    f.n_found++;
    f.is_answered = true;
}

static void on_not_found(enum tutti_error code, const char *why, void *arg)
{
    assert_true(why[0] != '\0');
    f.n_not_found++;
    f.code = code;
    f.is_answered = true;
}

static const struct feed_source_ops ops = { .found = on_found, .not_found = on_not_found };

static int set_up(void **state)
{
    size_t bad;
    memset(&f, 0, sizeof f);
    tree_make(&f.tree);
    const char *dirs[] = { tree_path(&f.tree, "music") };
    assert_int_equal(uv_loop_init(&f.loop), 0);
    assert_int_equal(roots_new(dirs, 1, &f.roots, &bad), 0);
    struct locator_config config = { .loop = &f.loop, .roots = f.roots };
    f.locator = locator_new(&config);
    return f.locator ? 0 : -1;
}

static int tear_down(void **state)
{
    feed_source_done(&f.source);
    locator_free(f.locator);
    loop_end(&f.loop);
    roots_free(f.roots);
    tree_remove(&f.tree);
    return 0;
}

static void init(const char *file)
{
    const char *url = tree_path(&f.tree, file);
    assert_int_equal(feed_source_init(&f.source, &ops, &f, f.locator, url), 0);
    assert_string_equal(f.source.url, url);
    assert_false(feed_source_is_here(&f.source));
}

static void find(void)
{
    char why[LOCATE_WHY_MAX];
    f.is_answered = false;
    assert_int_equal(feed_source_find(&f.source, why), TUTTI_OK);
    assert_int_equal(feed_source_find(&f.source, why), TUTTI_OK); /* once is enough */
    assert_false(f.is_answered);
    assert_true(loop_until(&f.loop, loop_is_true, &f.is_answered));
}

static void a_file_is_found_and_kept(void **state)
{
    init("music/song.mp3");
    find();
    assert_int_equal(f.n_found, 1);
    assert_true(feed_source_is_here(&f.source));
    assert_null(f.source.remote);
    assert_false(feed_source_is_expired(&f.source, 403)); /* a file has no links */
}

static void it_is_looked_for_anew(void **state)
{
    init("music/song.mp3");
    find();
    feed_source_forget(&f.source, false);
    assert_false(feed_source_is_here(&f.source));
    assert_true(f.source.reopens);
    find();
    assert_true(feed_source_is_here(&f.source));
    assert_false(f.source.reopens);
}

static void what_is_not_there_is_not_found(void **state)
{
    init("music/none");
    find();
    assert_int_equal(f.n_not_found, 1);
    assert_int_equal(f.code, TUTTI_E_NOT_FOUND);
    assert_false(feed_source_is_here(&f.source));
}

static void a_url_is_refused_at_once(void **state)
{
    char why[LOCATE_WHY_MAX];
    assert_int_equal(feed_source_init(&f.source, &ops, &f, f.locator, "https://example.org/song"),
                     0);
    assert_int_equal(feed_source_find(&f.source, why), TUTTI_E_UNSUPPORTED_URL);
    assert_true(why[0] != '\0');
}

/* Nothing is heard of it then, and no descriptor is left open. */
static void it_may_go_while_it_is_looked_for(void **state)
{
    char why[LOCATE_WHY_MAX];
    init("music/song.mp3");
    assert_int_equal(feed_source_find(&f.source, why), TUTTI_OK);
    feed_source_done(&f.source);
    for (int i = 0; i < 20; i++)
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_int_equal(f.n_found, 0);
}

/* Five times in a row without much that was made in between; once where it never was open. */
static void it_is_reopened_so_often(void **state)
{
    init("music/song.mp3");
    for (int i = 0; i < 5; i++)
        assert_true(feed_source_may_reopen(&f.source, 100, true));
    assert_false(feed_source_may_reopen(&f.source, 149, true));
    assert_true(feed_source_may_reopen(&f.source, 199, true)); /* fifty frames since */
    feed_source_forgive(&f.source);
    assert_true(feed_source_may_reopen(&f.source, 199, false));
    assert_false(feed_source_may_reopen(&f.source, 199, false));
}

#define SOURCE_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SOURCE_TEST(a_file_is_found_and_kept),         SOURCE_TEST(it_is_looked_for_anew),
        SOURCE_TEST(what_is_not_there_is_not_found),   SOURCE_TEST(a_url_is_refused_at_once),
        SOURCE_TEST(it_may_go_while_it_is_looked_for), SOURCE_TEST(it_is_reopened_so_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
