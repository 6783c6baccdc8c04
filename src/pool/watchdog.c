#include "pool/watchdog.h"

#include "base/clock.h"

#include <stddef.h>
#include <time.h>

enum {
    STILL_MS = 3000,
    SLOW_MS = 30000,
    LOOP_S = 2,
    LOOP_BEGIN_S = 10,
    AT_WORK_NS = 1000 * 1000, /* in an interval: a starving process gets more */
    RESTING_TURNS = 4,        /* one that rests is asked for its time at every fourth check */
};

struct watch_limits watch_limits_for(unsigned slower)
{
    return (struct watch_limits){
        .still_checks = slower * STILL_MS / WATCH_INTERVAL_MS,
        .slow_checks = slower * SLOW_MS / WATCH_INTERVAL_MS,
        .loop_ns = slower * LOOP_S * NS_PER_S,
        .loop_begin_ns = slower * LOOP_BEGIN_S * NS_PER_S,
    };
}

bool watch_wants_time(const struct watch *w, const struct watch_pulse *pulse, unsigned turn)
{
    if (pulse->progress != w->progress)
        return false;
    return !pulse->may_rest || turn % RESTING_TURNS == 0;
}

static const char *judge_time(struct watch *w, bool has_begun, uint64_t cpu_ns,
                              const struct watch_limits *limits)
{
    if (!w->has_base || cpu_ns < w->last_ns) {
        w->has_base = true;
        w->base_ns = cpu_ns;
    } else if (cpu_ns - w->last_ns >= AT_WORK_NS) {
        w->still = 0;
    }
    w->last_ns = cpu_ns;
    uint64_t limit_ns = has_begun ? limits->loop_ns : limits->loop_begin_ns;
    /* A frame takes a thousandth of that. On a busy machine the listener must not wait for more. */
    if (has_begun && w->slow >= limits->still_checks)
        limit_ns = limits->loop_ns / 4;
    return cpu_ns - w->base_ns > limit_ns ? "it works without end and makes no frames" : NULL;
}

const char *watch_judge(struct watch *w, const struct watch_pulse *pulse, uint64_t cpu_ns,
                        const struct watch_limits *limits)
{
    if (pulse->progress != w->progress) {
        *w = (struct watch){ .progress = pulse->progress };
        return NULL;
    }
    w->still++;
    w->slow++;
    const char *why = cpu_ns > 0 ? judge_time(w, pulse->has_begun, cpu_ns, limits) : NULL;
    if (pulse->may_rest)
        w->still = w->slow = 0;
    if (!why && w->still >= limits->still_checks)
        why = "it hangs: it neither works nor makes frames";
    if (!why && w->slow >= limits->slow_checks)
        why = "it has made no frame for too long";
    return why;
}

uint64_t watch_cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
        return 0;
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}
