/*
 * What is logged about commands and lines of clients that are wrong or fail. A client can send a
 * hundred thousand of them a second, and must not fill a disk with it: beyond a burst only one line
 * a second is logged, and how many were left out.
 */
#ifndef TUTTI_BASE_COMPLAINTS_H
#define TUTTI_BASE_COMPLAINTS_H

#include "base/bucket.h"
#include "base/log.h"

enum {
    COMPLAINTS_BURST = 100,
    COMPLAINT_MS = 1000,
};

/* Embedded in what deals with clients; zeroed, it is ready. */
struct complaints {
    struct bucket bucket;
    uint64_t n_left_out; /* since the last line */
};

/* As log_line. */
void complaints_log(struct complaints *c, enum log_level level, const char *topic, const char *fmt,
                    ...) __attribute__((format(printf, 4, 5)));

#endif
