#include "locate/roots.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { OPEN_TRIES = 32 };

struct root {
    int fd;      /* −1: it was not there when the daemon began */
    int missing; /* then, why: an errno; else 0 */
    char *given; /* as the user wrote it, without a final slash */
    char *real;  /* with symbolic links resolved; NULL where it was not there */
};

struct roots {
    size_t n;
    struct root root[];
};

static char *without_final_slash(const char *path)
{
    char *s = strdup(path);
    size_t len = s ? strlen(s) : 0;
    while (len > 1 && s[len - 1] == '/')
        s[--len] = '\0';
    return s;
}

/* What time may mend: a disk that is not mounted, a server that is not up. */
static bool may_come(int e)
{
    return e == ENOENT || e == ENODEV || e == ENXIO || e == EIO || e == ESTALE || e == ETIMEDOUT ||
           e == EHOSTDOWN || e == EHOSTUNREACH;
}

static int root_init(struct root *root, const char *dir)
{
    root->given = without_final_slash(dir);
    if (!root->given)
        return -ENOMEM;
    root->fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    root->real = root->fd >= 0 ? realpath(dir, NULL) : NULL;
    if (root->real)
        return 0;
    root->missing = errno;
    cleanup_fd(&root->fd);
    return may_come(root->missing) ? 0 : -root->missing;
}

int roots_new(const char *const *dirs, size_t n, struct roots **ret_roots, size_t *ret_bad)
{
    struct roots *r = calloc(1, sizeof *r + n * sizeof r->root[0]);
    *ret_bad = 0;
    if (!r)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        r->n = i + 1;
        r->root[i].fd = -1;
        int e = root_init(&r->root[i], dirs[i]);
        if (e < 0) {
            *ret_bad = i;
            roots_free(r);
            return e;
        }
    }
    *ret_roots = r;
    return 0;
}

void roots_free(struct roots *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n; i++) {
        if (r->root[i].fd >= 0)
            (void)close(r->root[i].fd);
        free(r->root[i].given);
        free(r->root[i].real);
    }
    free(r);
}

size_t roots_count(const struct roots *r)
{
    return r->n;
}

int roots_missing(const struct roots *r, size_t i)
{
    return r->root[i].missing;
}

/* The part of `path` below `dir` ("." for itself), or NULL. */
static const char *below(const char *path, const char *dir)
{
    size_t len = strlen(dir);
    if (strcmp(dir, "/") == 0)
        len = 0;
    if (strncmp(path, dir, len) != 0 || (path[len] != '/' && path[len] != '\0'))
        return NULL;
    path += len;
    while (*path == '/')
        path++;
    return *path ? path : ".";
}

static int open_beneath(int dir_fd, const char *path)
{
    struct open_how how = {
        /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
        .flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    long fd;
    int tries = 0; /* a rename somewhere beneath makes the kernel ask for another try */
    do {
        fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof how);
    } while (fd < 0 && (errno == EINTR || (errno == EAGAIN && ++tries < OPEN_TRIES)));
    return fd < 0 ? -errno : (int)fd;
}

/* Whether a disk was mounted at the root since the daemon began. A directory that only took the
 * place of another by its name is none of the roots. */
static bool is_mounted_since(const struct root *root, int now_fd)
{
    struct stat then, now;
    return fstat(root->fd, &then) == 0 && fstat(now_fd, &now) == 0 && then.st_dev != now.st_dev;
}

/* What is not found in the root as it was is looked for in the one that has come since. */
static int open_in_root(const struct root *root, const char *rest)
{
    int fd = root->fd >= 0 ? open_beneath(root->fd, rest) : -ENOENT;
    if (fd != -ENOENT)
        return fd;
    AUTO_FD int now_fd = open(root->given, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (now_fd < 0 || (root->fd >= 0 && !is_mounted_since(root, now_fd)))
        return fd;
    return open_beneath(now_fd, rest);
}

/* Tries the path below every root it lies in; the kindest answer counts. */
static int open_below_roots(const struct roots *r, const char *path)
{
    int best = -EXDEV;
    for (size_t i = 0; i < r->n; i++) {
        const char *rest = below(path, r->root[i].given);
        if (!rest && r->root[i].real)
            rest = below(path, r->root[i].real);
        if (!rest)
            continue;
        int fd = open_in_root(&r->root[i], rest);
        if (fd >= 0)
            return fd;
        if (best == -EXDEV)
            best = fd;
    }
    return best;
}

static enum tutti_error refuse(int e, char why[ROOTS_ERROR_MAX])
{
    switch (e) {
    case -EXDEV:
        (void)snprintf(why, ROOTS_ERROR_MAX, "the file is outside the media roots");
        return TUTTI_E_FORBIDDEN_URL;
    case -ELOOP:
        (void)snprintf(why, ROOTS_ERROR_MAX, "the path has too many or forbidden symbolic links");
        return TUTTI_E_FORBIDDEN_URL;
    case -EACCES:
    case -EPERM:
        (void)snprintf(why, ROOTS_ERROR_MAX, "the daemon may not read this file");
        return TUTTI_E_FORBIDDEN_URL;
    case -ENOENT:
    case -ENOTDIR:
    case -ENAMETOOLONG:
        (void)snprintf(why, ROOTS_ERROR_MAX, "there is no such file");
        return TUTTI_E_NOT_FOUND;
    case -ENXIO: /* a socket, or a device without a driver */
        (void)snprintf(why, ROOTS_ERROR_MAX, "this is not a regular file");
        return TUTTI_E_UNSUPPORTED_URL;
    default:
        (void)snprintf(why, ROOTS_ERROR_MAX, "the file cannot be opened: %s", strerror(-e));
        return TUTTI_E_INTERNAL;
    }
}

enum tutti_error roots_open(const struct roots *r, const char *path, int *ret_fd,
                            char ret_why[ROOTS_ERROR_MAX])
{
    AUTO_FD int fd = open_below_roots(r, path);
    if (fd < 0)
        return refuse(fd, ret_why);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return refuse(-errno, ret_why);
    if (!S_ISREG(st.st_mode)) {
        (void)snprintf(ret_why, ROOTS_ERROR_MAX, "this is %s, not a regular file",
                       S_ISDIR(st.st_mode)    ? "a directory"
                       : S_ISFIFO(st.st_mode) ? "a FIFO"
                                              : "a device");
        return TUTTI_E_UNSUPPORTED_URL;
    }
    *ret_fd = TAKE_FD(fd);
    return TUTTI_OK;
}
