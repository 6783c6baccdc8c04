/*
 * Loaded before libc into a unit test (LD_PRELOAD): one allocation of the project's own code fails.
 *
 * Counted are those that the program itself makes: what libuv, jansson and libc allocate is not
 * ours to check. Of the program's own, those of the test's functions are left out as well.
 *
 *   FAIL_ALLOC_AT      which one fails, from 1; 0 fails none
 *   FAIL_ALLOC_TRACE   a file that gets a line for each up to that one: the caller's offset in the
 *                      program
 *   FAIL_ALLOC_SKIP    "FROM-TO,…", offsets of the test's functions
 *
 * A failed assertion ends the program with 1 at once: what cmocka would run after it is in a state
 * that no test was written for. Signals kill, cmocka would make failed assertions of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define CALLER ((uintptr_t)__builtin_return_address(0))

enum { SKIP_MAX = 1024, EXIT_ASSERTION = 1 };

/* glibc's own, under the names that cannot be taken away from it. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

/* cmocka's; its header is not for those who replace a function of it. */
EXPORT void _fail(const char *file, int line);
EXPORT void _assert_string_equal(const char *a, const char *b, const char *file, int line);

static struct {
    uintptr_t base, text_start, text_end;
    struct {
        uintptr_t from, to;
    } skip[SKIP_MAX];
    size_t n_skip;
    unsigned long at;
    atomic_ulong n;
    int trace;
    pid_t pid;
} f = { .trace = -1 };

/* The first object is the program. */
static int find_text(struct dl_phdr_info *info, size_t size, void *arg)
{
    f.base = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type == PT_LOAD && (p->p_flags & PF_X) != 0) {
            f.text_start = f.base + p->p_vaddr;
            f.text_end = f.text_start + p->p_memsz;
        }
    }
    return 1;
}

static void read_skips(const char *s)
{
    while (s && *s != '\0' && f.n_skip < SKIP_MAX) {
        char *end;
        f.skip[f.n_skip].from = strtoul(s, &end, 16);
        if (*end != '-')
            break;
        f.skip[f.n_skip++].to = strtoul(end + 1, &end, 16);
        s = *end == ',' ? end + 1 : NULL;
    }
}

__attribute__((constructor)) static void start(void)
{
    const char *at = getenv("FAIL_ALLOC_AT"), *trace = getenv("FAIL_ALLOC_TRACE");
    (void)dl_iterate_phdr(find_text, NULL);
    read_skips(getenv("FAIL_ALLOC_SKIP"));
    if (trace)
        f.trace = open(trace, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    f.pid = getpid();
    f.at = at ? strtoul(at, NULL, 10) : 0;
    /* The programs that a test starts have all they ask for. */
    (void)unsetenv("LD_PRELOAD");
}

static bool is_ours(uintptr_t caller)
{
    if (caller < f.text_start || caller >= f.text_end)
        return false;
    for (size_t i = 0; i < f.n_skip; i++)
        if (caller - f.base > f.skip[i].from && caller - f.base <= f.skip[i].to)
            return false;
    return true;
}

static bool fails(uintptr_t caller)
{
    if (!is_ours(caller) || getpid() != f.pid)
        return false;
    unsigned long n = atomic_fetch_add_explicit(&f.n, 1, memory_order_relaxed) + 1;
    if (f.trace >= 0 && (f.at == 0 || n <= f.at))
        (void)dprintf(f.trace, "%lx\n", (unsigned long)(caller - f.base));
    if (n != f.at)
        return false;
    errno = ENOMEM;
    return true;
}

EXPORT void *malloc(size_t size)
{
    return fails(CALLER) ? NULL : __libc_malloc(size);
}

EXPORT void *calloc(size_t n, size_t size)
{
    return fails(CALLER) ? NULL : __libc_calloc(n, size);
}

EXPORT void *realloc(void *old, size_t size)
{
    return fails(CALLER) ? NULL : __libc_realloc(old, size);
}

EXPORT void *reallocarray(void *old, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return fails(CALLER) ? NULL : __libc_realloc(old, bytes);
}

static char *copy_of(const char *s, size_t len)
{
    char *copy = __libc_malloc(len + 1);
    if (copy) {
        memcpy(copy, s, len);
        copy[len] = '\0';
    }
    return copy;
}

EXPORT char *strdup(const char *s)
{
    return fails(CALLER) ? NULL : copy_of(s, strlen(s));
}

EXPORT char *strndup(const char *s, size_t n)
{
    return fails(CALLER) ? NULL : copy_of(s, strnlen(s, n));
}

/* Only cmocka calls this one; the project has sigaction(). */
EXPORT sighandler_t signal(int sig, sighandler_t handler)
{
    return SIG_DFL;
}

EXPORT void _fail(const char *file, int line)
{
    (void)dprintf(STDERR_FILENO, "%s:%d: assertion failed\n", file, line);
    _exit(EXIT_ASSERTION);
}

/* cmocka's own does not expect NULL, which here is just another answer that is not the right one.
 */
EXPORT void _assert_string_equal(const char *a, const char *b, const char *file, int line)
{
    if (!a || !b || strcmp(a, b) != 0)
        _fail(file, line);
}
