/*
 * old_kernel WALL[,WALL] PROGRAM [ARGUMENT...]: runs a program where the kernel knows nothing of
 * the walls named: landlock, seccomp.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int forget(scmp_filter_ctx ctx, int nr)
{
    return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), nr, 0);
}

int main(int argc, char **argv)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    int r = argc < 3 || !ctx ? -EINVAL : 0;
    if (r == 0 && strstr(argv[1], "landlock")) {
        r = forget(ctx, SCMP_SYS(landlock_create_ruleset));
        if (r == 0)
            r = forget(ctx, SCMP_SYS(landlock_restrict_self));
    }
    if (r == 0 && strstr(argv[1], "seccomp"))
        r = forget(ctx, SCMP_SYS(seccomp));
    if (r == 0)
        r = seccomp_load(ctx);
    if (r < 0) {
        (void)fprintf(stderr, "old_kernel: %s\n", strerror(-r));
        return 2;
    }
    seccomp_release(ctx);
    (void)execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 2;
}
