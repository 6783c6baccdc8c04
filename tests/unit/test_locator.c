/* The locator on a real loop and thread pool: answers come later, never after a cancel, and no
 * descriptor is lost on the way. */
#include "locate/locator.h"
#include "loop.h"
#include "tree.h"

#include <semaphore.h>

static struct {
    struct tree tree;
    uv_loop_t loop;
    struct roots *roots;
    struct locator *locator;
} f;

struct answer {
    bool came;
    unsigned n;
    enum tutti_error error;
    char why[LOCATE_WHY_MAX];
    int fd;
};

static int set_up(void **state)
{
    size_t bad;
    tree_make(&f.tree);
    const char *dirs[] = { tree_path(&f.tree, "music") };
    assert_int_equal(uv_loop_init(&f.loop), 0);
    assert_int_equal(roots_new(dirs, 1, &f.roots, &bad), 0);
    struct locator_config config = { .loop = &f.loop, .roots = f.roots };
    f.locator = locator_new(&config);
    assert_non_null(f.locator);
    return 0;
}

static int tear_down(void **state)
{
    locator_free(f.locator);
    loop_end(&f.loop);
    roots_free(f.roots);
    tree_remove(&f.tree);
    return 0;
}

static void on_located(enum tutti_error error, const char *why, const struct located *found,
                       void *arg)
{
    struct answer *a = arg;
    a->came = true;
    a->n++;
    a->error = error;
    assert_true((found != NULL) == (error == TUTTI_OK));
    if (found)
        a->fd = found->fd;
    else
        (void)snprintf(a->why, sizeof a->why, "%s", why);
}

static struct locate_request *start(const char *url, struct answer *a)
{
    char why[LOCATE_WHY_MAX] = "";
    struct locate_request *q = NULL;
    *a = (struct answer){ .fd = -1 };
    assert_int_equal(locator_start(f.locator, url, false, on_located, a, &q, why), TUTTI_OK);
    assert_non_null(q);
    assert_false(a->came); /* never from inside the call */
    return q;
}

static void answers(void **state)
{
    static const struct {
        const char *name;
        enum tutti_error error;
    } rows[] = {
        { "music/song.mp3", TUTTI_OK },           { "music/none", TUTTI_E_NOT_FOUND },
        { "music/up", TUTTI_E_FORBIDDEN_URL },    { "music/fifo", TUTTI_E_UNSUPPORTED_URL },
        { "outside.mp3", TUTTI_E_FORBIDDEN_URL },
    };
    for (size_t i = 0; i < 2 * LENGTH_OF(rows); i++) {
        struct answer a;
        char url[TREE_PATH_BYTES + 8];
        enum tutti_error want = rows[i / 2].error;
        (void)snprintf(url, sizeof url, "%s%s", i % 2 ? "file://" : "",
                       tree_path(&f.tree, rows[i / 2].name));
        (void)start(url, &a);
        assert_true(loop_until(&f.loop, loop_is_true, &a.came));
        ROW_TRUE(url, a.error == want);
        ROW_TRUE(url, (a.fd >= 0) == (want == TUTTI_OK));
        ROW_TRUE(url, want == TUTTI_OK || strstr(a.why, tree_path(&f.tree, rows[i / 2].name)));
        if (a.fd >= 0)
            assert_int_equal(close(a.fd), 0);
    }
}

/* Names the end of a path that is too long to be told, and no byte that is no text. */
static void a_long_path_is_told_by_its_end(void **state)
{
    struct answer a;
    char url[1024];
    (void)snprintf(url, sizeof url, "%s/%0400d\xff.mp3", tree_path(&f.tree, "music"), 7);
    (void)start(url, &a);
    assert_true(loop_until(&f.loop, loop_is_true, &a.came));
    assert_true(strncmp(a.why, "...0000", 7) == 0);
    assert_non_null(strstr(a.why, "7?.mp3: "));
}

static void refusals_come_at_once(void **state)
{
    static const char *const urls[] = { "", "song.mp3", "ftp://x/", "file://other/a" };
    for (size_t i = 0; i < LENGTH_OF(urls); i++) {
        char why[LOCATE_WHY_MAX] = "";
        struct answer a = { 0 };
        struct locate_request *q = NULL;
        assert_int_equal(locator_start(f.locator, urls[i], false, on_located, &a, &q, why),
                         TUTTI_E_UNSUPPORTED_URL);
        assert_null(q);
        assert_true(strlen(why) > 10);
        assert_false(a.came);
    }
}

static void without_roots(void **state)
{
    struct roots *none;
    size_t bad;
    char why[LOCATE_WHY_MAX] = "";
    struct locate_request *q = NULL;
    assert_int_equal(roots_new(NULL, 0, &none, &bad), 0);
    struct locator_config config = { .loop = &f.loop, .roots = none };
    struct locator *l = locator_new(&config);
    assert_non_null(l);
    assert_int_equal(locator_start(l, "/a", false, on_located, NULL, &q, why),
                     TUTTI_E_FORBIDDEN_URL);
    assert_non_null(strstr(why, "--media-root"));
    assert_null(q);
    locator_free(l);
    roots_free(none);
}

static void cancelled_requests_say_nothing(void **state)
{
    enum { N = 200 };
    static struct answer a[N];
    unsigned before = count_open_fds();
    for (size_t i = 0; i < N; i++) {
        struct locate_request *q = start(tree_path(&f.tree, "music/song.mp3"), &a[i]);
        if (i % 3 == 0)
            (void)usleep(100); /* some are open by then, some not begun: none may answer */
        locator_cancel(q);
    }
    while (uv_run(&f.loop, UV_RUN_ONCE) != 0)
        ;
    for (size_t i = 0; i < N; i++)
        assert_int_equal(a[i].n, 0);
    /* The pool's own descriptors are there from the first request on. */
    assert_true(count_open_fds() <= before + 2);
}

static sem_t gate;

static void wait_at_gate(uv_work_t *work)
{
    (void)sem_wait(&gate);
}

/* One that never got its turn on the pool. */
static void cancelled_before_it_began(void **state)
{
    enum { THREADS = 4 };
    uv_work_t blockers[THREADS];
    struct answer a, b;
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(uv_queue_work(&f.loop, &blockers[i], wait_at_gate, NULL), 0);
    struct locate_request *q = start(tree_path(&f.tree, "music/song.mp3"), &a);
    (void)start(tree_path(&f.tree, "music/song.mp3"), &b);
    locator_cancel(q);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(sem_post(&gate), 0);
    assert_true(loop_until(&f.loop, loop_is_true, &b.came));
    while (uv_run(&f.loop, UV_RUN_ONCE) != 0)
        ;
    assert_int_equal(a.n, 0);
    assert_int_equal(b.n, 1);
    assert_int_equal(close(b.fd), 0);
    (void)sem_destroy(&gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_path_is_told_by_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusals_come_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_roots, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cancelled_requests_say_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cancelled_before_it_began, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
