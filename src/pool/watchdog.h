/*
 * The watchdog: tells a worker that hangs or burns the processor from one that has nothing to do,
 * waits, or is slow because the machine is busy. Pure: given what a worker shows, twice a second.
 *
 * What counts is progress: frames made and messages sent. Without it
 *   - a worker that ought to make frames and uses no processor time either is stopped or blocked;
 *   - one that uses a lot of it is in a loop, whatever it says that it is doing; the processor time
 *     counts, not ours, so that a worker that starves on a busy machine is given its time;
 *   - one that does neither is given up at last.
 * Checks are counted, not seconds: a daemon or a machine that was stopped has made none meanwhile,
 * and after it workers have half a second to show themselves.
 */
#ifndef TUTTI_POOL_WATCHDOG_H
#define TUTTI_POOL_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { WATCH_INTERVAL_MS = 500 };

/* What a worker shows of itself. Hints only: it may lie, to its own harm. */
struct watch_pulse {
    uint32_t progress; /* changes with every frame and message */
    bool may_rest;     /* it has nothing to do, or waits for room or for its source */
    bool has_begun;    /* a frame has come of what it was last asked for */
};

struct watch_limits {
    unsigned still_checks;  /* without progress and without work */
    unsigned slow_checks;   /* without progress, at work now and then */
    uint64_t loop_ns;       /* [processor time] without progress … */
    uint64_t loop_begin_ns; /* … and before its first frame: it may search a long file */
};

/* The limits for workers that run `slower` times as slow as usual (sanitizers). */
struct watch_limits watch_limits_for(unsigned slower);

/* Of one worker. All zero at first. */
struct watch {
    uint32_t progress;
    bool has_base;
    uint64_t base_ns; /* processor time when progress was last seen … */
    uint64_t last_ns; /* … and at the last check */
    unsigned still;   /* checks in a row */
    unsigned slow;
};

/* Whether the next watch_judge needs the processor time (a system call) or takes 0: a worker that
 * goes on, or rests, is asked for it now and then only. `turn` counts the checks. */
bool watch_wants_time(const struct watch *w, const struct watch_pulse *pulse, unsigned turn);

/* Judges one check. `cpu_ns`: the processor time the worker has used in all, 0 if it was not asked
 * for. Returns NULL, or why the worker is to be ended. */
const char *watch_judge(struct watch *w, const struct watch_pulse *pulse, uint64_t cpu_ns,
                        const struct watch_limits *limits);

/* The processor time that a process which is our child has used. 0 if it cannot be told. Needs no
 * /proc, which shows nothing of processes that are not dumpable. */
uint64_t watch_cpu_ns(pid_t pid);

#endif
