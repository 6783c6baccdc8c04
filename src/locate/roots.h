/* The media roots: where local files may be. A path is opened beneath one of them by the kernel's
 * own rules (openat2, RESOLVE_BENEATH), so that neither ".." nor a symbolic link leads out. */
#ifndef TUTTI_LOCATE_ROOTS_H
#define TUTTI_LOCATE_ROOTS_H

#include "base/errors.h"

#include <stddef.h>

struct roots;

enum { ROOTS_ERROR_MAX = 256 };

/* Opens every directory of dirs[0..n). One that is not there yet is no error: it is looked for
 * again with every file below it. Returns 0, or negative errno with the culprit's index in
 * *ret_bad. */
int roots_new(const char *const *dirs, size_t n, struct roots **ret_roots, size_t *ret_bad);
void roots_free(struct roots *r);

/* Why the root dirs[i] was not there: an errno, or 0 where it was. */
int roots_missing(const struct roots *r, size_t i);

size_t roots_count(const struct roots *r);

/* Opens the regular file at the absolute `path` for reading, without waiting for anything but the
 * file system: call it off the event loop. Any thread. Returns TUTTI_OK and the descriptor, or the
 * error for the client with a sentence in ret_why. */
enum tutti_error roots_open(const struct roots *r, const char *path, int *ret_fd,
                            char ret_why[ROOTS_ERROR_MAX]);

#endif
