/*
 * The locator finds the source behind a URL: it answers with a descriptor that a worker can read.
 * Local files are opened on libuv's thread pool, so that a slow disk holds nobody up.
 */
#ifndef TUTTI_EXTRACT_LOCATOR_H
#define TUTTI_EXTRACT_LOCATOR_H

#include "base/errors.h"
#include "extract/roots.h"

#include <uv.h>

struct locator;
struct locate_request;

enum { LOCATE_WHY_MAX = ROOTS_ERROR_MAX };

/* TUTTI_OK and a descriptor, which is the callee's from now on; or an error and a sentence. */
typedef void (*locate_fn)(enum tutti_error error, const char *why, int fd, void *arg);

/* `roots` stays the caller's and must outlive the locator. NULL without memory. */
struct locator *locator_new(uv_loop_t *loop, const struct roots *roots);

/* Every request must have been answered or cancelled. Work that is still on the thread pool keeps
 * the loop alive until it is done. */
void locator_free(struct locator *l);

/* Starts to look for `url`. Returns TUTTI_OK: `fn` is called later, never from inside this call,
 * unless the request is cancelled before. Or refuses at once with an error and a sentence in
 * ret_why. */
enum tutti_error locator_start(struct locator *l, const char *url, locate_fn fn, void *arg,
                               struct locate_request **ret_request, char ret_why[LOCATE_WHY_MAX]);

/* Forgets the request: `fn` is not called. */
void locator_cancel(struct locate_request *request);

#endif
