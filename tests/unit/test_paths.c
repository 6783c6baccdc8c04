#include "base/paths.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define LONG_DIR \
    "/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890" \
    "12345678"

struct row {
    const char *label;
    struct paths_given given;
    struct paths_env env;
    int err;
    const char *dir;
    const char *control;
    const char *audio;
    bool in_tmp;
};

static const struct row rows[] = {
    { .label = "option wins",
      .given = { .runtime_dir = "/r" },
      .env = { .runtime_directory = "/s", .xdg_runtime_dir = "/x" },
      .dir = "/r",
      .control = "/r/control.sock",
      .audio = "/r/audio.sock" },
    { .label = "relative option is kept",
      .given = { .runtime_dir = "r" },
      .dir = "r",
      .control = "r/control.sock",
      .audio = "r/audio.sock" },
    { .label = "systemd's directory",
      .env = { .runtime_directory = "/run/tutti", .xdg_runtime_dir = "/x" },
      .dir = "/run/tutti",
      .control = "/run/tutti/control.sock",
      .audio = "/run/tutti/audio.sock" },
    { .label = "the first of systemd's directories",
      .env = { .runtime_directory = "/run/a:/run/b" },
      .dir = "/run/a",
      .control = "/run/a/control.sock",
      .audio = "/run/a/audio.sock" },
    { .label = "XDG",
      .env = { .xdg_runtime_dir = "/run/user/7" },
      .dir = "/run/user/7/tutti",
      .control = "/run/user/7/tutti/control.sock",
      .audio = "/run/user/7/tutti/audio.sock" },
    { .label = "empty and relative surroundings do not count",
      .env = { .runtime_directory = "", .xdg_runtime_dir = "x", .uid = 1000 },
      .dir = "/tmp/tutti-1000",
      .control = "/tmp/tutti-1000/control.sock",
      .audio = "/tmp/tutti-1000/audio.sock",
      .in_tmp = true },
    { .label = "a large uid",
      .env = { .uid = 4294967294u },
      .dir = "/tmp/tutti-4294967294",
      .control = "/tmp/tutti-4294967294/control.sock",
      .audio = "/tmp/tutti-4294967294/audio.sock",
      .in_tmp = true },
    { .label = "one socket elsewhere",
      .given = { .runtime_dir = "/r", .control = "/c.sock" },
      .dir = "/r",
      .control = "/c.sock",
      .audio = "/r/audio.sock" },
    { .label = "both elsewhere: a directory too long for sockets does not matter",
      .given = { .runtime_dir = LONG_DIR, .control = "/c", .audio = "/a" },
      .dir = LONG_DIR,
      .control = "/c",
      .audio = "/a" },
    { .label = "too long", .given = { .runtime_dir = LONG_DIR }, .err = -ENAMETOOLONG },
    { .label = "too long a socket",
      .given = { .runtime_dir = "/r", .audio = LONG_DIR LONG_DIR },
      .err = -ENAMETOOLONG },
    { .label = "empty directory", .given = { .runtime_dir = "" }, .err = -EINVAL },
    { .label = "empty control", .given = { .control = "" }, .err = -EINVAL },
    { .label = "empty audio", .given = { .audio = "" }, .err = -EINVAL },
};

static void check_row(const struct row *row)
{
    struct paths p = { .dir = "untouched" };
    char error[PATHS_ERROR_BYTES] = "";
    print_message("%s\n", row->label);
    assert_int_equal(paths_resolve(&row->given, &row->env, &p, error), row->err);
    if (row->err < 0) {
        assert_string_equal(p.dir, "untouched");
        assert_true(error[0] != '\0');
        return;
    }
    assert_string_equal(p.dir, row->dir);
    assert_string_equal(p.control, row->control);
    assert_string_equal(p.audio, row->audio);
    assert_int_equal(p.in_tmp, row->in_tmp);
}

static void resolves(void **state)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_row(&rows[i]);
}

/* 107 bytes are the longest path that fits with its NUL; 108 must be refused, not cut. */
static void longest_socket_path(void **state)
{
    char path[PATHS_SOCKET_BYTES + 1];
    char error[PATHS_ERROR_BYTES];
    struct paths p;
    struct paths_given given = { .runtime_dir = "/r", .control = path };
    struct paths_env env = { 0 };
    memset(path, 'a', sizeof path);
    path[0] = '/';
    path[PATHS_SOCKET_BYTES - 1] = '\0';
    assert_int_equal(paths_resolve(&given, &env, &p, error), 0);
    assert_string_equal(p.control, path);
    path[PATHS_SOCKET_BYTES - 1] = 'a';
    path[PATHS_SOCKET_BYTES] = '\0';
    assert_int_equal(paths_resolve(&given, &env, &p, error), -ENAMETOOLONG);
}

static void reads_environment(void **state)
{
    assert_int_equal(setenv("RUNTIME_DIRECTORY", "/run/x", 1), 0);
    assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
    struct paths_env env = paths_env_read();
    assert_string_equal(env.runtime_directory, "/run/x");
    assert_null(env.xdg_runtime_dir);
    assert_int_equal(env.uid, geteuid());
}

static void checks_owner(void **state)
{
    char error[PATHS_ERROR_BYTES];
    char dir[] = "/tmp/tutti-test-XXXXXX";
    char name[sizeof dir + 8];
    assert_non_null(mkdtemp(dir));
    assert_int_equal(paths_check_owner(dir, geteuid(), error), 0);
    assert_int_equal(paths_check_owner(dir, geteuid() + 1, error), -EPERM);
    assert_non_null(strstr(error, "another user"));
    assert_int_equal(chmod(dir, 0770), 0);
    assert_int_equal(paths_check_owner(dir, geteuid(), error), -EPERM);
    assert_int_equal(chmod(dir, 0750), 0);
    assert_int_equal(paths_check_owner(dir, geteuid(), error), 0);

    (void)snprintf(name, sizeof name, "%s/link", dir);
    assert_int_equal(paths_check_owner(name, geteuid(), error), -ENOENT);
    assert_int_equal(symlink(dir, name), 0);
    assert_int_equal(paths_check_owner(name, geteuid(), error), -EPERM);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolves),
        cmocka_unit_test(longest_socket_path),
        cmocka_unit_test(reads_environment),
        cmocka_unit_test(checks_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
