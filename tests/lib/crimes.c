#include "crimes.h"

#include "sandbox/bounds.h"
#include "sandbox/filter.h"
#include "sandbox/landlock.h"
#include "sandbox/sandbox.h"
#include "sandbox/violation.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

struct crime_scene f;

/* ---- what is attempted: 0 if it worked, or errno ---- */

static int result(long r)
{
    return r < 0 ? errno : 0;
}

int run_program(void)
{
    char name[] = "/bin/true";
    char *argv[] = { name, NULL };
    return result(execv(name, argv));
}

int open_to_read(void)
{
    return result(open(f.file, O_RDONLY));
}

int open_to_write(void)
{
    return result(open(f.file, O_WRONLY));
}

int make_file(void)
{
    char path[TEST_DIR_BYTES + 16];
    (void)snprintf(path, sizeof path, "%s/new", f.dir);
    return result(syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT, 0600));
}

int open_anew(void)
{
    static const uint64_t how[3] = { O_RDONLY };
    return result(syscall(SYS_openat2, AT_FDCWD, f.file, how, sizeof how));
}

int list_root(void)
{
    return result(open("/", O_RDONLY | O_DIRECTORY));
}

int remove_file(void)
{
    return result(unlink(f.file));
}

int make_directory(void)
{
    char path[TEST_DIR_BYTES + 16];
    (void)snprintf(path, sizeof path, "%s/dir", f.dir);
    return result(mkdir(path, 0700));
}

int look_at_file(void)
{
    struct stat st;
    return result(stat(f.file, &st));
}

int change_mode(void)
{
    return result(chmod(f.file, 0777));
}

int open_socket(void)
{
    return result(socket(AF_INET, SOCK_STREAM, 0));
}

int open_unix_socket(void)
{
    return result(socket(AF_UNIX, SOCK_STREAM, 0));
}

/* The kernel looks at 32 bits of the family. */
int open_disguised_unix_socket(void)
{
    return result(syscall(SYS_socket, (1L << 32) | AF_UNIX, SOCK_STREAM, 0));
}

static int make_pair(int type)
{
    int fds[2];
    return result(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds));
}

int pair_streams(void)
{
    int e = make_pair(SOCK_STREAM);
    return e != 0 ? e : make_pair(SOCK_SEQPACKET);
}

int pair_datagrams(void)
{
    return make_pair(SOCK_DGRAM);
}

int pair_raw(void)
{
    return make_pair(SOCK_RAW);
}

int connect_tcp(void)
{
    return result(connect(f.tcp, (struct sockaddr *)&f.address, sizeof f.address));
}

int connect_unix(void)
{
    return result(connect(f.local, (struct sockaddr *)&f.name, sizeof f.name));
}

int trace_parent(void)
{
    return result(ptrace(PTRACE_ATTACH, f.parent, NULL, NULL));
}

int read_parent(void)
{
    char byte;
    struct iovec here = { &byte, 1 }, there = { &f, 1 };
    return result(process_vm_readv(f.parent, &here, 1, &there, 1, 0));
}

int signal_parent(void)
{
    return result(kill(f.parent, SIGCONT));
}

int signal_thread_of_parent(void)
{
    return result(syscall(SYS_tgkill, f.parent, f.parent, SIGCONT));
}

int make_process(void)
{
    long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(0);
    return result(pid);
}

int make_sibling(void)
{
    long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(0);
    return result(pid);
}

int make_process_anew(void)
{
    struct clone_args args = { .exit_signal = SIGCHLD };
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        _exit(0);
    return result(pid);
}

static void *nothing(void *arg)
{
    return arg;
}

int make_thread(void)
{
    pthread_t t;
    int e = pthread_create(&t, NULL, nothing, NULL);
    return e != 0 ? e : pthread_join(t, NULL);
}

int map_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? errno : 0;
}

int make_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? errno : result(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

int write_to_source(void)
{
    return result(write(f.read_only, "x", 1));
}

int write_to_memory(void)
{
    return result(write(f.memory, "x", 1));
}

int write_inside(void)
{
    return result(pwrite(f.memory, "x", 1, 0));
}

int cut_memory(void)
{
    return result(ftruncate(f.memory, 0));
}

int change_source(void)
{
    return result(fchmod(f.read_only, 0777));
}

int make_namespace(void)
{
    return result(unshare(CLONE_NEWUSER));
}

int load_bpf(void)
{
    return result(syscall(SYS_bpf, 0, NULL, 0));
}

int start_ring(void)
{
    static char params[256];
    return result(syscall(SYS_io_uring_setup, 1, params));
}

int handle_signals(void)
{
    return signal(SIGSYS, SIG_IGN) == SIG_ERR ? errno : 0;
}

int raise_limit(void)
{
    struct rlimit more = { RLIM_INFINITY, RLIM_INFINITY };
    return result(setrlimit(RLIMIT_DATA, &more));
}

int become_dumpable(void)
{
    return result(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static char *volatile kept;

int take_memory(void)
{
    for (unsigned mib = 0; mib < 400; mib++) {
        char *p = malloc(1 << 20);
        if (!p)
            return mib > 100 ? ENOMEM : ERANGE;
        memset(p, 1, 1 << 20);
        kept = p; /* or else the compiler sees that nobody needs it */
    }
    return 0;
}

int take_address_space(void)
{
    void *p = mmap(NULL, (size_t)2 << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? errno : 0;
}

int listen_tcp(void)
{
    return result(listen(f.tcp, 1));
}

int open_packet_socket(void)
{
    return result(socket(AF_PACKET, SOCK_RAW, 0));
}

int resolve_name(void)
{
    struct addrinfo *list = NULL;
    int r = getaddrinfo("localhost", "80", NULL, &list);
    if (r == 0)
        freeaddrinfo(list);
    return r == 0 ? 0 : EHOSTUNREACH;
}

int read_hosts(void)
{
    return result(open("/etc/hosts", O_RDONLY));
}

int run_script(void)
{
    int status =
        system("cat /etc/hosts >/dev/null && ! true 2>/dev/null >>/etc/hosts"); /* NOLINT */
    return status == 0 ? 0 : ECHILD;
}

int has_capabilities(void)
{
    /* Only root reads what nobody may read; whoever is not root sees the same. */
    return geteuid() == 0 && prctl(PR_CAPBSET_DROP, 0, 0, 0, 0) == 0 ? 0 : EPERM;
}

/* 0 if it may have a go at it: a pipe is no terminal. */
int type_into_terminal(void)
{
    int r = result(ioctl(STDERR_FILENO, TIOCSTI, "x"));
    return r == ENOTTY ? 0 : r;
}

int ask_how_much_waits(void)
{
    int pair[2], n;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        return errno;
    return result(ioctl(pair[0], FIONREAD, &n));
}

int leave_session(void)
{
    return result(setsid());
}

int leave_group(void)
{
    return result(setpgid(0, 0));
}

int limit_parent(void)
{
    struct rlimit limit;
    return result(prlimit(f.parent, RLIMIT_NOFILE, NULL, &limit));
}

int move_parent(void)
{
    cpu_set_t all;
    int e = result(sched_getaffinity(f.parent, sizeof all, &all));
    return e != 0 ? e : result(sched_setaffinity(f.parent, sizeof all, &all));
}

/* What it tries to set is always what is so already: it may succeed. */
int reschedule_parent(void)
{
    struct sched_param now;
    int policy = sched_getscheduler(f.parent);
    if (policy < 0 || sched_getparam(f.parent, &now) < 0)
        return errno;
    return result(sched_setscheduler(f.parent, policy, &now));
}

int slow_parent(void)
{
    int now = getpriority(PRIO_PROCESS, (id_t)f.parent);
    return result(setpriority(PRIO_PROCESS, (id_t)f.parent, now));
}

/* Of the user's processes in place of the group's it would be the whole machine. */
int slow_group(void)
{
    return result(setpriority(PRIO_PGRP, 0, getpriority(PRIO_PGRP, 0)));
}

int change_itself(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return errno;
    return result(setpriority(PRIO_PROCESS, 0, 19));
}

/* ---- how it is attempted ---- */

static int enter(enum sandbox_profile profile, enum walls walls)
{
    static struct filter filter;
    int fd;
    switch (walls) {
    case ALL:
        return sandbox_confine(profile, NULL, 0);
    case ONLY_SECCOMP:
        violation_learn_names();
        (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (violation_enter() < 0 || filter_init(&filter, profile) < 0)
            return -1;
        return filter_enter(&filter);
    case ONLY_LANDLOCK:
        (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        fd = landlock_new(profile, NULL, 0);
        return fd < 0 ? fd : landlock_enter(fd);
    case ONLY_BOUNDS:
        return bounds_enter(profile);
    }
    return -1;
}

enum { NOT_ENTERED = 200 };

/* A child tries it, its standard error a pipe. */
struct outcome attempt(enum sandbox_profile profile, enum walls walls, int (*act)(void))
{
    struct outcome o = { 0 };
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)dup2(pipe_fds[1], STDERR_FILENO);
        if (enter(profile, walls) < 0)
            _exit(NOT_ENTERED);
        _exit(act());
    }
    (void)close(pipe_fds[1]);
    size_t len = 0;
    ssize_t n;
    while ((n = read(pipe_fds[0], o.said + len, sizeof o.said - 1 - len)) > 0)
        len += (size_t)n;
    (void)close(pipe_fds[0]);
    assert_int_equal(waitpid(pid, &o.status, 0), pid);
    return o;
}

void check(const char *name, struct outcome o, int expected, const char *call)
{
    if (expected == DIES && call) {
        ROW_TRUE(name, WIFSIGNALED(o.status) && WTERMSIG(o.status) == SIGSYS);
        char said[64];
        (void)snprintf(said, sizeof said, "forbidden system call %s%s", call, call[0] ? " (" : "");
        if (!strstr(o.said, said))
            print_error("said: %s\n", o.said);
        ROW_TRUE(name, strstr(o.said, said) != NULL);
        return;
    }
    if (!WIFEXITED(o.status) || WEXITSTATUS(o.status) != expected)
        print_error("status %#x, not %d: %s\n", (unsigned)o.status, expected, o.said);
    ROW_TRUE(name, WIFEXITED(o.status) && WEXITSTATUS(o.status) == expected);
}

void need(unsigned walls)
{
    if ((sandbox_walls() & walls) != walls)
        skip();
}

/* ---- the scene ---- */

/* Each time under a new name: a child that is dying yet may hold the old one. */
static void listen_locally(int *ret_tcp, int *ret_local)
{
    static unsigned n_names;
    socklen_t len = sizeof f.address;
    *ret_tcp = socket(AF_INET, SOCK_STREAM, 0);
    f.address = (struct sockaddr_in){ .sin_family = AF_INET };
    f.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(*ret_tcp, (struct sockaddr *)&f.address, len), 0);
    assert_int_equal(getsockname(*ret_tcp, (struct sockaddr *)&f.address, &len), 0);
    assert_int_equal(listen(*ret_tcp, 64), 0);
    *ret_local = socket(AF_UNIX, SOCK_STREAM, 0);
    f.name = (struct sockaddr_un){ .sun_family = AF_UNIX };
    (void)snprintf(f.name.sun_path + 1, sizeof f.name.sun_path - 1, "tutti-unit-%d-%u", getpid(),
                   ++n_names);
    assert_int_equal(bind(*ret_local, (struct sockaddr *)&f.name, sizeof f.name), 0);
    assert_int_equal(listen(*ret_local, 64), 0);
}

static int listeners[2];

int crimes_set_up(void **state)
{
    test_dir_make(f.dir);
    (void)snprintf(f.file, sizeof f.file, "%s/file", f.dir);
    int fd = open(f.file, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "text", 4), 4);
    (void)close(fd);
    f.parent = getpid();
    return 0;
}

int crimes_tear_down(void **state)
{
    char path[TEST_DIR_BYTES + 16];
    (void)snprintf(path, sizeof path, "%s/new", f.dir);
    (void)unlink(path);
    (void)unlink(f.file);
    (void)rmdir(f.dir);
    return 0;
}

/* The sockets of a child are the parent's, too: each test has new ones. */
int crimes_open(void **state)
{
    listen_locally(&listeners[0], &listeners[1]);
    f.read_only = open(f.file, O_RDONLY);
    f.memory = memfd_create("test", 0);
    f.tcp = socket(AF_INET, SOCK_STREAM, 0);
    f.local = socket(AF_UNIX, SOCK_STREAM, 0);
    return 0;
}

int crimes_close(void **state)
{
    int fds[] = { listeners[0], listeners[1], f.read_only, f.memory, f.tcp, f.local };
    for (size_t i = 0; i < LENGTH_OF(fds); i++)
        (void)close(fds[i]);
    return 0;
}
