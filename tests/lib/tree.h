/* A small tree of files for tests of what may be opened:
 *
 *   DIR/music/song.mp3  DIR/music/sub/deep.mp3  DIR/music/fifo  DIR/music/socket
 *   DIR/music/in -> sub/deep.mp3   up -> ../outside.mp3   abs -> DIR/music/song.mp3
 *   DIR/music/dirup -> ..   loop -> loop   fd -> /proc/self/fd/0   gone -> nothing
 *   DIR/outside.mp3  DIR/music2/other.mp3  DIR/alias -> music
 */
#ifndef TUTTI_TESTS_TREE_H
#define TUTTI_TESTS_TREE_H

#include "unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

struct tree {
    char dir[TEST_DIR_BYTES];
};

enum { TREE_PATH_BYTES = 256 };

/* DIR/name, in one of several buffers that take turns. */
static inline char *tree_path(const struct tree *t, const char *name)
{
    static char paths[4][TREE_PATH_BYTES];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, TREE_PATH_BYTES, "%s/%s", t->dir, name);
    return path;
}

static inline void tree_file(const struct tree *t, const char *name)
{
    int fd = open(tree_path(t, name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, name, strlen(name)), strlen(name));
    assert_int_equal(close(fd), 0);
}

static inline void tree_link(const struct tree *t, const char *target, const char *name)
{
    assert_int_equal(symlink(target, tree_path(t, name)), 0);
}

static inline void tree_socket(const struct tree *t, const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", tree_path(t, name));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(close(fd), 0);
}

static inline void tree_make(struct tree *t)
{
    test_dir_make(t->dir);
    assert_int_equal(chmod(t->dir, 0755), 0);
    assert_int_equal(mkdir(tree_path(t, "music"), 0755), 0);
    assert_int_equal(mkdir(tree_path(t, "music/sub"), 0755), 0);
    assert_int_equal(mkdir(tree_path(t, "music2"), 0755), 0);
    tree_file(t, "music/song.mp3");
    tree_file(t, "music/sub/deep.mp3");
    tree_file(t, "outside.mp3");
    tree_file(t, "music2/other.mp3");
    assert_int_equal(mkfifo(tree_path(t, "music/fifo"), 0644), 0);
    tree_socket(t, "music/socket");
    tree_link(t, "sub/deep.mp3", "music/in");
    tree_link(t, "../outside.mp3", "music/up");
    tree_link(t, tree_path(t, "music/song.mp3"), "music/abs");
    tree_link(t, "..", "music/dirup");
    tree_link(t, "loop", "music/loop");
    tree_link(t, "/proc/self/fd/0", "music/fd");
    tree_link(t, "nothing", "music/gone");
    tree_link(t, "music", "alias");
}

static inline int tree_remove_one(const char *path, const struct stat *st, int kind,
                                  struct FTW *ftw)
{
    return remove(path);
}

static inline void tree_remove(const struct tree *t)
{
    assert_int_equal(nftw(t->dir, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline unsigned count_open_fds(void)
{
    unsigned n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

#endif
