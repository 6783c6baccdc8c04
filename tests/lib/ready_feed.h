/* A feed that reads a ring which the test fills in place of a worker. */
#ifndef TUTTI_TESTS_READY_FEED_H
#define TUTTI_TESTS_READY_FEED_H

#include "feed/parts.h"

/* NULL without memory. `deps` may be empty as long as no worker is wanted. */
static inline struct feed *ready_feed(const struct feed_ops *ops, void *arg,
                                      const struct feed_deps *deps, const struct segment *from)
{
    struct want want = { .sound = SOUND_PLAIN };
    struct feed *f = feed_new(ops, arg, deps, "/song", &want);
    if (!f)
        return NULL;
    reader_begin(&f->reader, from);
    f->heard = want.sound;
    f->reader.has_begun = true;
    f->state = FEED_READY;
    return f;
}

#endif
