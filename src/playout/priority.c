#include "playout/priority.h"

#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>

enum { SPIN_LIMIT_US = 500 * 1000, SPIN_LIMIT_HARD_US = 5 * 1000 * 1000, NICE = -11 };

/* Only calls that a signal handler may make. */
static void on_spinning(int signum)
{
    const struct sched_param ordinary = { .sched_priority = 0 };
    (void)sched_setscheduler(0, SCHED_OTHER, &ordinary);
}

static int guard(void)
{
    const struct sigaction action = { .sa_handler = on_spinning, .sa_flags = SA_RESTART };
    const struct rlimit limit = { .rlim_cur = SPIN_LIMIT_US, .rlim_max = SPIN_LIMIT_HARD_US };
    if (sigaction(SIGXCPU, &action, NULL) < 0)
        return -1;
    return setrlimit(RLIMIT_RTTIME, &limit);
}

static const char *raise_niceness(void)
{
    const struct sched_param ordinary = { .sched_priority = 0 };
    (void)sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &ordinary);
    return setpriority(PRIO_PROCESS, 0, NICE) == 0 ? "nice -11" : "ordinary";
}

const char *priority_raise(void)
{
    const struct sched_param lowest = { .sched_priority = 1 };
    if (guard() == 0 && sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &lowest) == 0)
        return "real-time";
    return raise_niceness();
}

const char *priority_lend(void)
{
    const struct sched_param lowest = { .sched_priority = 1 };
    if (guard() == 0 && sched_setscheduler(0, SCHED_FIFO, &lowest) == 0)
        return "real-time";
    return setpriority(PRIO_PROCESS, 0, NICE) == 0 ? "nice -11" : "ordinary";
}

void priority_give_back(void)
{
    const struct sched_param ordinary = { .sched_priority = 0 };
    (void)sched_setscheduler(0, SCHED_OTHER, &ordinary);
    (void)setpriority(PRIO_PROCESS, 0, 0);
}

static void on_work(uv_work_t *work)
{
}

static void on_done(uv_work_t *work, int status)
{
}

const char *priority_raise_loop(uv_loop_t *loop)
{
    static uv_work_t work;
    const struct sched_param lowest = { .sched_priority = 1 };
    if (guard() < 0 || sched_setscheduler(0, SCHED_FIFO, &lowest) < 0)
        return raise_niceness();
    /* The first piece of work makes the helpers, which take over the maker's precedence. */
    (void)uv_queue_work(loop, &work, on_work, on_done);
    return priority_raise();
}
