/* What the kernel offers. Apart from the rest, because who asks need not have libseccomp. */
#include "sandbox/landlock.h"
#include "sandbox/relaxed.h"
#include "sandbox/sandbox.h"

#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool has_seccomp(void)
{
    uint32_t action = SECCOMP_RET_TRAP;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

unsigned sandbox_walls(void)
{
    unsigned walls = 0;
    if (sandbox_is_relaxed())
        return 0;
    if (has_seccomp())
        walls |= SANDBOX_SECCOMP;
    if (landlock_version() > 0)
        walls |= SANDBOX_LANDLOCK;
    return walls;
}

const char *sandbox_wall_name(enum sandbox_wall wall)
{
    return wall == SANDBOX_SECCOMP ? "seccomp" : "Landlock";
}

const char *sandbox_why_missing(void)
{
    return sandbox_is_relaxed() ? "a build with a sanitizer"
                                : "the kernel lacks it, or the container forbids it";
}
