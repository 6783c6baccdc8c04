#include "config/beside.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_there(const char *directory, const char *name, int mode, char path[PATH_MAX])
{
    int n = snprintf(path, PATH_MAX, "%s/%s", directory, name);
    return n > 0 && n < PATH_MAX && access(path, mode) == 0;
}

int beside_find(const char *installed, const char *name, int mode, char ret_path[PATH_MAX])
{
    char self[PATH_MAX], path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    bool found =
        (slash && is_there(self, name, mode, path)) || is_there(installed, name, mode, path);
    memcpy(ret_path, path, sizeof path);
    return found ? 0 : -ENOENT;
}
