/* What a process gives up that needs no wall: memory without end, privileges, being looked at. */
#ifndef TUTTI_SANDBOX_BOUNDS_H
#define TUTTI_SANDBOX_BOUNDS_H

#include "sandbox/sandbox.h"

/* No privileges any more, none to be had by exec, no core dump, and the profile's limits. Returns 0
 * or negative errno. */
int bounds_enter(enum sandbox_profile profile);

#endif
