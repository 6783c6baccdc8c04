#include "media/fiber.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_TELLS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_TELLS_ASAN 1
#endif
#endif
#ifndef FIBER_TELLS_ASAN
#define FIBER_TELLS_ASAN 0
#endif

#if FIBER_TELLS_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

struct fiber {
    ucontext_t inside;
    ucontext_t outside; /* the caller of fiber_run */
    void *map;          /* the guard page, then the stack */
    size_t map_bytes;
    size_t guard_bytes;
    fiber_fn fn; /* NULL: nothing to do */
    void *arg;
    bool entered; /* in the middle of fn */
    /* the address sanitizer wants to know which stack is which */
    void *fake_stack;
    const void *outer_stack;
    size_t outer_bytes;
};

static char *stack_of(const struct fiber *f)
{
    return (char *)f->map + f->guard_bytes;
}

static size_t stack_bytes_of(const struct fiber *f)
{
    return f->map_bytes - f->guard_bytes;
}

static void before_switch_in(struct fiber *f, void **fake)
{
#if FIBER_TELLS_ASAN
    __sanitizer_start_switch_fiber(fake, stack_of(f), stack_bytes_of(f));
#endif
}

static void after_switch_in(struct fiber *f)
{
#if FIBER_TELLS_ASAN
    __sanitizer_finish_switch_fiber(f->fake_stack, &f->outer_stack, &f->outer_bytes);
#endif
}

static void before_switch_out(struct fiber *f, bool for_good)
{
#if FIBER_TELLS_ASAN
    __sanitizer_start_switch_fiber(for_good ? NULL : &f->fake_stack, f->outer_stack,
                                   f->outer_bytes);
#endif
}

static void after_switch_out(void *fake)
{
#if FIBER_TELLS_ASAN
    __sanitizer_finish_switch_fiber(fake, NULL, NULL);
#endif
}

int fiber_new(size_t stack_bytes, struct fiber **ret)
{
    assert(stack_bytes > 0);
    struct fiber *f = calloc(1, sizeof *f);
    if (!f)
        return -ENOMEM;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    f->guard_bytes = page;
    f->map_bytes = page + (stack_bytes + page - 1) / page * page;
    f->map = mmap(NULL, f->map_bytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (f->map == MAP_FAILED) {
        free(f);
        return -ENOMEM;
    }
    /* What overflows the stack must not find memory. */
    (void)mprotect(f->map, f->guard_bytes, PROT_NONE);
    *ret = f;
    return 0;
}

void fiber_free(struct fiber *f)
{
    assert(!f || !f->fn || !f->entered);
    if (!f)
        return;
    (void)munmap(f->map, f->map_bytes);
    free(f);
}

void fiber_begin(struct fiber *f, fiber_fn fn, void *arg)
{
    assert(fn && !f->fn);
    f->fn = fn;
    f->arg = arg;
    f->entered = false;
}

bool fiber_is_busy(const struct fiber *f)
{
    return f->fn != NULL;
}

/* makecontext passes ints only: the address comes in two halves. */
static void enter(unsigned high, unsigned low)
{
    struct fiber *f = (struct fiber *)(((uintptr_t)high << 16 << 16) | low);
    after_switch_in(f);
    f->fn(f->arg);
    f->fn = NULL;
    before_switch_out(f, true);
    (void)setcontext(&f->outside);
    abort(); /* setcontext does not come back */
}

bool fiber_run(struct fiber *f)
{
    void *fake = NULL;
    if (!f->fn)
        return true;
    if (!f->entered) {
        f->entered = true;
        f->fake_stack = NULL;
        (void)getcontext(&f->inside);
        f->inside.uc_stack.ss_sp = stack_of(f);
        f->inside.uc_stack.ss_size = stack_bytes_of(f);
        f->inside.uc_link = NULL;
        uintptr_t self = (uintptr_t)f;
        makecontext(&f->inside, (void (*)(void))enter, 2, (unsigned)(self >> 16 >> 16),
                    (unsigned)self);
    }
    before_switch_in(f, &fake);
    (void)swapcontext(&f->outside, &f->inside);
    after_switch_out(fake);
    return f->fn == NULL;
}

void fiber_yield(struct fiber *f)
{
    assert(f->fn && f->entered);
    before_switch_out(f, false);
    (void)swapcontext(&f->inside, &f->outside);
    after_switch_in(f);
}
