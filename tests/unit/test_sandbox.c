/*
 * Every wall, tried from inside: a child enters it as tutti-worker does and attempts what it must
 * not be able to do; seccomp and Landlock each alone as well, for kernels that have one of them.
 */
#include "crimes.h"
#include "sandbox/bounds.h"
#include "sandbox/filter.h"
#include "sandbox/landlock.h"
#include "sandbox/programs.h"
#include "sandbox/relaxed.h"
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

/* What a worker may not do, and what stops it: the system call it dies of, and the errno that
 * Landlock alone gives. Each works without walls, or else it would prove nothing. */
static const struct {
    const char *name;
    int (*act)(void);
    const char *call;
    int landlock;
    int free; /* without any wall: 0, or what cannot be had in a container */
} crimes[] = {
    { "exec", run_program, "execve", EACCES, 0 },
    { "open to read", open_to_read, "openat", EACCES, 0 },
    { "open to write", open_to_write, "openat", EACCES, 0 },
    { "make a file", make_file, "openat", EACCES, 0 },
    { "openat2", open_anew, "openat2", EACCES, 0 },
    { "list the root", list_root, "openat", EACCES, 0 },
    { "remove a file", remove_file, "unlink", EACCES, UNSTOPPED },
    { "make a directory", make_directory, "mkdir", EACCES, UNSTOPPED },
    { "stat", look_at_file, "newfstatat", UNSTOPPED, 0 },
    { "chmod", change_mode, "chmod", UNSTOPPED, 0 },
    { "socket", open_socket, "socket", UNSTOPPED, 0 },
    { "Unix socket", open_unix_socket, "socket", UNSTOPPED, 0 },
    { "connect", connect_tcp, "connect", NEEDS_NET + EACCES, 0 },
    { "connect locally", connect_unix, "connect", NEEDS_SCOPE + EPERM, 0 },
    { "ptrace", trace_parent, "ptrace", EPERM, UNSTOPPED },
    { "read another's memory", read_parent, "process_vm_readv", EPERM, UNSTOPPED },
    { "signal another", signal_parent, "kill", NEEDS_SCOPE + EPERM, 0 },
    { "signal another's thread", signal_thread_of_parent, "tgkill", NEEDS_SCOPE + EPERM, 0 },
    { "fork", make_process, "clone", UNSTOPPED, 0 },
    { "make a sibling", make_sibling, "clone", UNSTOPPED, UNSTOPPED },
    { "fork with clone3", make_process_anew, "clone3", UNSTOPPED, UNSTOPPED },
    { "thread", make_thread, "", UNSTOPPED, 0 },
    { "map code", map_code, "mmap", UNSTOPPED, 0 },
    { "make code", make_code, "mprotect", UNSTOPPED, 0 },
    { "write to the source", write_to_source, "write", EBADF, EBADF },
    { "write to a file", write_to_memory, "write", UNSTOPPED, 0 },
    { "write inside a file", write_inside, "pwrite64", UNSTOPPED, 0 },
    { "cut a file", cut_memory, "ftruncate", UNSTOPPED, 0 },
    { "change the source", change_source, "fchmod", UNSTOPPED, 0 },
    { "name spaces", make_namespace, "unshare", UNSTOPPED, UNSTOPPED },
    { "bpf", load_bpf, "bpf", UNSTOPPED, UNSTOPPED },
    { "io_uring", start_ring, "io_uring_setup", UNSTOPPED, UNSTOPPED },
    { "ignore the wall", handle_signals, "rt_sigaction", UNSTOPPED, 0 },
    { "lift a limit", raise_limit, "prlimit64", UNSTOPPED, UNSTOPPED },
    { "be looked at", become_dumpable, "prctl", UNSTOPPED, 0 },
};

static void each_works_without_walls(void **state)
{
    for (size_t i = 0; i < LENGTH_OF(crimes); i++) {
        if (crimes[i].free == UNSTOPPED)
            continue;
        pid_t pid = fork();
        if (pid == 0)
            _exit(crimes[i].act());
        struct outcome o = { 0 };
        assert_int_equal(waitpid(pid, &o.status, 0), pid);
        check(crimes[i].name, o, crimes[i].free, NULL);
    }
}

static void each_dies_behind_all_walls(void **state)
{
    need(SANDBOX_ALL_WALLS);
    for (size_t i = 0; i < LENGTH_OF(crimes); i++)
        check(crimes[i].name, attempt(SANDBOX_WORKER, ALL, crimes[i].act), DIES, crimes[i].call);
}

static void seccomp_holds_alone(void **state)
{
    need(SANDBOX_SECCOMP);
    for (size_t i = 0; i < LENGTH_OF(crimes); i++)
        check(crimes[i].name, attempt(SANDBOX_WORKER, ONLY_SECCOMP, crimes[i].act), DIES,
              crimes[i].call);
}

static void landlock_holds_alone(void **state)
{
    need(SANDBOX_LANDLOCK);
    int version = landlock_version();
    for (size_t i = 0; i < LENGTH_OF(crimes); i++) {
        int expected = crimes[i].landlock;
        int needs = expected >= NEEDS_SCOPE ? 6 : expected >= NEEDS_NET ? 4 : 1;
        if (expected == UNSTOPPED || version < needs)
            continue;
        expected %= NEEDS_NET;
        check(crimes[i].name, attempt(SANDBOX_WORKER, ONLY_LANDLOCK, crimes[i].act), expected,
              NULL);
    }
}

static void memory_is_limited(void **state)
{
    if (sandbox_is_relaxed())
        skip();
    check("memory", attempt(SANDBOX_WORKER, ALL, take_memory), ENOMEM, NULL);
    check("memory", attempt(SANDBOX_WORKER, ONLY_BOUNDS, take_memory), ENOMEM, NULL);
    check("address space", attempt(SANDBOX_WORKER, ALL, take_address_space), ENOMEM, NULL);
}

static int bounds_are_in_force(void)
{
    static const int zero[] = { RLIMIT_CORE, RLIMIT_NPROC, RLIMIT_MEMLOCK, RLIMIT_FSIZE };
    struct rlimit l;
    for (size_t i = 0; i < LENGTH_OF(zero); i++) {
        if (getrlimit((__rlimit_resource_t)zero[i], &l) < 0 || l.rlim_max != 0)
            return 1;
    }
    if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_max > 64)
        return 2;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
        return 3;
    return has_capabilities() == EPERM ? 0 : 4;
}

static void bounds_hold_alone(void **state)
{
    if (sandbox_is_relaxed())
        skip();
    check("bounds", attempt(SANDBOX_WORKER, ONLY_BOUNDS, bounds_are_in_force), 0, NULL);
}

static int do_honest_work(void)
{
    struct pollfd;
    char *p = malloc(1 << 22);
    if (!p)
        return 1;
    memset(p, 1, 1 << 22);
    p = realloc(p, 1 << 23);
    free(p);
    char bytes[4];
    if (pread(f.read_only, bytes, sizeof bytes, 0) != 4 || lseek(f.read_only, 0, SEEK_END) != 4)
        return 2;
    struct timespec pause = { 0, 1000 };
    if (nanosleep(&pause, NULL) < 0)
        return 3;
    return write(STDERR_FILENO, "log\n", 4) == 4 ? 0 : 4;
}

static void honest_work_is_possible(void **state)
{
    check("work", attempt(SANDBOX_WORKER, ALL, do_honest_work), 0, NULL);
}

static int do_abort(void)
{
    abort();
}

static void an_assertion_dies_of_its_own_signal(void **state)
{
    need(SANDBOX_SECCOMP);
    struct outcome o = attempt(SANDBOX_WORKER, ALL, do_abort);
    assert_true(WIFSIGNALED(o.status));
    assert_int_equal(WTERMSIG(o.status), SIGABRT);
}

static void the_zygote_makes_workers_and_nothing_else(void **state)
{
    need(SANDBOX_ALL_WALLS);
    check("worker", attempt(SANDBOX_ZYGOTE, ALL, make_sibling), 0, NULL);
    check("process", attempt(SANDBOX_ZYGOTE, ALL, make_process), DIES, "clone");
    check("open", attempt(SANDBOX_ZYGOTE, ALL, open_to_read), DIES, "openat");
    check("socket", attempt(SANDBOX_ZYGOTE, ALL, open_socket), DIES, "socket");
    check("exec", attempt(SANDBOX_ZYGOTE, ALL, run_program), DIES, "execve");
}

static void the_fetcher_is_a_client_of_the_network(void **state)
{
    need(SANDBOX_ALL_WALLS);
    static const struct {
        const char *name;
        int (*act)(void);
        int expected;
        const char *call;
    } rows[] = {
        { "names", resolve_name, 0, NULL },
        { "hosts", read_hosts, 0, NULL },
        { "threads", make_thread, 0, NULL },
        { "socket", open_socket, 0, NULL },
        { "connect", connect_tcp, 0, NULL },
        { "exec", run_program, DIES, "execve" },
        { "ptrace", trace_parent, DIES, "ptrace" },
        { "kill", signal_parent, DIES, "kill" },
        { "memory", read_parent, DIES, "process_vm_readv" },
        { "fork", make_process, EPERM, NULL },
        { "media", open_to_read, EACCES, NULL },
        { "write", make_file, EACCES, NULL },
        { "server", listen_tcp, EPERM, NULL },
        { "packets", open_packet_socket, EPERM, NULL },
        { "name spaces", make_namespace, EPERM, NULL },
        { "Unix socket", open_unix_socket, EAFNOSUPPORT, NULL },
        { "Unix socket in disguise", open_disguised_unix_socket, EAFNOSUPPORT, NULL },
        { "pair of streams", pair_streams, 0, NULL },
        { "pair of datagrams", pair_datagrams, EAFNOSUPPORT, NULL },
        { "raw pair", pair_raw, EAFNOSUPPORT, NULL },
        { "terminal", type_into_terminal, EPERM, NULL },
        { "bytes that wait", ask_how_much_waits, 0, NULL },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++)
        check(rows[i].name, attempt(SANDBOX_FETCH, ALL, rows[i].act), rows[i].expected,
              rows[i].call);
}

static void a_voice_client_is_kept_as_the_fetcher_is(void **state)
{
    need(SANDBOX_ALL_WALLS);
    static const struct {
        const char *name;
        int (*act)(void);
        int expected;
        const char *call;
    } rows[] = {
        { "names", resolve_name, 0, NULL },
        { "threads", make_thread, 0, NULL },
        { "socket", open_socket, 0, NULL },
        { "exec", run_program, DIES, "execve" },
        { "ptrace", trace_parent, DIES, "ptrace" },
        { "kill", signal_parent, DIES, "kill" },
        { "media", open_to_read, EACCES, NULL },
        { "write", make_file, EACCES, NULL },
        { "server", listen_tcp, EPERM, NULL },
        { "packets", open_packet_socket, EPERM, NULL },
        { "Unix socket", open_unix_socket, EAFNOSUPPORT, NULL },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++)
        check(rows[i].name, attempt(SANDBOX_VOICE, ALL, rows[i].act), rows[i].expected,
              rows[i].call);
}

static void the_extractor_runs_programs_without_privileges(void **state)
{
    need(SANDBOX_ALL_WALLS);
    static const struct {
        const char *name;
        int (*act)(void);
        int expected;
    } rows[] = {
        { "programs", run_script, 0 },
        { "names", resolve_name, 0 },
        { "threads", make_thread, 0 },
        { "connect", connect_tcp, 0 },
        { "media", open_to_read, EACCES },
        { "write", make_file, EACCES },
        { "ptrace", trace_parent, EPERM },
        { "memory", read_parent, EPERM },
        { "name spaces", make_namespace, EPERM },
        { "bpf", load_bpf, EPERM },
        { "io_uring", start_ring, EPERM },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++)
        check(rows[i].name, attempt(SANDBOX_EXTRACT, ALL, rows[i].act), rows[i].expected, NULL);
    if (landlock_version() >= 6)
        check("kill", attempt(SANDBOX_EXTRACT, ALL, signal_parent), EPERM, NULL);
}

/* The daemon's sockets and those of other services, the end of its run, and other processes. Each
 * works without walls, or else it would prove nothing. */
static void the_extractor_is_kept_from_its_user(void **state)
{
    need(SANDBOX_SECCOMP);
    static const struct {
        const char *name;
        int (*act)(void);
        int expected;
    } rows[] = {
        { "Unix socket", open_unix_socket, EAFNOSUPPORT },
        { "Unix socket in disguise", open_disguised_unix_socket, EAFNOSUPPORT },
        { "pair of streams", pair_streams, 0 },
        { "pair of datagrams", pair_datagrams, EAFNOSUPPORT },
        { "raw pair", pair_raw, EAFNOSUPPORT },
        { "leave the session", leave_session, EPERM },
        { "leave the group", leave_group, EPERM },
        { "limit another", limit_parent, EPERM },
        { "move another", move_parent, EPERM },
        { "reschedule another", reschedule_parent, EPERM },
        { "slow another", slow_parent, EPERM },
        { "slow several", slow_group, EPERM },
        { "limit and slow itself", change_itself, 0 },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(rows[i].act());
        struct outcome o = { 0 };
        assert_int_equal(waitpid(pid, &o.status, 0), pid);
        check(rows[i].name, o, 0, NULL);
        check(rows[i].name, attempt(SANDBOX_EXTRACT, ONLY_SECCOMP, rows[i].act), rows[i].expected,
              NULL);
    }
}

static bool holds(const struct programs *p, const char *path)
{
    for (size_t i = 0; i < p->n_paths; i++) {
        if (strcmp(p->paths[i].path, path) == 0)
            return true;
    }
    return false;
}

static void what_a_program_needs_is_found(void **state)
{
    struct programs p = { .n_paths = 0 };
    programs_add_path(&p, "/opt/x/bin:/users/u/bin:/users/u/.local/bin/::relative:/", "/users/u");
    static const char *const with[] = { "/opt/x/bin", "/opt/x", "/users/u/bin",
                                        "/users/u/.local/bin", "/users/u/.local" };
    static const char *const without[] = { "/", "", "/users/u", "/users", "relative" };
    for (size_t i = 0; i < LENGTH_OF(with); i++)
        ROW_TRUE(with[i], holds(&p, with[i]));
    for (size_t i = 0; i < LENGTH_OF(without); i++)
        ROW_TRUE(without[i], !holds(&p, without[i]));
    programs_done(&p);

    char venv[TEST_DIR_BYTES + 32], script[TEST_DIR_BYTES + 32], text[256];
    (void)snprintf(venv, sizeof venv, "%s/venv", f.dir);
    assert_int_equal(mkdir(venv, 0700), 0);
    (void)snprintf(venv, sizeof venv, "%s/venv/python", f.dir);
    assert_int_equal(symlink("/bin/sh", venv), 0);
    (void)snprintf(script, sizeof script, "%s/script", f.dir);
    int fd = open(script, O_WRONLY | O_CREAT, 0700);
    int len = snprintf(text, sizeof text, "#! %s -E\nexit\n", venv);
    assert_int_equal(write(fd, text, (size_t)len), len);
    (void)close(fd);
    programs_add_program(&p, script, "/users/u");
    char *shell = realpath("/bin/sh", NULL);
    assert_true(holds(&p, script) && holds(&p, venv) && holds(&p, shell));
    free(shell);
    programs_done(&p);
    (void)unlink(script);
    (void)unlink(venv);
    (void)snprintf(venv, sizeof venv, "%s/venv", f.dir);
    (void)rmdir(venv);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, crimes_open, crimes_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_works_without_walls),
        TEST(each_dies_behind_all_walls),
        TEST(seccomp_holds_alone),
        TEST(landlock_holds_alone),
        TEST(memory_is_limited),
        TEST(bounds_hold_alone),
        TEST(honest_work_is_possible),
        TEST(an_assertion_dies_of_its_own_signal),
        TEST(the_zygote_makes_workers_and_nothing_else),
        TEST(the_fetcher_is_a_client_of_the_network),
        TEST(a_voice_client_is_kept_as_the_fetcher_is),
        TEST(the_extractor_runs_programs_without_privileges),
        TEST(the_extractor_is_kept_from_its_user),
        TEST(what_a_program_needs_is_found),
    };
    return cmocka_run_group_tests(tests, crimes_set_up, crimes_tear_down);
}
