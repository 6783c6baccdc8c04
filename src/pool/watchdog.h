/*
 * The watchdog: tells a worker that hangs or burns the processor from one that has nothing to do,
 * waits, or is slow because the machine is busy. Pure: given what a worker shows, twice a second.
 *
 * What counts is progress: frames made and messages sent. Without it
 *   - a worker that ought to make frames, uses no processor time and does not ask for any is
 *     stopped or blocked;
 *   - one that uses a lot of it is in a loop, whatever it says that it is doing;
 *   - one that neither works nor waits for a processor is given up at last.
 * A worker that waits for a processor is judged by the time that it was given alone: where it
 * starves, another one in its place would starve as well.
 * Checks are counted, not seconds: a daemon or a machine that was stopped has made none meanwhile,
 * and after it workers have half a second to show themselves.
 */
#ifndef TUTTI_POOL_WATCHDOG_H
#define TUTTI_POOL_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { WATCH_INTERVAL_MS = 500 };

enum watch_task {
    WATCH_PLAY,   /* it makes frames */
    WATCH_ANSWER, /* it was asked for something small: to close a play, to make a worker */
    WATCH_TASK_COUNT
};

/* What a worker shows of itself. Hints only: it may lie, to its own harm. */
struct watch_pulse {
    enum watch_task task;
    uint32_t progress; /* changes with every frame and message */
    bool may_rest;     /* it has nothing to do, or waits for room or for its source */
    bool has_begun;    /* a frame has come of what it was last asked for */
};

/* Where the kernel has a process. */
enum watch_queue {
    WATCH_QUEUE_UNKNOWN, /* not asked, or /proc does not show it */
    WATCH_OFF_QUEUE,     /* it sleeps, is blocked, or was stopped */
    WATCH_ON_QUEUE,      /* it runs, or waits for a processor */
};

/* What the kernel says of a process. */
struct watch_time {
    uint64_t cpu_ns; /* the processor time that it has used in all; 0: not asked, or not known */
    enum watch_queue queue;
};

struct watch_limits {
    unsigned still_checks;  /* without progress and without work */
    unsigned slow_checks;   /* without progress, at work now and then */
    uint64_t loop_ns;       /* [processor time] without progress … */
    uint64_t loop_begin_ns; /* … and before its first frame: it may search a long file */
};

/* The limits for processes that run `slower` times as slow as usual (sanitizers). */
struct watch_limits watch_limits_for(enum watch_task task, unsigned slower);

/* Of one process. All zero at first. */
struct watch {
    enum watch_task task;
    uint32_t progress;
    bool has_base;
    uint64_t base_ns; /* processor time when progress was last seen … */
    uint64_t last_ns; /* … and at the last check */
    unsigned checks;  /* in a row: without progress … */
    unsigned slow;    /* … of these, while it did not wait for a processor … */
    unsigned still;   /* … and did not work either */
};

/* Whether the next watch_judge needs the time (a system call or four) or takes all zero: a process
 * that goes on, or rests, is asked for it now and then only. `turn` counts the checks. */
bool watch_wants_time(const struct watch *w, const struct watch_pulse *pulse, unsigned turn);

/* Judges one check by the limits of the pulse's task. Returns NULL, or why the process is to be
 * ended. */
const char *watch_judge(struct watch *w, const struct watch_pulse *pulse,
                        const struct watch_time *time, const struct watch_limits *limits);

/* The time of a process that is our child. Where /proc hides what is not dumpable (hidepid,
 * ProtectProc=), the queue remains unknown; then a process counts as at work that was given any
 * time at all. */
struct watch_time watch_ask(pid_t pid);

#endif
