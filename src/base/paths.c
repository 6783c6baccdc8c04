#include "base/paths.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct paths_env paths_env_read(void)
{
    return (struct paths_env){
        .runtime_directory = getenv("RUNTIME_DIRECTORY"),
        .xdg_runtime_dir = getenv("XDG_RUNTIME_DIR"),
        .uid = geteuid(),
    };
}

__attribute__((format(printf, 3, 4))) static int fail(int code, char error[PATHS_ERROR_BYTES],
                                                      const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(error, PATHS_ERROR_BYTES, fmt, ap);
    va_end(ap);
    return code;
}

static bool usable(const char *path)
{
    return path && path[0] == '/';
}

/* Returns the length as snprintf does: PATH_MAX or more did not fit. */
static int choose_dir(const struct paths_given *given, const struct paths_env *env, struct paths *p)
{
    if (given->runtime_dir)
        return snprintf(p->dir, sizeof p->dir, "%s", given->runtime_dir);
    if (usable(env->runtime_directory)) {
        int first = (int)strcspn(env->runtime_directory, ":");
        return snprintf(p->dir, sizeof p->dir, "%.*s", first, env->runtime_directory);
    }
    if (usable(env->xdg_runtime_dir))
        return snprintf(p->dir, sizeof p->dir, "%s/tutti", env->xdg_runtime_dir);
    p->in_tmp = true;
    return snprintf(p->dir, sizeof p->dir, "/tmp/tutti-%lu", (unsigned long)env->uid);
}

static int choose_socket(const char *given, const char *dir, const char *name,
                         char ret[PATHS_SOCKET_BYTES], char *error)
{
    int n = given ? snprintf(ret, PATHS_SOCKET_BYTES, "%s", given)
                  : snprintf(ret, PATHS_SOCKET_BYTES, "%s/%s", dir, name);
    if (n < 0 || n >= PATHS_SOCKET_BYTES)
        return fail(-ENAMETOOLONG, error,
                    "the path of %s is too long for a socket (at most %d bytes): %.120s", name,
                    PATHS_SOCKET_BYTES - 1, given ? given : dir);
    return 0;
}

static bool is_empty(const char *path)
{
    return path && path[0] == '\0';
}

int paths_resolve(const struct paths_given *given, const struct paths_env *env, struct paths *ret,
                  char ret_error[PATHS_ERROR_BYTES])
{
    if (is_empty(given->runtime_dir))
        return fail(-EINVAL, ret_error, "the runtime directory is empty");
    if (is_empty(given->control) || is_empty(given->audio))
        return fail(-EINVAL, ret_error, "the path of a socket is empty");

    struct paths p = { .in_tmp = false };
    int n = choose_dir(given, env, &p);
    if (n < 0 || (size_t)n >= sizeof p.dir)
        return fail(-ENAMETOOLONG, ret_error, "the runtime directory's path is too long");
    int err = choose_socket(given->control, p.dir, "control.sock", p.control, ret_error);
    if (err == 0)
        err = choose_socket(given->audio, p.dir, "audio.sock", p.audio, ret_error);
    if (err == 0)
        *ret = p;
    return err;
}

int paths_check_owner(const char *dir, uid_t uid, char ret_error[PATHS_ERROR_BYTES])
{
    struct stat st;
    if (lstat(dir, &st) < 0)
        return fail(errno == ENOENT ? -ENOENT : -EPERM, ret_error, "%.180s: %s", dir,
                    strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return fail(-EPERM, ret_error, "%.180s is not a directory", dir);
    if (st.st_uid != uid)
        return fail(-EPERM, ret_error, "%.180s belongs to another user (%lu)", dir,
                    (unsigned long)st.st_uid);
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return fail(-EPERM, ret_error, "%.180s can be written to by other users", dir);
    return 0;
}
