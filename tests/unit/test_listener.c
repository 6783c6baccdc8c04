/* The listening sockets and the lock that guards them. */
#include "loop.h"
#include "server/listener.h"
#include "tree.h"

#include <errno.h>
#include <sys/file.h>

static struct {
    uv_loop_t loop;
    char dir[TEST_DIR_BYTES];
    struct paths paths;
    int fds[16];
    int which[16];
    size_t n_accepted, n_wanted;
} f;

static int set_up(void **state)
{
    memset(&f, 0, sizeof f);
    assert_int_equal(uv_loop_init(&f.loop), 0);
    test_dir_make(f.dir);
    (void)snprintf(f.paths.dir, sizeof f.paths.dir, "%s/run", f.dir);
    (void)snprintf(f.paths.control, sizeof f.paths.control, "%s/run/control.sock", f.dir);
    (void)snprintf(f.paths.audio, sizeof f.paths.audio, "%s/run/audio.sock", f.dir);
    return 0;
}

static int tear_down(void **state)
{
    for (size_t i = 0; i < f.n_accepted; i++)
        (void)close(f.fds[i]);
    loop_end(&f.loop);
    assert_int_equal(nftw(f.dir, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    return 0;
}

static void on_accepted(int which, int fd, void *arg)
{
    assert_true(f.n_accepted < LENGTH_OF(f.fds));
    f.fds[f.n_accepted] = fd;
    f.which[f.n_accepted++] = which;
}

static bool all_accepted(void *arg)
{
    return f.n_accepted >= f.n_wanted;
}

static int start(const struct paths *paths, struct listener **ret, char why[LISTENER_WHY_MAX])
{
    struct listener_config config = { .loop = &f.loop, .paths = paths, .accepted = on_accepted };
    why[0] = '\0';
    return listener_new(&config, ret, why);
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        int e = errno;
        (void)close(fd);
        return -e;
    }
    return fd;
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    return stat(path, &st) < 0 ? 0 : st.st_mode & 07777;
}

static void connections_come_in(void **state)
{
    struct listener *l;
    char why[LISTENER_WHY_MAX];
    mode_t mask = umask(0); /* the modes must not depend on it */
    assert_int_equal(start(&f.paths, &l, why), 0);
    (void)umask(mask);
    assert_int_equal(mode_of(f.paths.dir), 0700);
    assert_int_equal(mode_of(f.paths.control), 0600);
    assert_int_equal(mode_of(f.paths.audio), 0600);
    int control = connect_to(f.paths.control);
    int audio = connect_to(f.paths.audio);
    assert_true(control >= 0 && audio >= 0);
    f.n_wanted = 2;
    assert_true(loop_until(&f.loop, all_accepted, NULL));
    assert_int_equal(f.which[0] + f.which[1], LISTENER_CONTROL + LISTENER_AUDIO);
    for (size_t i = 0; i < 2; i++) {
        assert_true(fcntl(f.fds[i], F_GETFD) & FD_CLOEXEC);
        assert_true(fcntl(f.fds[i], F_GETFL) & O_NONBLOCK);
    }
    listener_free(l);
    /* Nothing is left behind, and who is connected stays so. */
    assert_int_equal(mode_of(f.paths.control), 0);
    assert_int_equal(mode_of(f.paths.audio), 0);
    assert_int_equal(connect_to(f.paths.control), -ENOENT);
    char lock[sizeof f.paths.control + 8];
    (void)snprintf(lock, sizeof lock, "%s.lock", f.paths.control);
    assert_int_equal(mode_of(lock), 0);
    assert_int_equal(send(control, "x", 1, MSG_NOSIGNAL), 1);
    (void)close(control);
    (void)close(audio);
}

static void a_second_one_is_refused(void **state)
{
    struct listener *first, *second = NULL;
    char why[LISTENER_WHY_MAX];
    assert_int_equal(start(&f.paths, &first, why), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(start(&f.paths, &second, why), -EADDRINUSE);
        assert_null(second);
        assert_non_null(strstr(why, "another tuttid is running"));
        assert_non_null(strstr(why, f.paths.control));
    }
    /* The first one was left alone. */
    int fd = connect_to(f.paths.control);
    assert_true(fd >= 0);
    f.n_wanted = 1;
    assert_true(loop_until(&f.loop, all_accepted, NULL));
    (void)close(fd);
    listener_free(first);
    assert_int_equal(start(&f.paths, &second, why), 0);
    listener_free(second);
    listener_free(NULL);
}

/* With --audio two daemons may have locks of different names: the live socket is respected. */
static void a_socket_in_use_elsewhere(void **state)
{
    struct listener *first, *second = NULL;
    char why[LISTENER_WHY_MAX];
    struct paths other = f.paths;
    assert_int_equal(start(&f.paths, &first, why), 0);
    (void)snprintf(other.control, sizeof other.control, "%s/run/other.sock", f.dir);
    assert_int_equal(start(&other, &second, why), -EADDRINUSE);
    assert_non_null(strstr(why, "another program listens"));
    /* What the second one had made by then is gone again. */
    assert_int_equal(connect_to(other.control), -ENOENT);
    int fd = connect_to(f.paths.audio);
    assert_true(fd >= 0);
    (void)close(fd);
    listener_free(first);
}

/* What a killed daemon leaves: sockets that nobody listens on, and a lock that nobody holds. */
static void stale_sockets_are_replaced(void **state)
{
    struct listener *l;
    char why[LISTENER_WHY_MAX];
    struct tree tree;
    (void)snprintf(tree.dir, sizeof tree.dir, "%s", f.dir);
    assert_int_equal(mkdir(f.paths.dir, 0755), 0);
    tree_socket(&tree, "run/control.sock");
    tree_socket(&tree, "run/audio.sock");
    tree_file(&tree, "run/control.sock.lock");
    assert_int_equal(connect_to(f.paths.control), -ECONNREFUSED);
    assert_int_equal(start(&f.paths, &l, why), 0);
    assert_int_equal(mode_of(f.paths.dir), 0700);
    int fd = connect_to(f.paths.control);
    assert_true(fd >= 0);
    (void)close(fd);
    listener_free(l);
}

static void files_in_the_way_are_not_removed(void **state)
{
    struct listener *l = NULL;
    char why[LISTENER_WHY_MAX];
    struct tree tree;
    (void)snprintf(tree.dir, sizeof tree.dir, "%s", f.dir);
    assert_int_equal(mkdir(f.paths.dir, 0700), 0);
    tree_file(&tree, "run/audio.sock");
    assert_int_equal(start(&f.paths, &l, why), -EEXIST);
    assert_non_null(strstr(why, "is not a socket"));
    assert_int_equal(access(f.paths.audio, F_OK), 0);
    assert_int_equal(access(f.paths.control, F_OK), -1); /* nothing is left behind */
    assert_int_equal(unlink(f.paths.audio), 0);
    assert_int_equal(start(&f.paths, &l, why), 0);
    listener_free(l);
}

static void directories_that_cannot_be(void **state)
{
    struct listener *l = NULL;
    char why[LISTENER_WHY_MAX];
    struct paths paths = f.paths;
    (void)snprintf(paths.dir, sizeof paths.dir, "%s/no/where", f.dir);
    assert_int_equal(start(&paths, &l, why), -ENOENT);
    assert_non_null(strstr(why, paths.dir));
    struct tree tree;
    (void)snprintf(tree.dir, sizeof tree.dir, "%s", f.dir);
    tree_file(&tree, "run");
    assert_int_equal(start(&f.paths, &l, why), -ENOTDIR);
    assert_non_null(strstr(why, "is not a directory"));
    assert_null(l);
}

/* A directory below /tmp that others may write to is nobody's. */
static void an_open_directory_below_tmp(void **state)
{
    struct listener *l = NULL;
    char why[LISTENER_WHY_MAX];
    assert_int_equal(mkdir(f.paths.dir, 0700), 0);
    assert_int_equal(chmod(f.paths.dir, 0777), 0);
    f.paths.in_tmp = true;
    assert_int_equal(start(&f.paths, &l, why), -EPERM);
    assert_true(strlen(why) > 10);
    assert_int_equal(chmod(f.paths.dir, 0700), 0);
    assert_int_equal(start(&f.paths, &l, why), 0);
    listener_free(l);
}

static void modes_for_a_group(void **state)
{
    struct listener *l;
    char why[LISTENER_WHY_MAX];
    struct listener_config config = { .loop = &f.loop,
                                      .paths = &f.paths,
                                      .has_group = true,
                                      .group = getegid(),
                                      .accepted = on_accepted };
    assert_int_equal(listener_new(&config, &l, why), 0);
    assert_int_equal(mode_of(f.paths.dir), 0750);
    assert_int_equal(mode_of(f.paths.control), 0660);
    assert_int_equal(mode_of(f.paths.audio), 0660);
    listener_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(connections_come_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_second_one_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_socket_in_use_elsewhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stale_sockets_are_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_in_the_way_are_not_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(directories_that_cannot_be, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_open_directory_below_tmp, set_up, tear_down),
        cmocka_unit_test_setup_teardown(modes_for_a_group, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
