/*
 * Cleanup attributes: a local that owns something frees it on every way out of its block.
 * Ownership is handed over with TAKE_PTR or TAKE_FD, which leave the local empty.
 */
#ifndef TUTTI_BASE_CLEANUP_H
#define TUTTI_BASE_CLEANUP_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))

static inline void cleanup_free(void *p)
{
    free(*(void **)p);
}

/* Closes when open; keeps errno, so that it may stand between a failure and its report. */
static inline void cleanup_fd(const int *fd)
{
    if (*fd >= 0) {
        int saved = errno;
        (void)close(*fd);
        errno = saved;
    }
}

#define AUTO_FREE CLEANUP(cleanup_free)
#define AUTO_FD CLEANUP(cleanup_fd)

#define TAKE_PTR(p) \
    __extension__({ \
        __typeof__(p) taken_ = (p); \
        (p) = NULL; \
        taken_; \
    })

#define TAKE_FD(fd) \
    __extension__({ \
        int taken_ = (fd); \
        (fd) = -1; \
        taken_; \
    })

#endif
