/*
 * Loaded before libc into tuttid (LD_PRELOAD): a file system that hangs. Whoever opens a file whose
 * path ends in ".hangs" never comes back; a file named ".entered" behind it says that it has begun.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ARGUMENTS = 6, PATH_BYTES = 4096 };

/* The programs that the daemon starts have file systems that work. */
__attribute__((constructor)) static void start(void)
{
    (void)unsetenv("LD_PRELOAD");
}

static void hang_if_asked(int dir, const char *path)
{
    static const char suffix[] = ".hangs";
    char mark[PATH_BYTES];
    size_t len = strlen(path);
    if (len < sizeof suffix - 1 || strcmp(path + len - (sizeof suffix - 1), suffix) != 0)
        return;
    (void)snprintf(mark, sizeof mark, "%s.entered", path);
    (void)close(openat(dir, mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    for (;;)
        (void)pause();
}

__attribute__((visibility("default"))) long syscall(long number, ...)
{
    static long (*real)(long, ...);
    long a[ARGUMENTS];
    va_list ap;
    va_start(ap, number);
    for (int i = 0; i < ARGUMENTS; i++)
        a[i] = va_arg(ap, long);
    va_end(ap);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "syscall");
    if (number == SYS_openat2)
        hang_if_asked((int)a[0], (const char *)a[1]);
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
