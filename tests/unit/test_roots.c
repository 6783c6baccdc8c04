/* What may be opened below the media roots, on a real tree of files. */
#include "locate/roots.h"
#include "tree.h"

#include <errno.h>

static struct tree tree;

static int set_up(void **state)
{
    tree_make(&tree);
    return 0;
}

static int tear_down(void **state)
{
    tree_remove(&tree);
    return 0;
}

static struct roots *open_roots(const char *a, const char *b)
{
    const char *dirs[] = { a, b };
    struct roots *r;
    size_t bad;
    assert_int_equal(roots_new(dirs, b ? 2 : 1, &r, &bad), 0);
    assert_int_equal(roots_count(r), b ? 2 : 1);
    return r;
}

/* Opens `path` and checks the answer; on success the file must be the one that names itself. */
static void check_open(const struct roots *r, const char *path, enum tutti_error want,
                       const char *content)
{
    char why[ROOTS_ERROR_MAX] = "";
    char text[64];
    int fd = -1;
    enum tutti_error e = roots_open(r, path, &fd, why);
    ROW_TRUE(path, e == want);
    if (e != TUTTI_OK) {
        ROW_TRUE(path, fd == -1);
        ROW_TRUE(path, strlen(why) > 10);
        if (content && !strstr(why, content))
            print_error("said: %s\n", why);
        ROW_TRUE(path, !content || strstr(why, content));
        return;
    }
    ssize_t n = read(fd, text, sizeof text);
    ROW_TRUE(path, n == (ssize_t)strlen(content) && memcmp(text, content, strlen(content)) == 0);
    ROW_TRUE(path, fcntl(fd, F_GETFD) & FD_CLOEXEC);
    ROW_TRUE(path, (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
    assert_int_equal(close(fd), 0);
}

static void below_one_root(void **state)
{
    static const struct {
        const char *name;
        enum tutti_error want;
        const char *content; /* or a part of the sentence */
    } rows[] = {
        { "music/song.mp3", TUTTI_OK, "music/song.mp3" },
        { "music//sub///deep.mp3", TUTTI_OK, "music/sub/deep.mp3" },
        { "music/./song.mp3", TUTTI_OK, "music/song.mp3" },
        { "music/sub/../song.mp3", TUTTI_OK, "music/song.mp3" },
        { "music/in", TUTTI_OK, "music/sub/deep.mp3" },
        { "outside.mp3", TUTTI_E_FORBIDDEN_URL, "outside the media roots" },
        { "music2/other.mp3", TUTTI_E_FORBIDDEN_URL, "outside the media roots" },
        { "music/../outside.mp3", TUTTI_E_FORBIDDEN_URL, "outside the media roots" },
        { "music/../music/song.mp3", TUTTI_E_FORBIDDEN_URL, "outside the media roots" },
        { "music/sub/../../outside.mp3", TUTTI_E_FORBIDDEN_URL, "outside the media roots" },
        { "music/up", TUTTI_E_FORBIDDEN_URL, "outside the media roots" },
        { "music/abs", TUTTI_E_FORBIDDEN_URL, "outside the media roots" },
        { "music/dirup/outside.mp3", TUTTI_E_FORBIDDEN_URL, "outside the media roots" },
        { "music/loop", TUTTI_E_FORBIDDEN_URL, "symbolic links" },
        { "music/fd", TUTTI_E_FORBIDDEN_URL, NULL },
        { "music/gone", TUTTI_E_NOT_FOUND, "no such file" },
        { "music/none.mp3", TUTTI_E_NOT_FOUND, "no such file" },
        { "music/song.mp3/x", TUTTI_E_NOT_FOUND, "no such file" },
        { "music/song.mp3/", TUTTI_E_NOT_FOUND, "no such file" },
        { "music/fifo", TUTTI_E_UNSUPPORTED_URL, "a FIFO" },
        { "music/socket", TUTTI_E_UNSUPPORTED_URL, "not a regular file" },
        { "music/sub", TUTTI_E_UNSUPPORTED_URL, "a directory" },
        { "music", TUTTI_E_UNSUPPORTED_URL, "a directory" },
        { "music/", TUTTI_E_UNSUPPORTED_URL, "a directory" },
        { "musi", TUTTI_E_FORBIDDEN_URL, "outside the media roots" },
    };
    struct roots *r = open_roots(tree_path(&tree, "music"), NULL);
    for (size_t i = 0; i < LENGTH_OF(rows); i++)
        check_open(r, tree_path(&tree, rows[i].name), rows[i].want, rows[i].content);
    check_open(r, "/etc/passwd", TUTTI_E_FORBIDDEN_URL, "outside");
    check_open(r, "music/song.mp3", TUTTI_E_FORBIDDEN_URL, "outside"); /* not absolute */
    check_open(r, "", TUTTI_E_FORBIDDEN_URL, "outside");
    roots_free(r);
}

/* Such as the one of a disk that is not mounted yet. */
static void a_root_that_comes_later(void **state)
{
    static char late[TREE_PATH_BYTES], moved[TREE_PATH_BYTES];
    (void)snprintf(late, sizeof late, "%s", tree_path(&tree, "late"));
    (void)snprintf(moved, sizeof moved, "%s", tree_path(&tree, "music"));
    struct roots *r = open_roots(late, NULL);
    char song[TREE_PATH_BYTES + 16];
    (void)snprintf(song, sizeof song, "%s/song.mp3", late);
    assert_int_equal(roots_missing(r, 0), ENOENT);
    check_open(r, song, TUTTI_E_NOT_FOUND, "no such file");
    assert_int_equal(rename(moved, late), 0);
    check_open(r, song, TUTTI_OK, "music/song.mp3");
    assert_int_equal(rename(late, moved), 0);
    roots_free(r);
}

static void a_name_that_is_too_long(void **state)
{
    struct roots *r = open_roots(tree_path(&tree, "music"), NULL);
    char path[6000];
    int n = snprintf(path, sizeof path, "%s/", tree_path(&tree, "music"));
    memset(path + n, 'a', sizeof path - (size_t)n);
    path[n + 300] = '\0';
    check_open(r, path, TUTTI_E_NOT_FOUND, "no such file");
    path[n + 300] = 'a';
    path[sizeof path - 1] = '\0';
    check_open(r, path, TUTTI_E_NOT_FOUND, "no such file");
    roots_free(r);
}

static void a_device(void **state)
{
    struct roots *r = open_roots("/dev", NULL);
    check_open(r, "/dev/null", TUTTI_E_UNSUPPORTED_URL, "a device");
    roots_free(r);
}

/* Root reads everything, so this process stops being root for the moment. */
static void a_file_that_may_not_be_read(void **state)
{
    struct roots *r = open_roots(tree_path(&tree, "music"), NULL);
    char *path = tree_path(&tree, "music/song.mp3");
    bool is_root = geteuid() == 0;
    assert_int_equal(chmod(path, 0), 0);
    assert_true(!is_root || seteuid(65534) == 0);
    check_open(r, path, TUTTI_E_FORBIDDEN_URL, "may not read");
    assert_true(!is_root || seteuid(0) == 0);
    roots_free(r);
}

static void several_roots(void **state)
{
    struct roots *r = open_roots(tree_path(&tree, "music2"), tree_path(&tree, "music/"));
    check_open(r, tree_path(&tree, "music/song.mp3"), TUTTI_OK, "music/song.mp3");
    check_open(r, tree_path(&tree, "music2/other.mp3"), TUTTI_OK, "music2/other.mp3");
    check_open(r, tree_path(&tree, "music2/none"), TUTTI_E_NOT_FOUND, NULL);
    check_open(r, tree_path(&tree, "outside.mp3"), TUTTI_E_FORBIDDEN_URL, NULL);
    check_open(r, tree_path(&tree, "music2/../music/song.mp3"), TUTTI_E_FORBIDDEN_URL, NULL);
    roots_free(r);
}

/* A root inside a root: what leaves the inner one may still lie in the outer one. */
static void nested_roots(void **state)
{
    for (int order = 0; order < 2; order++) {
        const char *inner = tree_path(&tree, "music/sub"), *outer = tree_path(&tree, "music");
        struct roots *r = order ? open_roots(inner, outer) : open_roots(outer, inner);
        check_open(r, tree_path(&tree, "music/sub/deep.mp3"), TUTTI_OK, "music/sub/deep.mp3");
        check_open(r, tree_path(&tree, "music/sub/../song.mp3"), TUTTI_OK, "music/song.mp3");
        check_open(r, tree_path(&tree, "music/sub/../../outside.mp3"), TUTTI_E_FORBIDDEN_URL, NULL);
        check_open(r, tree_path(&tree, "music/sub/none"), TUTTI_E_NOT_FOUND, NULL);
        roots_free(r);
    }
}

/* A root that is a symbolic link goes by both its names, and not by a third. */
static void a_root_behind_a_link(void **state)
{
    struct roots *r = open_roots(tree_path(&tree, "alias"), NULL);
    check_open(r, tree_path(&tree, "alias/song.mp3"), TUTTI_OK, "music/song.mp3");
    check_open(r, tree_path(&tree, "music/song.mp3"), TUTTI_OK, "music/song.mp3");
    check_open(r, tree_path(&tree, "alias/up"), TUTTI_E_FORBIDDEN_URL, NULL);
    roots_free(r);
    r = open_roots(tree_path(&tree, "music"), NULL);
    check_open(r, tree_path(&tree, "alias/song.mp3"), TUTTI_E_FORBIDDEN_URL, NULL);
    roots_free(r);
}

static void the_whole_machine(void **state)
{
    struct roots *r = open_roots("/", NULL);
    check_open(r, tree_path(&tree, "outside.mp3"), TUTTI_OK, "outside.mp3");
    check_open(r, "/", TUTTI_E_UNSUPPORTED_URL, "a directory");
    roots_free(r);
}

/* The root is held open: what is put at its name later is not it. */
static void a_root_that_is_moved(void **state)
{
    struct roots *r = open_roots(tree_path(&tree, "music"), NULL);
    assert_int_equal(rename(tree_path(&tree, "music"), tree_path(&tree, "moved")), 0);
    assert_int_equal(rename(tree_path(&tree, "music2"), tree_path(&tree, "music")), 0);
    check_open(r, tree_path(&tree, "music/other.mp3"), TUTTI_E_NOT_FOUND, NULL);
    check_open(r, tree_path(&tree, "music/song.mp3"), TUTTI_OK, "music/song.mp3");
    roots_free(r);
}

static void roots_that_are_none(void **state)
{
    const char *dirs[] = { tree_path(&tree, "music"), tree_path(&tree, "music/song.mp3"),
                           tree_path(&tree, "none") };
    struct roots *r;
    size_t bad = 99;
    unsigned before = count_open_fds();
    assert_int_equal(roots_new(dirs, 3, &r, &bad), -ENOTDIR);
    assert_int_equal(bad, 1);
    dirs[1] = dirs[0];
    assert_int_equal(roots_new(dirs, 3, &r, &bad), 0); /* one that may come yet is no mistake */
    assert_int_equal(roots_missing(r, 1), 0);
    assert_int_equal(roots_missing(r, 2), ENOENT);
    roots_free(r);
    assert_int_equal(count_open_fds(), before);
    assert_int_equal(roots_new(NULL, 0, &r, &bad), 0);
    assert_int_equal(roots_count(r), 0);
    check_open(r, dirs[0], TUTTI_E_FORBIDDEN_URL, NULL);
    roots_free(r);
    roots_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(below_one_root, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_root_that_comes_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_that_is_too_long, set_up, tear_down),
        cmocka_unit_test(a_device),
        cmocka_unit_test_setup_teardown(a_file_that_may_not_be_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_roots, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nested_roots, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_root_behind_a_link, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_whole_machine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_root_that_is_moved, set_up, tear_down),
        cmocka_unit_test_setup_teardown(roots_that_are_none, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
