/* Which system calls each profile may make: tables, and what is asked of their arguments. */
#ifndef TUTTI_SANDBOX_CALLS_H
#define TUTTI_SANDBOX_CALLS_H

#include "sandbox/sandbox.h"

#include <seccomp.h>
#include <stdint.h>

/* A condition on the arguments, without which a call counts as not listed. */
enum call_only {
    ONLY_ANY,
    ONLY_STDERR,      /* the descriptor is standard error */
    ONLY_NOT_EXEC,    /* memory that is mapped is no code */
    ONLY_OWN_PID,     /* aimed at the process itself */
    ONLY_SELF,        /* the pid is 0 */
    ONLY_NO_ADDRESS,  /* sent to whom the socket is connected to */
    ONLY_NO_FROM,     /* the sender's address is not asked for */
    ONLY_FORK_WORKER, /* the flags by which the zygote makes a worker */
    ONLY_THREAD,      /* a thread, not a process */
    ONLY_NEW_USER,    /* a process that is root in a name space of its own */
    ONLY_ANOTHER,     /* the pid is not 0 */
    ONLY_ANOTHERS_PRECEDENCE,
    ONLY_SEVERAL, /* the precedence of a group's or a user's processes */
    ONLY_UNIX,    /* a socket of this family */
    ONLY_UNIX_DATAGRAMS,
    ONLY_UNIX_RAW,
    ONLY_UNIX_CONNECTED, /* a pair of any other type: nothing can be sent elsewhere */
    ONLY_INET,
    ONLY_INET6,
    ONLY_NETLINK_ROUTE,
    ONLY_NAME,         /* prctl that names the thread */
    ONLY_TTY_INPUT,    /* ioctl that types into the terminal … */
    ONLY_SOCKET_IOCTL, /* … of a socket's address and interface … */
    ONLY_NONBLOCK,     /* … FIONBIO, FIONREAD, FIOCLEX */
    ONLY_UNREAD,
    ONLY_CLOEXEC,
};

enum { CALL_CONDITIONS_MAX = 2 };

/* Stands in a filter for the pid of the process that will enter it. */
#define CALLS_PID_PLACEHOLDER 0x5e1f91d5u

struct call {
    int nr; /* negative: not on this machine */
    enum call_only only;
};

struct calls {
    const struct call *call;
    size_t n;
};

/* Writes the condition as libseccomp wants it; returns the number of comparisons. */
unsigned calls_condition(enum call_only only, struct scmp_arg_cmp ret[CALL_CONDITIONS_MAX]);

/* The action for calls that are in no list. */
uint32_t calls_default(enum sandbox_profile profile);

/* The lists of a profile; each returns false when there is none (more). */
bool calls_allowed(enum sandbox_profile profile, unsigned i, struct calls *ret);
bool calls_refused(enum sandbox_profile profile, struct calls *ret);   /* EPERM */
bool calls_no_family(enum sandbox_profile profile, struct calls *ret); /* EAFNOSUPPORT */
bool calls_missing(enum sandbox_profile profile, struct calls *ret);   /* ENOSYS */
bool calls_deadly(enum sandbox_profile profile, struct calls *ret);    /* where others are not */

#endif
