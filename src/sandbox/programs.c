#include "sandbox/programs.h"

#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_LINE_BYTES = 256 };

int programs_add(struct programs *p, const char *path, bool writable)
{
    assert(path && p->n_paths <= PROGRAMS_PATHS_MAX);
    if (p->n_paths == PROGRAMS_PATHS_MAX)
        return -E2BIG;
    char *copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    p->paths[p->n_paths++] = (struct sandbox_path){ copy, writable };
    return 0;
}

void programs_done(struct programs *p)
{
    while (p->n_paths > 0)
        free((char *)p->paths[--p->n_paths].path);
}

/* Cuts the last name off. Returns false when there is none, or what is left is the root. */
static bool cut(char *path)
{
    char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return false;
    *slash = '\0';
    return true;
}

/* ~/.local/bin and ~/.local, but ~/bin without ~. */
static void add_directory(struct programs *p, const char *directory, const char *home)
{
    char path[PATH_MAX];
    if (directory[0] != '/' || strlen(directory) >= sizeof path)
        return;
    (void)snprintf(path, sizeof path, "%s", directory);
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        path[--len] = '\0';
    if (len == 1 || (home && strcmp(path, home) == 0))
        return;
    (void)programs_add(p, path, false);
    if (cut(path) && !(home && strcmp(path, home) == 0) && strcmp(path, "/home") != 0)
        (void)programs_add(p, path, false);
}

void programs_add_path(struct programs *p, const char *path, const char *home)
{
    AUTO_FREE char *copy = path ? strdup(path) : NULL;
    char *rest = copy;
    char *directory;
    while (rest && (directory = strsep(&rest, ":")) != NULL)
        add_directory(p, directory, home);
}

static void add_file(struct programs *p, const char *file, const char *home)
{
    char path[PATH_MAX];
    AUTO_FREE char *real = realpath(file, NULL);
    (void)programs_add(p, file, false);
    if (!real)
        return;
    (void)programs_add(p, real, false);
    (void)snprintf(path, sizeof path, "%s", real);
    if (cut(path))
        add_directory(p, path, home);
}

/* "#!VENV/bin/python3" leads to that file and, by its links, to where Python lives. What
 * "#!/usr/bin/env python3" leads to is in PATH. */
static void add_interpreter(struct programs *p, const char *file, const char *home)
{
    char line[FIRST_LINE_BYTES];
    AUTO_FD int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd >= 0 ? read(fd, line, sizeof line - 1) : -1;
    if (n < 3 || line[0] != '#' || line[1] != '!')
        return;
    line[n] = '\0';
    char *name = line + 2 + strspn(line + 2, " \t");
    name[strcspn(name, " \t\r\n")] = '\0';
    if (name[0] == '/')
        add_file(p, name, home);
}

static bool is_script(const char *file)
{
    char magic[2] = "";
    AUTO_FD int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return fd < 0 || read(fd, magic, sizeof magic) < 2 || memcmp(magic, "#!", 2) == 0;
}

static bool find_in_path(const char *program, char ret[PATH_MAX])
{
    const char *path = getenv("PATH");
    AUTO_FREE char *copy = path ? strdup(path) : NULL;
    char *rest = copy;
    char *directory;
    while (rest && (directory = strsep(&rest, ":")) != NULL) {
        int n = snprintf(ret, PATH_MAX, "%s/%s", directory, program);
        if (directory[0] != '\0' && n < PATH_MAX && access(ret, X_OK) == 0)
            return true;
    }
    return false;
}

static bool find(const char *program, char ret[PATH_MAX])
{
    if (!strchr(program, '/'))
        return find_in_path(program, ret);
    return snprintf(ret, PATH_MAX, "%s", program) < PATH_MAX;
}

/* Somebody else may have put something else there. */
static bool is_ours(const char *directory)
{
    struct stat st;
    return lstat(directory, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
           (st.st_mode & 077) == 0;
}

void programs_add_scratch(struct programs *p, const char *program)
{
    char path[PATH_MAX], scratch[PATH_MAX];
    const char *tmp = getenv("TMPDIR");
    if (!find(program, path) || is_script(path))
        return;
    int n = snprintf(scratch, sizeof scratch, "%s/tutti-extract-%u", tmp && tmp[0] ? tmp : "/tmp",
                     (unsigned)geteuid());
    if (n >= PATH_MAX)
        return;
    (void)mkdir(scratch, 0700);
    if (is_ours(scratch) && programs_add(p, scratch, true) == 0)
        (void)setenv("TMPDIR", scratch, 1);
}

void programs_add_program(struct programs *p, const char *program, const char *home)
{
    char path[PATH_MAX];
    if (!find(program, path))
        return;
    add_file(p, path, home);
    add_interpreter(p, path, home);
}
