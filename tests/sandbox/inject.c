/*
 * inject PID call NAME [ARGUMENT...]   makes a system call in another process, by its hands
 * inject PID spin                      has it run in a circle for ever
 *
 * For attempts inside a real worker, whose walls hold for what a debugger has it do as well.
 * ARGUMENT is a number, or @TEXT for the address of that text in the process's memory. Prints
 * "returned N" or "died of signal N". Exits with 77 where no process may be traced.
 */
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_SKIP = 77, ARGUMENTS_MAX = 6 };

#if defined(__x86_64__)

enum { RED_ZONE_BYTES = 4096, TEXT_BYTES = 256 };

/* syscall; int3 */
#define CODE_CALL 0xcc050fL
/* a jump to itself */
#define CODE_SPIN 0xfeebL

static pid_t target;

static void die(const char *what)
{
    (void)fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(2);
}

static int wait_for_stop(void)
{
    int status;
    if (waitpid(target, &status, __WALL) != target)
        die("waitpid");
    return status;
}

static void attach(void)
{
    if (ptrace(PTRACE_ATTACH, target, NULL, NULL) < 0) {
        int e = errno;
        (void)fprintf(stderr, "cannot trace: %s\n", strerror(e));
        exit(e == EPERM ? EXIT_SKIP : 2);
    }
    int status = wait_for_stop();
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP)
        die("it did not stop");
}

static void poke(unsigned long address, long word)
{
    if (ptrace(PTRACE_POKEDATA, target, (void *)address, (void *)word) < 0)
        die("poke");
}

static void poke_text(unsigned long address, const char *text)
{
    char padded[TEXT_BYTES] = { 0 };
    (void)snprintf(padded, sizeof padded, "%s", text);
    for (size_t i = 0; i < sizeof padded; i += sizeof(long)) {
        long word;
        memcpy(&word, padded + i, sizeof word);
        poke(address + i, word);
    }
}

static void set_arguments(struct user_regs_struct *r, int argc, char **argv)
{
    unsigned long long *at[ARGUMENTS_MAX] = { &r->rdi, &r->rsi, &r->rdx, &r->r10, &r->r8, &r->r9 };
    unsigned long text = r->rsp - RED_ZONE_BYTES;
    for (int i = 0; i < ARGUMENTS_MAX; i++) {
        *at[i] = 0;
        if (i >= argc)
            continue;
        if (argv[i][0] == '@') {
            poke_text(text, argv[i] + 1);
            *at[i] = text;
            text -= TEXT_BYTES;
        } else {
            *at[i] = strtoull(argv[i], NULL, 0);
        }
    }
}

/* Runs what was poked, handing on the signals that it gets, until it traps or dies. */
static int run(void)
{
    int sig = 0;
    for (;;) {
        if (ptrace(PTRACE_CONT, target, NULL, (void *)(intptr_t)sig) < 0)
            die("continue");
        int status = wait_for_stop();
        if (!WIFSTOPPED(status) || WSTOPSIG(status) == SIGTRAP)
            return status;
        sig = WSTOPSIG(status);
    }
}

static int call(const char *name, int argc, char **argv)
{
    struct user_regs_struct saved, r;
    int nr = seccomp_syscall_resolve_name(name);
    if (nr < 0)
        die(name);
    attach();
    if (ptrace(PTRACE_GETREGS, target, NULL, &saved) < 0)
        die("registers");
    r = saved;
    set_arguments(&r, argc, argv);
    r.rax = (unsigned long long)nr;
    r.orig_rax = (unsigned long long)-1;
    errno = 0;
    long code = ptrace(PTRACE_PEEKTEXT, target, (void *)r.rip, NULL);
    if (errno != 0)
        die("peek");
    poke(r.rip, (code & ~0xffffffL) | CODE_CALL);
    if (ptrace(PTRACE_SETREGS, target, NULL, &r) < 0)
        die("registers");
    int status = run();
    if (WIFSIGNALED(status)) {
        printf("died of signal %d\n", WTERMSIG(status));
        return 0;
    }
    if (!WIFSTOPPED(status) || ptrace(PTRACE_GETREGS, target, NULL, &r) < 0)
        die("registers");
    poke(saved.rip, code);
    if (ptrace(PTRACE_SETREGS, target, NULL, &saved) < 0)
        die("registers");
    printf("returned %lld\n", (long long)r.rax);
    return ptrace(PTRACE_DETACH, target, NULL, NULL) < 0 ? 2 : 0;
}

static int spin(void)
{
    struct user_regs_struct r;
    attach();
    if (ptrace(PTRACE_GETREGS, target, NULL, &r) < 0)
        die("registers");
    errno = 0;
    long code = ptrace(PTRACE_PEEKTEXT, target, (void *)r.rip, NULL);
    if (errno != 0)
        die("peek");
    poke(r.rip, (code & ~0xffffL) | CODE_SPIN);
    /* Or else an interrupted call would be made again. */
    r.orig_rax = (unsigned long long)-1;
    if (ptrace(PTRACE_SETREGS, target, NULL, &r) < 0 ||
        ptrace(PTRACE_DETACH, target, NULL, NULL) < 0)
        die("detach");
    return 0;
}

int main(int argc, char **argv)
{
    target = argc > 2 ? (pid_t)atoi(argv[1]) : 0;
    if (target > 0 && strcmp(argv[2], "spin") == 0)
        return spin();
    if (target > 0 && argc > 3 && strcmp(argv[2], "call") == 0)
        return call(argv[3], argc - 4, argv + 4);
    (void)fprintf(stderr, "usage: inject PID call NAME [ARGUMENT...] | inject PID spin\n");
    return 2;
}

#else

int main(void)
{
    return EXIT_SKIP; /* registers of this machine are not known here */
}

#endif
