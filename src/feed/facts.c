/* What there is to know about a feed. */
#include "feed/parts.h"

#include "base/clock.h"

enum feed_state feed_state(const struct feed *f)
{
    return f->state;
}

bool feed_is_remote(const struct feed *f)
{
    return f->source.remote != NULL;
}

const struct want *feed_want(const struct feed *f)
{
    return &f->want;
}

const struct feed_facts *feed_facts(const struct feed *f)
{
    return &f->facts;
}

const char *feed_url(const struct feed *f)
{
    return f->source.url;
}

struct ordinal feed_taken(const struct feed *f)
{
    return f->reader.taken;
}

struct place feed_place(const struct feed *f)
{
    return f->reader.place;
}

int64_t feed_buffered(const struct feed *f)
{
    return feed_is_ready(f) ? place_samples_of(reader_fill(&f->reader)) : 0;
}

int64_t feed_lag(const struct feed *f)
{
    if (!f->facts.is_live || !feed_is_ready(f))
        return -1;
    return lag_now(&f->lag, clock_now_ns(), f->reader.taken.n, feed_buffered(f));
}
