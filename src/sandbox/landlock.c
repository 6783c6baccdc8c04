#include "sandbox/landlock.h"

#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Younger than the oldest kernel headers that we are built with. */
struct rules_attr {
    uint64_t fs;
    uint64_t net;    /* from version 4 */
    uint64_t scoped; /* from version 6 */
};

enum { FS_EXECUTE = 1 << 0, FS_WRITE_FILE = 1 << 1, FS_READ_FILE = 1 << 2, FS_READ_DIR = 1 << 3 };
enum { FS_TRUNCATE = 1 << 14, FS_IOCTL_DEV = 1 << 15 };
enum { NET_BIND_TCP = 1 << 0, NET_CONNECT_TCP = 1 << 1 };
enum { SCOPE_ABSTRACT_UNIX = 1 << 0, SCOPE_SIGNAL = 1 << 1 };

/* What can be asked of a file that is no directory. */
#define FS_OF_FILES (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)
#define FS_READ (FS_READ_FILE | FS_READ_DIR)

/* Bits of the file system by version: 1 has thirteen, 2 added REFER, 3 TRUNCATE, 5 IOCTL_DEV. */
static uint64_t all_fs(int version)
{
    assert(version > 0);
    static const unsigned bits[] = { 0, 13, 14, 15, 15, 16 };
    unsigned last = sizeof bits / sizeof bits[0] - 1;
    unsigned v = (unsigned)version < last ? (unsigned)version : last;
    return (UINT64_C(1) << bits[v]) - 1;
}

int landlock_version(void)
{
    long v = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return v > 0 ? (int)v : 0;
}

/* `rights` that make no sense for what lies at the path, or are unknown to this kernel, are left
 * out. */
static int grant(int rules, const char *path, uint64_t rights, uint64_t known)
{
    struct stat st;
    AUTO_FD int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return errno == ENOMEM || errno == EMFILE || errno == ENFILE ? -errno : 0;
    if (!S_ISDIR(st.st_mode))
        rights &= FS_OF_FILES;
    struct landlock_path_beneath_attr attr = { .allowed_access = rights & known, .parent_fd = fd };
    if (attr.allowed_access == 0)
        return 0;
    if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &attr, 0) < 0)
        return -errno;
    return 0;
}

/* All of /etc, because what name resolution reads there is replaced as networks come and go, and
 * rules name files, not names. */
static const char *const fetch_reads[] = {
    "/etc",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/share/pki",
    "/usr/share/zoneinfo",
    "/usr/lib",
    "/usr/lib64",
    "/lib",
    "/lib64",
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/run/connman",
    "/dev/null",
    "/dev/random",
    "/dev/urandom",
    NULL,
};

static const char *const extract_runs[] = {
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/nix", "/gnu", "/snap", NULL,
};

static const char *const extract_reads[] = {
    "/etc",
    "/proc",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/run/connman",
    "/dev/null",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
    "/dev/full",
    NULL,
};

static int grant_all(int rules, const char *const *paths, uint64_t rights, uint64_t known)
{
    int r = 0;
    for (; r == 0 && *paths; paths++)
        r = grant(rules, *paths, rights, known);
    return r;
}

static int grant_profile(int rules, enum sandbox_profile profile, uint64_t known)
{
    int r = 0;
    if (profile == SANDBOX_FETCH || profile == SANDBOX_VOICE)
        return grant_all(rules, fetch_reads, FS_READ, known);
    if (profile == SANDBOX_EXTRACT) {
        r = grant_all(rules, extract_runs, FS_READ | FS_EXECUTE, known);
        if (r == 0)
            r = grant_all(rules, extract_reads, FS_READ, known);
        if (r == 0)
            r = grant(rules, "/dev/null", FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE, known);
    }
    return r;
}

static struct rules_attr forbid(enum sandbox_profile profile, int version)
{
    struct rules_attr a = { .fs = all_fs(version) };
    if (version >= 4)
        a.net = NET_BIND_TCP | NET_CONNECT_TCP;
    if (version >= 6)
        a.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
    /* They are clients, on whatever port a URL names. */
    if (profile == SANDBOX_FETCH || profile == SANDBOX_VOICE || profile == SANDBOX_EXTRACT)
        a.net &= ~(uint64_t)NET_CONNECT_TCP;
    /* JavaScript engines listen on loopback for their debuggers. */
    if (profile == SANDBOX_EXTRACT)
        a.net = 0;
    return a;
}

static size_t attr_size(int version)
{
    if (version < 4)
        return offsetof(struct rules_attr, net);
    return version < 6 ? offsetof(struct rules_attr, scoped) : sizeof(struct rules_attr);
}

int landlock_new(enum sandbox_profile profile, const struct sandbox_path *paths, size_t n_paths)
{
    int version = landlock_version();
    if (version == 0)
        return -ENOSYS;
    struct rules_attr attr = forbid(profile, version);
    AUTO_FD int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, attr_size(version), 0);
    if (rules < 0)
        return -errno;
    int r = grant_profile(rules, profile, attr.fs);
    for (size_t i = 0; r == 0 && i < n_paths; i++) {
        uint64_t read = FS_READ | (profile == SANDBOX_EXTRACT ? FS_EXECUTE : 0);
        r = grant(rules, paths[i].path, paths[i].writable ? attr.fs : read, attr.fs);
    }
    return r < 0 ? r : TAKE_FD(rules);
}

int landlock_enter(int fd)
{
    assert(fd >= 0);
    return syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : 0;
}
