#include "sandbox/calls.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_OF(array) (sizeof(array) / sizeof(array)[0])
#define CALL(name) \
    { \
        SCMP_SYS(name), ONLY_ANY \
    }
#define CALL_IF(name, only) \
    { \
        SCMP_SYS(name), only \
    }

/* The bits of a socket's type that are none of SOCK_NONBLOCK and SOCK_CLOEXEC. */
#define SOCK_TYPE_MASK 0xf

/* What decoding takes: memory, the clock, the descriptors at hand, an end. Sources are read with
 * pread, or asked for over a socket, like the daemon. newfstatat and statx are not here: they take
 * paths, too. */
static const struct call worker_calls[] = {
    CALL(pread64),
    CALL(read),
    CALL(lseek),
    CALL(close),
    CALL(fstat),
    CALL_IF(write, ONLY_STDERR),
    CALL_IF(writev, ONLY_STDERR), /* the last words of glibc's abort */
    CALL(sendmsg),
    CALL(recvmsg),
    CALL_IF(sendto, ONLY_NO_ADDRESS),
    CALL_IF(recvfrom, ONLY_NO_FROM),
    CALL(shutdown),
    CALL(poll),
    CALL(ppoll),
    CALL_IF(mmap, ONLY_NOT_EXEC),
    CALL_IF(mprotect, ONLY_NOT_EXEC),
    CALL(mremap),
    CALL(munmap),
    CALL(madvise),
    CALL(brk),
    CALL(futex), /* pthread_once wakes what might wait */
    CALL(clock_gettime),
    CALL(clock_nanosleep),
    CALL(nanosleep),
    CALL(gettimeofday),
    CALL(time),
    CALL(sched_yield),
    CALL(getrandom),
    CALL(getpid),
    CALL(gettid),
    CALL_IF(tgkill, ONLY_OWN_PID), /* abort */
    CALL(rt_sigprocmask),
    CALL(rt_sigreturn),
    CALL(restart_syscall),
    CALL(exit),
    CALL(exit_group),
};

/* What making a worker takes, and what that does before its own filter is in force. */
static const struct call zygote_calls[] = {
    CALL_IF(clone, ONLY_FORK_WORKER),
    CALL(prctl),
    CALL_IF(prlimit64, ONLY_SELF),
    CALL(setrlimit),
    CALL(getrlimit),
    CALL(capset),
    CALL(newfstatat), /* is standard error a file? */
    CALL(landlock_restrict_self),
    CALL(seccomp),
    CALL(rt_sigaction),
    CALL(tgkill), /* its filter knows one pid only, and its workers have others */
};

/* What a client of the network takes: libcurl, TLS, and glibc's name resolution in a thread. Files
 * are Landlock's business. */
static const struct call fetch_calls[] = {
    CALL(open),
    CALL(openat),
    CALL(stat),
    CALL(lstat),
    CALL(newfstatat),
    CALL(statx),
    CALL(fstatfs),
    CALL(statfs),
    CALL(access),
    CALL(faccessat),
    CALL(faccessat2),
    CALL(readlink),
    CALL(readlinkat),
    CALL(getdents64),
    CALL(getcwd),
    CALL(readv),
    CALL(preadv),
    CALL(write),
    CALL(writev),
    CALL(fcntl),
    CALL_IF(ioctl, ONLY_SOCKET_IOCTL), /* none that types into a terminal */
    CALL_IF(ioctl, ONLY_NONBLOCK),
    CALL_IF(ioctl, ONLY_UNREAD),
    CALL_IF(ioctl, ONLY_CLOEXEC),
    CALL(dup),
    CALL(dup2),
    CALL(dup3),
    CALL(pipe),
    CALL(pipe2),
    CALL(eventfd2),
    CALL(timerfd_create),
    CALL(timerfd_settime),
    CALL(timerfd_gettime),
    CALL(signalfd4),
    CALL(epoll_create1),
    CALL(epoll_ctl),
    CALL(epoll_wait),
    CALL(epoll_pwait),
    CALL(epoll_pwait2),
    CALL(select),
    CALL(pselect6),
    CALL(close_range),
    CALL(memfd_create),
    CALL(mmap), /* plug-ins of name resolution are code */
    CALL(mprotect),
    CALL(mincore),
    CALL(mlock),
    CALL(munlock),
    CALL_IF(socket, ONLY_INET),
    CALL_IF(socket, ONLY_INET6),
    CALL_IF(socket, ONLY_NETLINK_ROUTE), /* which addresses this machine has */
    CALL_IF(socketpair, ONLY_UNIX_CONNECTED),
    CALL(connect),
    CALL(bind),
    CALL(sendto),
    CALL(recvfrom),
    CALL(sendmmsg),
    CALL(recvmmsg),
    CALL(getsockopt),
    CALL(setsockopt),
    CALL(getsockname),
    CALL(getpeername),
    CALL_IF(clone, ONLY_THREAD),
    CALL(set_robust_list),
    CALL(rseq),
    CALL(set_tid_address),
    CALL(membarrier),
    CALL(sigaltstack),
    CALL(rt_sigaction),
    CALL(rt_sigpending),
    CALL(rt_sigtimedwait),
    CALL_IF(prctl, ONLY_NAME),
    CALL_IF(prlimit64, ONLY_SELF),
    CALL(getrlimit),
    CALL(getrusage),
    CALL(clock_getres),
    CALL(sched_getaffinity),
    CALL(sched_getparam),
    CALL(sched_getscheduler),
    CALL(getuid),
    CALL(geteuid),
    CALL(getgid),
    CALL(getegid),
    CALL(getppid),
    CALL(uname),
    CALL(sysinfo),
    CALL(getcpu),
};

/* The main thread of a voice client gives back the precedence that its sending thread has
 * inherited, and a thread that spins loses it. Nobody gains any: there are no privileges. */
static const struct call voice_calls[] = {
    CALL(sched_setscheduler),
    CALL(setpriority),
};

/* Nothing that fetches does these by mistake. */
static const struct call fetch_deadly[] = {
    CALL(execve),
    CALL(execveat),
    CALL(ptrace),
    CALL(process_vm_readv),
    CALL(process_vm_writev),
    CALL(kill),
    CALL(tkill),
    CALL(fork),
    CALL(vfork),
};

/* glibc makes threads with clone3, whose flags a filter cannot see, or else with clone. */
static const struct call clone_by_flags[] = { CALL(clone3) };

/* What administers or attacks a machine, and no extractor needs. */
static const struct call extract_refused[] = {
    CALL(ptrace),
    CALL(process_vm_readv),
    CALL(process_vm_writev),
    CALL(pidfd_getfd),
    CALL(kcmp),
    CALL(mount),
    CALL(umount2),
    CALL(pivot_root),
    CALL(chroot),
    CALL(move_mount),
    CALL(open_tree),
    CALL(fsopen),
    CALL(fsmount),
    CALL(fsconfig),
    CALL(fspick),
    CALL(mount_setattr),
    CALL(unshare),
    CALL(setns),
    CALL_IF(clone, ONLY_NEW_USER),
    CALL(bpf),
    CALL(perf_event_open),
    CALL(userfaultfd),
    CALL(io_uring_setup),
    CALL(add_key),
    CALL(request_key),
    CALL(keyctl),
    CALL(init_module),
    CALL(finit_module),
    CALL(delete_module),
    CALL(kexec_load),
    CALL(kexec_file_load),
    CALL(open_by_handle_at),
    CALL(reboot),
    CALL(swapon),
    CALL(swapoff),
    CALL(acct),
    CALL(quotactl),
    CALL(syslog),
    CALL(settimeofday),
    CALL(clock_settime),
    CALL(clock_adjtime),
    CALL(adjtimex),
    CALL(sethostname),
    CALL(setdomainname),
    CALL(iopl),
    CALL(ioperm),
    CALL(vhangup),
    CALL_IF(ioctl, ONLY_TTY_INPUT),
    /* A process that leaves the group outlives the run, which is ended by its group. */
    CALL(setsid),
    CALL(setpgid),
    /* The daemon is of the same user: its limits and its precedence are not theirs to change. */
    CALL_IF(prlimit64, ONLY_ANOTHER),
    CALL_IF(sched_setaffinity, ONLY_ANOTHER),
    CALL_IF(sched_setscheduler, ONLY_ANOTHER),
    CALL_IF(sched_setparam, ONLY_ANOTHER),
    CALL_IF(sched_setattr, ONLY_ANOTHER),
    CALL_IF(setpriority, ONLY_ANOTHERS_PRECEDENCE),
    CALL_IF(setpriority, ONLY_SEVERAL),
};

/* Services of this machine trust all that has the right user, the daemon above all; Landlock does
 * not know sockets that have a path. Name resolution asks its daemons first, and does without them
 * where there is no such family. A pair is connected already, unless it is of datagrams: those can
 * be sent elsewhere. */
static const struct call no_family[] = {
    CALL_IF(socket, ONLY_UNIX), CALL_IF(socketpair, ONLY_UNIX_DATAGRAMS),
    CALL_IF(socketpair, ONLY_UNIX_RAW), /* another name for datagrams */
};

unsigned calls_condition(enum call_only only, struct scmp_arg_cmp ret[CALL_CONDITIONS_MAX])
{
    static const struct {
        unsigned n;
        struct scmp_arg_cmp cmp[CALL_CONDITIONS_MAX];
    } conditions[] = {
        [ONLY_STDERR] = { 1, { { 0, SCMP_CMP_EQ, STDERR_FILENO, 0 } } },
        [ONLY_NOT_EXEC] = { 1, { { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 } } },
        [ONLY_OWN_PID] = { 1, { { 0, SCMP_CMP_EQ, CALLS_PID_PLACEHOLDER, 0 } } },
        [ONLY_SELF] = { 1, { { 0, SCMP_CMP_EQ, 0, 0 } } },
        [ONLY_NO_ADDRESS] = { 1, { { 4, SCMP_CMP_EQ, 0, 0 } } },
        [ONLY_NO_FROM] = { 1, { { 4, SCMP_CMP_EQ, 0, 0 } } },
        [ONLY_FORK_WORKER] = { 1, { { 0, SCMP_CMP_EQ, CLONE_PARENT | SIGCHLD, 0 } } },
        [ONLY_THREAD] = { 1, { { 0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD } } },
        [ONLY_NEW_USER] = { 1, { { 0, SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER } } },
        [ONLY_ANOTHER] = { 1, { { 0, SCMP_CMP_NE, 0, 0 } } },
        [ONLY_ANOTHERS_PRECEDENCE] = { 1, { { 1, SCMP_CMP_NE, 0, 0 } } },
        [ONLY_SEVERAL] = { 1, { { 0, SCMP_CMP_NE, PRIO_PROCESS, 0 } } },
        /* What is refused must be recognised as the kernel does: it takes 32 bits of these. */
        [ONLY_UNIX] = { 1, { { 0, SCMP_CMP_MASKED_EQ, 0xffffffff, AF_UNIX } } },
        [ONLY_UNIX_DATAGRAMS] = { 2,
                                  { { 0, SCMP_CMP_MASKED_EQ, 0xffffffff, AF_UNIX },
                                    { 1, SCMP_CMP_MASKED_EQ, SOCK_TYPE_MASK, SOCK_DGRAM } } },
        [ONLY_UNIX_RAW] = { 2,
                            { { 0, SCMP_CMP_MASKED_EQ, 0xffffffff, AF_UNIX },
                              { 1, SCMP_CMP_MASKED_EQ, SOCK_TYPE_MASK, SOCK_RAW } } },
        /* One bit is all that tells a pair of streams from one of packets. */
        [ONLY_UNIX_CONNECTED] = { 2,
                                  { { 0, SCMP_CMP_EQ, AF_UNIX, 0 },
                                    { 1, SCMP_CMP_MASKED_EQ,
                                      SOCK_TYPE_MASK & ~(SOCK_STREAM ^ SOCK_SEQPACKET),
                                      SOCK_STREAM } } },
        [ONLY_INET] = { 1, { { 0, SCMP_CMP_EQ, AF_INET, 0 } } },
        [ONLY_INET6] = { 1, { { 0, SCMP_CMP_EQ, AF_INET6, 0 } } },
        [ONLY_NETLINK_ROUTE] = { 2,
                                 { { 0, SCMP_CMP_EQ, AF_NETLINK, 0 }, { 2, SCMP_CMP_EQ, 0, 0 } } },
        [ONLY_NAME] = { 1, { { 0, SCMP_CMP_EQ, PR_SET_NAME, 0 } } },
        [ONLY_SOCKET_IOCTL] = { 1, { { 1, SCMP_CMP_MASKED_EQ, 0xffffffffffffff00, 0x8900 } } },
        [ONLY_NONBLOCK] = { 1, { { 1, SCMP_CMP_EQ, FIONBIO, 0 } } },
        [ONLY_UNREAD] = { 1, { { 1, SCMP_CMP_EQ, FIONREAD, 0 } } },
        [ONLY_CLOEXEC] = { 1, { { 1, SCMP_CMP_EQ, FIOCLEX, 0 } } },
        [ONLY_TTY_INPUT] = { 1, { { 1, SCMP_CMP_MASKED_EQ, 0xffffffff, TIOCSTI } } },
    };
    if (only == ONLY_ANY || only >= N_OF(conditions))
        return 0;
    for (unsigned i = 0; i < conditions[only].n; i++)
        ret[i] = conditions[only].cmp[i];
    return conditions[only].n;
}

/* What has a list of calls and no reason to die by a call that is not on it. */
static bool is_client(enum sandbox_profile profile)
{
    return profile == SANDBOX_FETCH || profile == SANDBOX_VOICE;
}

uint32_t calls_default(enum sandbox_profile profile)
{
    switch (profile) {
    case SANDBOX_FETCH:
    case SANDBOX_VOICE:
        return SCMP_ACT_ERRNO(EPERM);
    case SANDBOX_EXTRACT:
        return SCMP_ACT_ALLOW;
    default:
        return SCMP_ACT_TRAP;
    }
}

#define LIST(array) \
    { \
        array, N_OF(array) \
    }

bool calls_allowed(enum sandbox_profile profile, unsigned i, struct calls *ret)
{
    enum { LISTS_MAX = 3 };
    static const struct calls lists[][LISTS_MAX] = {
        [SANDBOX_ZYGOTE] = { LIST(worker_calls), LIST(zygote_calls) },
        [SANDBOX_WORKER] = { LIST(worker_calls) },
        [SANDBOX_FETCH] = { LIST(worker_calls), LIST(fetch_calls) },
        [SANDBOX_VOICE] = { LIST(worker_calls), LIST(fetch_calls), LIST(voice_calls) },
        [SANDBOX_EXTRACT] = { { NULL, 0 } },
    };
    if (i >= LISTS_MAX || !lists[profile][i].call)
        return false;
    *ret = lists[profile][i];
    return true;
}

bool calls_refused(enum sandbox_profile profile, struct calls *ret)
{
    *ret = (struct calls)LIST(extract_refused);
    return profile == SANDBOX_EXTRACT;
}

bool calls_no_family(enum sandbox_profile profile, struct calls *ret)
{
    *ret = (struct calls)LIST(no_family);
    return is_client(profile) || profile == SANDBOX_EXTRACT;
}

bool calls_missing(enum sandbox_profile profile, struct calls *ret)
{
    *ret = (struct calls)LIST(clone_by_flags);
    return is_client(profile) || profile == SANDBOX_EXTRACT;
}

bool calls_deadly(enum sandbox_profile profile, struct calls *ret)
{
    *ret = (struct calls)LIST(fetch_deadly);
    return is_client(profile);
}
