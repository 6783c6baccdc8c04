#include "sandbox/filter.h"

#include "base/cleanup.h"
#include "sandbox/calls.h"

#include <assert.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int add_call(scmp_filter_ctx ctx, const struct call *c, uint32_t action)
{
    assert(c->only <= ONLY_CLOEXEC);
    if (c->nr < 0) /* this machine has no such call */
        return 0;
    struct scmp_arg_cmp cmp[CALL_CONDITIONS_MAX];
    unsigned n = calls_condition(c->only, cmp);
    int r = seccomp_rule_add_array(ctx, action, c->nr, n, n > 0 ? cmp : NULL);
    return r == -EACCES ? 0 : r; /* the same as happens to calls without a rule */
}

static int add_calls(scmp_filter_ctx ctx, const struct calls *list, uint32_t action)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < list->n; i++)
        r = add_call(ctx, &list->call[i], action);
    return r;
}

static int fill(scmp_filter_ctx ctx, enum sandbox_profile profile)
{
    struct calls list;
    int r = 0;
    /* Another architecture's calls have other numbers. */
    (void)seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    /* A tree instead of a list: a filter may be run at every call. */
    (void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    for (unsigned i = 0; r == 0 && calls_allowed(profile, i, &list); i++)
        r = add_calls(ctx, &list, SCMP_ACT_ALLOW);
    if (r == 0 && calls_refused(profile, &list))
        r = add_calls(ctx, &list, SCMP_ACT_ERRNO(EPERM));
    if (r == 0 && calls_no_family(profile, &list))
        r = add_calls(ctx, &list, SCMP_ACT_ERRNO(EAFNOSUPPORT));
    if (r == 0 && calls_missing(profile, &list))
        r = add_calls(ctx, &list, SCMP_ACT_ERRNO(ENOSYS));
    if (r == 0 && calls_deadly(profile, &list))
        r = add_calls(ctx, &list, SCMP_ACT_TRAP);
    return r;
}

/* libseccomp writes its program into a descriptor only. */
static int export(scmp_filter_ctx ctx, struct filter *f)
{
    AUTO_FD int fd = memfd_create("seccomp", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = seccomp_export_bpf(ctx, fd);
    if (r < 0)
        return r;
    off_t size = lseek(fd, 0, SEEK_END);
    size_t n = (size_t)size / sizeof(struct sock_filter);
    if (size <= 0 || n > UINT16_MAX)
        return -E2BIG;
    AUTO_FREE struct sock_filter *code = malloc((size_t)size);
    if (!code)
        return -ENOMEM;
    if (pread(fd, code, (size_t)size, 0) != (ssize_t)size)
        return -EIO;
    f->program.len = (unsigned short)n;
    f->program.filter = TAKE_PTR(code);
    return 0;
}

int filter_init(struct filter *f, enum sandbox_profile profile)
{
    *f = (struct filter){ 0 };
    scmp_filter_ctx ctx = seccomp_init(calls_default(profile));
    if (!ctx)
        return -ENOMEM;
    int r = fill(ctx, profile);
    if (r == 0)
        r = export(ctx, f);
    seccomp_release(ctx);
    return r;
}

void filter_done(struct filter *f)
{
    free(f->program.filter);
    f->program.filter = NULL;
}

/* The program was made in another process, before the pid of this one was known. */
static void fill_in_pid(struct filter *f)
{
    for (unsigned i = 0; i < f->program.len; i++) {
        struct sock_filter *in = &f->program.filter[i];
        if (BPF_CLASS(in->code) == BPF_JMP && in->k == CALLS_PID_PLACEHOLDER)
            in->k = (uint32_t)getpid();
    }
}

int filter_enter(struct filter *f)
{
    assert(f->program.filter && f->program.len > 0);
    fill_in_pid(f);
    /* Without SPEC_ALLOW older kernels slow the whole process down to keep secrets from it that are
     * in its own memory; there are none. */
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &f->program) <
        0)
        return -errno;
    return 0;
}
