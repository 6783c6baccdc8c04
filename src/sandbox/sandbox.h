/*
 * Walls around a process, put up by the process itself and never taken down again.
 *
 *   seccomp   a list of the system calls it may make; the second column says what becomes of others
 *   Landlock  what it may open and whom it may signal; holds whatever seccomp lets through
 *   limits    memory, descriptors, file size, core dumps; all privileges given up, no new ones
 *
 *   profile  other system calls         files                            network
 *   ZYGOTE   death, with a reason       none                             none
 *   WORKER   death, with a reason       none                             none
 *   FETCH    EPERM; exec and the like:  read: certificates, what name    clients only; no Unix
 *            death, with a reason       resolution needs                 sockets but pairs
 *   VOICE    as FETCH                   as FETCH                         as FETCH; UDP as well
 *   EXTRACT  allowed, but for those     read and run: programs; write:   any, but no Unix
 *            that administer a machine, what the caller names            sockets but pairs
 *            leave the process group or
 *            touch other processes
 *
 * seccomp and Landlock each hold alone, and are left out where the kernel lacks them. A build with
 * a sanitizer, whose runtime reads /proc and starts helpers, has neither, and no memory limits.
 *
 * A process with threads is not confined as a whole: enter before the first is made. An exec keeps
 * the walls, but not the report of a violation.
 */
#ifndef TUTTI_SANDBOX_SANDBOX_H
#define TUTTI_SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

enum sandbox_profile {
    SANDBOX_ZYGOTE,  /* only what forking workers takes, and what these do to themselves */
    SANDBOX_WORKER,  /* parses media: memory, and the descriptors it was handed */
    SANDBOX_FETCH,   /* HTTP client: sockets, threads for name resolution, no programs */
    SANDBOX_VOICE,   /* voice client: sockets, and a thread with precedence */
    SANDBOX_EXTRACT, /* runs yt-dlp: any program, but no privileges and few files */
};

enum sandbox_wall {
    SANDBOX_SECCOMP = 1 << 0,
    SANDBOX_LANDLOCK = 1 << 1,
    SANDBOX_ALL_WALLS = SANDBOX_SECCOMP | SANDBOX_LANDLOCK,
};

/* A file or directory (with all below it) that EXTRACT, FETCH or VOICE may use besides its own.
 * Missing ones are passed over. */
struct sandbox_path {
    const char *path;
    bool writable;
};

/* The walls (bits of sandbox_wall) that this kernel and this build can put up. Any process may
 * ask. */
unsigned sandbox_walls(void);

/* The name of a wall, for people: "seccomp" or "Landlock". */
const char *sandbox_wall_name(enum sandbox_wall wall);

/* Why walls may be missing: "a build with a sanitizer", or what to look for in the kernel. */
const char *sandbox_why_missing(void);

struct sandbox;

/* Works out the walls, so that entering them later takes a few system calls and no memory: the
 * zygote prepares what its workers enter. It holds one descriptor. Returns 0 or negative errno. */
int sandbox_new(enum sandbox_profile profile, const struct sandbox_path *paths, size_t n_paths,
                struct sandbox **ret_sandbox);
void sandbox_free(struct sandbox *s);

/* Puts the calling process behind the walls that sandbox_walls() names, and closes the descriptor
 * that `s` holds. Returns 0 or negative errno: the process then stands behind a part of them and
 * must end. Profiles nest: what the zygote may not do, its workers may not. */
int sandbox_enter(struct sandbox *s);

/* sandbox_new, sandbox_enter and sandbox_free in one. */
int sandbox_confine(enum sandbox_profile profile, const struct sandbox_path *paths, size_t n_paths);

/* The same for a client of the network, with the certificates that SSL_CERT_FILE and SSL_CERT_DIR
 * name besides the system's. */
int sandbox_confine_client(enum sandbox_profile profile);

/* Tells of the system call that is about to end the process: `what` reads, for example, "forbidden
 * system call openat (257)". Called from a signal handler. Returns false if it could not. */
typedef bool (*sandbox_report_fn)(const char *what, void *arg);

/* Who is told of a violation in this process; without one, or when that fails, a line goes to
 * standard error. The process dies of SIGSYS in any case. */
void sandbox_report_to(sandbox_report_fn report, void *arg);

#endif
