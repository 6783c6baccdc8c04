/* The system calls of each profile, as a seccomp program. */
#ifndef TUTTI_SANDBOX_FILTER_H
#define TUTTI_SANDBOX_FILTER_H

#include "sandbox/sandbox.h"

#include <linux/filter.h>
#include <stdint.h>

struct filter {
    struct sock_fprog program;
};

/* Returns 0 or negative errno. */
int filter_init(struct filter *f, enum sandbox_profile profile);
void filter_done(struct filter *f);

/* From here on the process makes the profile's system calls only; needs no_new_privs. Returns 0 or
 * negative errno. */
int filter_enter(struct filter *f);

#endif
