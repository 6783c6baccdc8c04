/* What a keeper's test keeps running: the test's own program, which main() hands over to
 * kept_program when there is an argument. */
#ifndef TUTTI_TESTS_KEPT_H
#define TUTTI_TESTS_KEPT_H

#include "base/fd.h"
#include "unit.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { KEPT_CONTROL = 3, KEPT_MESSAGE_MAX = 512, KEPT_LAST_WORDS = 200 };

static inline void kept_say(const char *text)
{
    if (send(KEPT_CONTROL, text, strlen(text), MSG_NOSIGNAL) < 0)
        _exit(1);
}

/* Sends back every message with its descriptor. */
static inline void kept_echo(void)
{
    char bytes[KEPT_MESSAGE_MAX];
    for (;;) {
        int fd;
        size_t n_fds;
        ssize_t len = fd_recv(KEPT_CONTROL, bytes, sizeof bytes, &fd, 1, &n_fds, 0);
        if (len <= 0 || (n_fds > 0 && write(fd, "seen", 4) != 4) ||
            fd_send(KEPT_CONTROL, bytes, (size_t)len, &fd, n_fds, 0) < 0)
            _exit(0);
    }
}

/* Says what it has: its descriptors, each as its number and what it is, then its environment. */
static inline void kept_tell(void)
{
    char text[KEPT_MESSAGE_MAX] = "";
    size_t n = 0;
    struct stat null, s;
    (void)stat("/dev/null", &null);
    for (int fd = 0; fd < 1024; fd++) {
        if (fstat(fd, &s) == 0)
            n += (size_t)snprintf(text + n, sizeof text - n, "%d%s ", fd,
                                  S_ISSOCK(s.st_mode)         ? "socket"
                                  : s.st_rdev == null.st_rdev ? "null"
                                                              : "");
    }
    for (char **e = environ; *e; e++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s ", *e);
    kept_say(text);
}

/* Does what it is told, and does not return but to exit. */
static inline int kept_program(const char *what)
{
    char byte;
    (void)setpgid(0, 0);
    if (strcmp(what, "die") == 0)
        return 3;
    if (strcmp(what, "echo") == 0)
        kept_echo();
    if (strcmp(what, "tell") == 0)
        kept_tell();
    if (strcmp(what, "greet") == 0)
        kept_say("hello");
    if (strcmp(what, "testify") == 0) { /* asked, it says its last words and does not listen */
        struct pollfd p = { .fd = KEPT_CONTROL, .events = POLLIN };
        (void)poll(&p, 1, -1);
        for (unsigned i = 0; i < KEPT_LAST_WORDS; i++)
            kept_say("word");
        return 0;
    }
    if (strcmp(what, "close") == 0)
        (void)close(KEPT_CONTROL);
    if (strcmp(what, "boast") == 0) {
        char bytes[KEPT_MESSAGE_MAX + 1] = { 0 };
        (void)send(KEPT_CONTROL, bytes, sizeof bytes, MSG_NOSIGNAL);
    }
    if (strcmp(what, "deaf") == 0) { /* until it is continued */
        (void)raise(SIGSTOP);
        while (recv(KEPT_CONTROL, &byte, 1, 0) > 0)
            ;
    }
    for (;;)
        (void)pause();
}

#endif
