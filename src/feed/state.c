#include "feed/parts.h"

#include <assert.h>

static const bool moves[FEED_STATE_COUNT][FEED_STATE_COUNT] = {
    [FEED_FINDING] = { [FEED_WAITING] = true },
    [FEED_WAITING] = { [FEED_FINDING] = true, [FEED_QUEUED] = true, [FEED_OPENING] = true },
    [FEED_QUEUED] = { [FEED_QUEUED] = true, [FEED_OPENING] = true, [FEED_FINDING] = true },
    [FEED_OPENING] = { [FEED_READY] = true, [FEED_QUEUED] = true, [FEED_FINDING] = true },
    [FEED_READY] = { [FEED_RESCUING] = true, [FEED_LOST] = true },
    [FEED_RESCUING] = { [FEED_READY] = true, [FEED_LOST] = true },
    [FEED_LOST] = { [FEED_RESCUING] = true, [FEED_LOST] = true },
};

void feed_move(struct feed *f, enum feed_state to)
{
    assert(f->state < FEED_STATE_COUNT && moves[f->state][to]);
    f->state = to;
}

void feed_post(struct feed *f, unsigned what)
{
    f->posted |= what;
    f->ops->look_soon(f->arg);
}

bool feed_is_ready(const struct feed *f)
{
    return f->state >= FEED_READY;
}

bool feed_is_failing(const struct feed *f)
{
    return f->state == FEED_LOST && f->loss.code != TUTTI_E_WORKER_CRASHED;
}

void feed_post_in_force(struct feed *f)
{
    f->in_force.place = f->reader.place;
    f->in_force.ordinal = f->reader.taken;
    feed_post(f, POST_IN_FORCE);
}

struct feed *feed_follower(const struct feed *f)
{
    return f->lease ? lease_follower(f->lease) : NULL;
}

void feed_warn(struct feed *f, enum tutti_warning code, const char *why)
{
    f->ops->warning(code, why, f->arg);
}

void feed_fail(struct feed *f, enum tutti_error code, const char *why)
{
    f->ops->failed(code, why, f->arg);
}
