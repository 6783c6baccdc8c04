/* Where the daemon's own programs and data are: beside it in a build, else where they were
 * installed. */
#ifndef TUTTI_CONFIG_BESIDE_H
#define TUTTI_CONFIG_BESIDE_H

#include <limits.h>

/* Looks for `name`, which must be accessible by `mode` (R_OK, X_OK), in the directory of the
 * running program, then in `installed`. Returns 0, or -ENOENT with the installed path in ret_path.
 */
int beside_find(const char *installed, const char *name, int mode, char ret_path[PATH_MAX]);

#endif
