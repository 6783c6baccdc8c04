/* Landlock, by its system calls: what a process may open, connect to and signal. */
#ifndef TUTTI_SANDBOX_LANDLOCK_H
#define TUTTI_SANDBOX_LANDLOCK_H

#include "sandbox/sandbox.h"

/* The version that the kernel speaks, 0 if none. */
int landlock_version(void);

/* Makes a set of rules that forbids everything this kernel's Landlock knows of, but for what the
 * profile and `paths` grant. Returns its descriptor or negative errno. */
int landlock_new(enum sandbox_profile profile, const struct sandbox_path *paths, size_t n_paths);

/* Puts the calling process behind it; needs no_new_privs. Returns 0 or negative errno. */
int landlock_enter(int fd);

#endif
