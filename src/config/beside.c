#include "config/beside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int beside_find(const char *installed, const char *name, int mode, char ret_path[PATH_MAX])
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = '\0';
        char *slash = strrchr(self, '/');
        if (slash)
            *slash = '\0';
        if (snprintf(ret_path, PATH_MAX, "%s/%s", self, name) < PATH_MAX &&
            access(ret_path, mode) == 0)
            return 0;
    }
    (void)snprintf(ret_path, PATH_MAX, "%s/%s", installed, name);
    return access(ret_path, mode) == 0 ? 0 : -ENOENT;
}
