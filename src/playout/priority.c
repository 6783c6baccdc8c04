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

const char *priority_raise(void)
{
    const struct sched_param lowest = { .sched_priority = 1 };
    const struct sched_param ordinary = { .sched_priority = 0 };
    if (guard() == 0 && sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &lowest) == 0)
        return "real-time";
    (void)sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &ordinary);
    if (setpriority(PRIO_PROCESS, 0, NICE) == 0)
        return "nice -11";
    return "ordinary";
}
