#include "sandbox/bounds.h"

#include "sandbox/relaxed.h"

#include <assert.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

struct limit {
    __rlimit_resource_t resource;
    rlim_t value;
    bool of_memory; /* what a sanitizer's runtime needs more of */
};

/* A medium with a cover of 16 MB, or of half a day, is decoded in 100 MB. The libraries
 * take some 250 MB of address space, which is nobody's memory. */
static const struct limit worker_limits[] = {
    { RLIMIT_DATA, 256 * MIB, true }, { RLIMIT_AS, 1024 * MIB, true },
    { RLIMIT_STACK, 8 * MIB, true },  { RLIMIT_NOFILE, 64, false },
    { RLIMIT_NPROC, 0, false },       { RLIMIT_CORE, 0, false },
    { RLIMIT_MEMLOCK, 0, false },     { RLIMIT_MSGQUEUE, 0, false },
    { RLIMIT_RTPRIO, 0, false },
};

static const struct limit zygote_limits[] = {
    { RLIMIT_CORE, 0, false },
    { RLIMIT_MEMLOCK, 0, false },
    { RLIMIT_MSGQUEUE, 0, false },
    { RLIMIT_RTPRIO, 0, false },
};

/* Clients of the network, with thousands of connections: to sources, with their read-ahead, or to
 * voice servers. */
static const struct limit fetch_limits[] = {
    { RLIMIT_CORE, 0, false },
    { RLIMIT_MEMLOCK, MIB, false },
    { RLIMIT_MSGQUEUE, 0, false },
    { RLIMIT_RTPRIO, 0, false },
};

/* JavaScript engines reserve address space by the gigabyte, which costs nothing: what they write
 * to counts. */
static const struct limit extract_limits[] = {
    { RLIMIT_DATA, 1024 * MIB, true },  { RLIMIT_NOFILE, 512, false }, { RLIMIT_CORE, 0, false },
    { RLIMIT_FSIZE, 256 * MIB, false }, { RLIMIT_MSGQUEUE, 0, false }, { RLIMIT_RTPRIO, 0, false },
};

static int set_limit(const struct limit *l)
{
    struct rlimit now;
    if (l->of_memory && sandbox_is_relaxed())
        return 0;
    if (getrlimit(l->resource, &now) < 0)
        return -errno;
    rlim_t value = l->value < now.rlim_max ? l->value : now.rlim_max;
    struct rlimit wanted = { .rlim_cur = value, .rlim_max = value };
    return setrlimit(l->resource, &wanted) < 0 ? -errno : 0;
}

static int set_limits(enum sandbox_profile profile)
{
#define LIMITS(list) \
    { \
        list, sizeof(list) / sizeof(list)[0] \
    }
    static const struct {
        const struct limit *list;
        size_t n;
    } of[] = {
        [SANDBOX_ZYGOTE] = LIMITS(zygote_limits),   [SANDBOX_WORKER] = LIMITS(worker_limits),
        [SANDBOX_FETCH] = LIMITS(fetch_limits),     [SANDBOX_VOICE] = LIMITS(fetch_limits),
        [SANDBOX_EXTRACT] = LIMITS(extract_limits),
    };
#undef LIMITS
    assert((size_t)profile < sizeof of / sizeof of[0]);
    for (size_t i = 0; i < of[profile].n; i++) {
        int r = set_limit(&of[profile].list[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

/* No file grows any more, unless it is the log. */
static int forbid_files(enum sandbox_profile profile)
{
    struct stat st;
    if (profile == SANDBOX_EXTRACT || (fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode)))
        return 0;
    return set_limit(&(struct limit){ RLIMIT_FSIZE, 0, false });
}

/* For a daemon that was started by root. With no_new_privs no exec brings them back. */
static int drop_capabilities(void)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };
    return syscall(SYS_capset, &head, none) < 0 ? -errno : 0;
}

int bounds_enter(enum sandbox_profile profile)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    int r = set_limits(profile);
    if (r == 0 && !sandbox_is_relaxed())
        r = forbid_files(profile);
    if (r == 0)
        r = drop_capabilities();
    /* Nobody of our user reads its memory through /proc or traces it. The leak checker has to. */
    if (r == 0 && !sandbox_is_relaxed() && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        r = -errno;
    return r;
}
