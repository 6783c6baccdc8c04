#include "cli/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };

/* Without SIGHUP where it is ignored: that is how nohup(1) asks to stay. */
static sigset_t signals_set(void)
{
    sigset_t set;
    struct sigaction was;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        bool stay =
            numbers[i] == SIGHUP && sigaction(SIGHUP, NULL, &was) == 0 && was.sa_handler == SIG_IGN;
        if (!stay)
            (void)sigaddset(&set, numbers[i]);
    }
    return set;
}

int signals_open(void)
{
    sigset_t set = signals_set();
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || sigaction(SIGPIPE, &ignore, NULL) < 0)
        return -errno;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int signals_take(int fd)
{
    struct signalfd_siginfo info;
    ssize_t n = read(fd, &info, sizeof info);
    return n == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

void signals_reset(void)
{
    sigset_t none;
    struct sigaction usual = { .sa_handler = SIG_DFL };
    (void)sigemptyset(&none);
    (void)sigaction(SIGPIPE, &usual, NULL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

void signals_die(int number)
{
    struct sigaction usual = { .sa_handler = SIG_DFL };
    (void)sigaction(number, &usual, NULL);
    (void)raise(number);
    signals_reset(); /* the raised signal is delivered here */
}
