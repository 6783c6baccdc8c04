#include "sandbox/violation.h"

#include "sandbox/sandbox.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    N_NAMES = 512,
    NAME_BYTES = 24,
    TEXT_BYTES = 96,
    FROM_SECCOMP = 1, /* siginfo's SYS_SECCOMP, which glibc 2.36 does not name */
};

/* Who dies has no memory to ask libseccomp with. The table is filled by the zygote and shared. */
static struct {
    char names[N_NAMES][NAME_BYTES];
    sandbox_report_fn report;
    void *arg;
} last_words;

void sandbox_report_to(sandbox_report_fn report, void *arg)
{
    last_words.report = report;
    last_words.arg = arg;
}

void violation_learn_names(void)
{
    for (int nr = 0; nr < N_NAMES; nr++) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);
        if (name)
            (void)snprintf(last_words.names[nr], NAME_BYTES, "%s", name);
        free(name);
    }
}

/* ---- in the signal handler: nothing that takes a lock or memory ---- */

static char *append(char *at, const char *end, const char *text)
{
    while (*text != '\0' && at + 1 < end)
        *at++ = *text++;
    *at = '\0';
    return at;
}

static char *append_number(char *at, const char *end, unsigned n)
{
    char digits[16];
    char *first = digits + sizeof digits - 1;
    *first = '\0';
    do {
        *--first = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    return append(at, end, first);
}

static void describe(int nr, char text[TEXT_BYTES])
{
    const char *end = text + TEXT_BYTES;
    bool known = nr >= 0 && nr < N_NAMES && last_words.names[nr][0] != '\0';
    char *at = append(text, end, "forbidden system call ");
    at = append(at, end, known ? last_words.names[nr] : "number");
    at = append(at, end, " (");
    at = append_number(at, end, (unsigned)nr);
    (void)append(at, end, ")");
}

static void print(const char *text)
{
    char line[TEXT_BYTES + 64];
    const char *end = line + sizeof line;
    char *at = append(line, end, "tutti: error: sandbox: process ");
    at = append_number(at, end, (unsigned)getpid());
    at = append(at, end, ": ");
    at = append(at, end, text);
    at = append(at, end, "\n");
    (void)!write(STDERR_FILENO, line, (size_t)(at - line));
}

static void on_forbidden(int sig, siginfo_t *info, void *context)
{
    char text[TEXT_BYTES];
    if (info->si_code == FROM_SECCOMP) {
        describe(info->si_syscall, text);
        if (!last_words.report || !last_words.report(text, last_words.arg))
            print(text);
    }
    /* The handler is the default one again, which ends the process. */
    (void)syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), SIGSYS);
    _exit(128 + SIGSYS);
}

int violation_enter(void)
{
    struct sigaction action = {
        .sa_sigaction = on_forbidden,
        .sa_flags = SA_SIGINFO | (int)SA_RESETHAND | SA_NODEFER,
    };
    return sigaction(SIGSYS, &action, NULL) < 0 ? -errno : 0;
}
