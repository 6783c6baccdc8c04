#include "pool/watchdog.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <assert.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    STILL_MS = 3000,
    SLOW_MS = 30000,
    ANSWER_MS = 5000,
    LOOP_S = 2,
    LOOP_BEGIN_S = 10,
    AT_WORK_NS = 1000 * 1000, /* in an interval */
    RESTING_TURNS = 4,        /* one that rests is asked for its time at every fourth check */
    STAT_BYTES = 256,         /* of /proc/PID/stat: its state comes early */
};

struct watch_limits watch_limits_for(enum watch_task task, unsigned slower)
{
    assert(task < WATCH_TASK_COUNT && slower > 0);
    bool is_play = task == WATCH_PLAY;
    return (struct watch_limits){
        .still_checks = slower * (is_play ? STILL_MS : ANSWER_MS) / WATCH_INTERVAL_MS,
        .slow_checks = slower * (is_play ? SLOW_MS : ANSWER_MS) / WATCH_INTERVAL_MS,
        .loop_ns = slower * LOOP_S * NS_PER_S,
        .loop_begin_ns = slower * (is_play ? LOOP_BEGIN_S : LOOP_S) * NS_PER_S,
    };
}

static bool has_gone_on(const struct watch *w, const struct watch_pulse *pulse)
{
    return pulse->task != w->task || pulse->progress != w->progress;
}

bool watch_wants_time(const struct watch *w, const struct watch_pulse *pulse, unsigned turn)
{
    if (has_gone_on(w, pulse))
        return false;
    return !pulse->may_rest || turn % RESTING_TURNS == 0;
}

/* Time that was given at all shows a process that is not blocked; where the kernel says more, one
 * that merely wakes up now and then is told from one that starves. */
static bool is_at_work(const struct watch_time *time, uint64_t given_ns)
{
    uint64_t enough_ns = time->queue == WATCH_QUEUE_UNKNOWN ? 1 : AT_WORK_NS;
    return time->queue == WATCH_ON_QUEUE || given_ns >= enough_ns;
}

static const char *judge_time(struct watch *w, bool has_begun, const struct watch_time *time,
                              const struct watch_limits *limits)
{
    if (!w->has_base || time->cpu_ns < w->last_ns) {
        w->has_base = true;
        w->base_ns = w->last_ns = time->cpu_ns;
    }
    if (is_at_work(time, time->cpu_ns - w->last_ns))
        w->still = 0;
    w->last_ns = time->cpu_ns;
    uint64_t limit_ns = has_begun ? limits->loop_ns : limits->loop_begin_ns;
    /* A frame takes a thousandth of that. On a busy machine the listener must not wait for more. */
    if (has_begun && w->checks >= limits->still_checks)
        limit_ns = limits->loop_ns / 4;
    return time->cpu_ns - w->base_ns > limit_ns ? "it works without end and makes no frames" : NULL;
}

const char *watch_judge(struct watch *w, const struct watch_pulse *pulse,
                        const struct watch_time *time, const struct watch_limits *limits)
{
    assert(pulse->task < WATCH_TASK_COUNT);
    if (has_gone_on(w, pulse)) {
        *w = (struct watch){ .task = pulse->task, .progress = pulse->progress };
        return NULL;
    }
    w->checks++;
    w->still++;
    if (time->queue != WATCH_ON_QUEUE)
        w->slow++;
    const char *why = time->cpu_ns > 0 ? judge_time(w, pulse->has_begun, time, limits) : NULL;
    if (pulse->may_rest)
        w->checks = w->still = w->slow = 0;
    if (!why && w->still >= limits->still_checks)
        why = "it hangs: it neither works nor makes frames";
    if (!why && w->slow >= limits->slow_checks)
        why = "it has made no frame for too long";
    return why;
}

static uint64_t ask_cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
        return 0;
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* The state stands behind the name, which may hold any character. */
static enum watch_queue ask_queue(pid_t pid)
{
    assert(pid > 0);
    char text[STAT_BYTES + 1];
    (void)snprintf(text, sizeof text, "/proc/%d/stat", (int)pid);
    AUTO_FD int fd = open(text, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, text, STAT_BYTES) : -1;
    if (len <= 0)
        return WATCH_QUEUE_UNKNOWN;
    text[len] = '\0';
    const char *name_end = strrchr(text, ')');
    if (!name_end || name_end[1] != ' ')
        return WATCH_QUEUE_UNKNOWN;
    return name_end[2] == 'R' ? WATCH_ON_QUEUE : WATCH_OFF_QUEUE;
}

struct watch_time watch_ask(pid_t pid)
{
    return (struct watch_time){ .cpu_ns = ask_cpu_ns(pid), .queue = ask_queue(pid) };
}
