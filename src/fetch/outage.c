#include "fetch/outage.h"

#include "base/clock.h"
#include "fetch/backoff.h"

#include <assert.h>
#include <stdio.h>
#include <sys/random.h>

enum { OPEN_TRIES = 3, GOOD_BYTES = 4096 };

void outage_begin(struct transfer *t, const char *why, uint64_t now_ns)
{
    assert(now_ns > 0); /* 0 means that there is none */
    if (t->outage_ns != 0)
        return;
    t->outage_ns = now_ns;
    t->is_outage_told = t->resource->is_known;
    (void)snprintf(t->why, sizeof t->why, "%s", why);
}

uint64_t outage_patience_ms(const struct transfer *t, uint64_t now_ns)
{
    uint64_t since = t->outage_ns > t->wanted_ns ? t->outage_ns : t->wanted_ns;
    uint64_t limit = t->resource->is_known ? t->context->give_up_ms : OUTAGE_OPEN_MS;
    uint64_t passed = (now_ns - since) / NS_PER_MS;
    return passed < limit ? limit - passed : 0;
}

bool outage_is_given_up(const struct transfer *t, uint64_t now_ns)
{
    return t->is_wanted && t->tries > 0 &&
           (outage_patience_ms(t, now_ns) == 0 ||
            (!t->resource->is_known && t->tries >= OPEN_TRIES - 1));
}

uint64_t outage_pause_ms(struct transfer *t, int64_t after_s, uint64_t now_ns)
{
    uint32_t random = 0;
    (void)getrandom(&random, sizeof random, GRND_NONBLOCK);
    uint64_t ms = backoff_ms(t->tries++, random);
    if (after_s > 0) {
        uint64_t asked_ms = (uint64_t)after_s * 1000;
        asked_ms = asked_ms < t->context->give_up_ms ? asked_ms : t->context->give_up_ms;
        ms = ms > asked_ms ? ms : asked_ms;
    }
    if (t->is_wanted && ms > outage_patience_ms(t, now_ns))
        ms = outage_patience_ms(t, now_ns);
    return ms;
}

bool outage_brought_enough(const struct transfer *t)
{
    return t->window.end - t->start_end >= GOOD_BYTES;
}

void outage_note_bytes(struct transfer *t)
{
    if (outage_brought_enough(t))
        t->tries = 0;
}

void outage_end(struct transfer *t)
{
    assert(t->outage_ns != 0);
    bool is_told = t->is_outage_told;
    t->outage_ns = 0;
    outage_note_bytes(t);
    if (is_told)
        t->ops.reconnected(t->why, t->ops.arg);
}
