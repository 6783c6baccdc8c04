/*
 * A tutti-worker that comes to grief where it is told to: the real one, with a few of its calls
 * wrapped. The file `rules` beside the program says of which source (known by its size), when and
 * how; each line is
 *
 *     SIZE WHEN ACTION TIMES
 *
 * WHEN is `open`, or the position [samples at 48 kHz] of the frame that is never put; with a `+`
 * behind it, none from there on is. ACTION is one of those in doom(). TIMES counts over all
 * workers. Every other source is served honestly. Two more files beside the program are numbers of
 * eight bytes: `mutations` counts what hostile workers have done, and `refusals` says how many
 * times the zygote is still to be refused a process.
 */
#include "base/audio.h"
#include "base/fd.h"
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    RULES_MAX = 64,
    AT_OPEN = -1,
    EATEN_AT_ONCE = 16 << 20,
    LIFE_MAX = 400000, /* mutations of one worker */
    BREATH = 64,       /* mutations between two looks at the socket */
};

struct rule {
    int64_t size;
    int64_t when, until;
    char action[16];
    int *times_left; /* shared by all workers */
};

static struct rule rules[RULES_MAX];
static unsigned n_rules;
static uint64_t *n_mutations, *n_refusals;

/* The play that this worker serves or opens ahead, if a rule is about it. */
static struct {
    const struct rule *rule;
    uint32_t play;
} armed[2];

static struct hostile enemy = { .sock = -1 };

int __real_ring_put(struct ring_producer *p, unsigned lane, const struct ring_record *record,
                    const void *bytes);
int __real_ring_producer_init(struct ring_producer *p, int fd, const struct ring_shape *shape);
ssize_t __real_fd_recv(int sock, void *bytes, size_t size, int *fds, size_t max_fds,
                       size_t *ret_n_fds, int flags);
int __wrap_ring_put(struct ring_producer *p, unsigned lane, const struct ring_record *record,
                    const void *bytes);
int __wrap_ring_producer_init(struct ring_producer *p, int fd, const struct ring_shape *shape);
ssize_t __wrap_fd_recv(int sock, void *bytes, size_t size, int *fds, size_t max_fds,
                       size_t *ret_n_fds, int flags);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

static void *map_shared(int fd, size_t size)
{
    int flags = fd >= 0 ? MAP_SHARED : MAP_SHARED | MAP_ANONYMOUS;
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
    return map == MAP_FAILED ? NULL : map;
}

static void read_rules(const char *path)
{
    char when[24];
    int *counters = map_shared(-1, RULES_MAX * sizeof *counters);
    FILE *file = fopen(path, "re");
    if (!file || !counters)
        return;
    long long size;
    while (n_rules < RULES_MAX) {
        struct rule *r = &rules[n_rules];
        r->times_left = &counters[n_rules];
        if (fscanf(file, "%lld %23s %15s %d", &size, when, r->action, r->times_left) != 4)
            break;
        r->size = size;
        r->when = strcmp(when, "open") == 0 ? AT_OPEN : atoll(when);
        r->until = strchr(when, '+') ? INT64_MAX : r->when + AUDIO_FRAME_SAMPLES;
        n_rules++;
    }
    (void)fclose(file);
}

static uint64_t *map_number(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    uint64_t *number = map_shared(fd, sizeof *number);
    (void)close(fd);
    return number;
}

/* Before anything else: later a worker may be confined. */
static void __attribute__((constructor)) begin(void)
{
    char path[PATH_MAX + 16];
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
    if (n <= 0)
        return;
    path[n] = '\0';
    char *name = strrchr(path, '/') + 1;
    (void)strcpy(name, "rules");
    read_rules(path);
    (void)strcpy(name, "mutations");
    n_mutations = map_number(path);
    (void)strcpy(name, "refusals");
    n_refusals = map_number(path);
}

static void eat_memory(void)
{
    char *piece;
    while ((piece = malloc(EATEN_AT_ONCE)) != NULL)
        memset(piece, 1, EATEN_AT_ONCE);
    abort();
}

/* Until the daemon cuts it off. */
static _Noreturn void run_hostile(void)
{
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) < 0 || seed == 0)
        seed = (uint64_t)getpid();
    hostile_begin(&enemy, seed);
    for (unsigned i = 0; i < LIFE_MAX && !enemy.cut_off; i++) {
        hostile_mutate(&enemy);
        if (n_mutations)
            __atomic_fetch_add(n_mutations, 1, __ATOMIC_RELAXED);
        if (i % BREATH != 0)
            continue;
        hostile_hear(&enemy);
        if (hostile_below(&enemy, 8) == 0)
            (void)usleep(hostile_below(&enemy, 2000));
    }
    abort();
}

static void doom(const struct rule *r)
{
    if (__atomic_fetch_sub(r->times_left, 1, __ATOMIC_RELAXED) <= 0)
        return;
    if (strcmp(r->action, "abort") == 0)
        abort();
    else if (strcmp(r->action, "kill") == 0)
        (void)raise(SIGKILL);
    else if (strcmp(r->action, "segv") == 0)
        (void)raise(SIGSEGV);
    else if (strcmp(r->action, "memory") == 0)
        eat_memory();
    else if (strcmp(r->action, "hostile") == 0)
        run_hostile();
    else if (strcmp(r->action, "exit") == 0)
        _exit(0);
    while (strcmp(r->action, "spin") == 0)
        ;
    while (strcmp(r->action, "hang") == 0)
        (void)poll(NULL, 0, -1);
}

static void note_source(const void *bytes, size_t len, int fd)
{
    struct wmsg m;
    if (wmsg_decode(bytes, len, &m) < 0 || (m.type != WMSG_OPEN && m.type != WMSG_NEXT))
        return;
    off_t size = lseek(fd, 0, SEEK_END); /* a confined worker may not stat */
    unsigned slot = m.type == WMSG_NEXT;
    armed[slot].rule = NULL;
    armed[slot].play = m.play;
    for (unsigned i = 0; i < n_rules; i++) {
        if (rules[i].size != size)
            continue;
        enemy.open = m;
        if (rules[i].when == AT_OPEN)
            doom(&rules[i]);
        else
            armed[slot].rule = &rules[i];
    }
}

/* What the kernel says when there may be no more processes. It takes six arguments, whatever the
 * call has. */
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    if (number == SYS_clone && n_refusals && *n_refusals > 0) {
        --*n_refusals;
        errno = EAGAIN;
        return -1;
    }
    return __real_syscall(number, a, b, c, d, e, f);
}

ssize_t __wrap_fd_recv(int sock, void *bytes, size_t size, int *fds, size_t max_fds,
                       size_t *ret_n_fds, int flags)
{
    ssize_t len = __real_fd_recv(sock, bytes, size, fds, max_fds, ret_n_fds, flags);
    if (enemy.ring && len > 0) {
        enemy.sock = sock;
        if (*ret_n_fds == 1)
            note_source(bytes, (size_t)len, fds[0]);
    }
    return len;
}

int __wrap_ring_producer_init(struct ring_producer *p, int fd, const struct ring_shape *shape)
{
    int r = __real_ring_producer_init(p, fd, shape);
    if (r == 0)
        enemy.ring = p;
    return r;
}

int __wrap_ring_put(struct ring_producer *p, unsigned lane, const struct ring_record *record,
                    const void *bytes)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct rule *r = armed[i].rule;
        if (r && record->play == armed[i].play && record->pos >= r->when && record->pos < r->until)
            doom(r);
    }
    return __real_ring_put(p, lane, record, bytes);
}
