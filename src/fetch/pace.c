#include "fetch/pace.h"

#include "base/clock.h"

/* [ns] that the reader has waited for the bytes of this connection. */
static uint64_t wait_ns(const struct transfer *t, uint64_t now_ns)
{
    uint64_t since_ns = t->wanted_ns > t->flow_ns ? t->wanted_ns : t->flow_ns;
    return t->waited_ns + (t->is_wanted && now_ns > since_ns ? now_ns - since_ns : 0);
}

void pace_end_wait(struct transfer *t)
{
    t->waited_ns = t->flow_ns != 0 ? wait_ns(t, clock_now_ns()) : 0;
    t->is_wanted = false;
}

void pace_judge(struct transfer *t)
{
    struct resource *r = t->resource;
    uint64_t now_ns = clock_now_ns();
    if (t->flow_ns == 0 || r->facts & FETCH_LIVE)
        return;
    r->live.flowed_ms = (now_ns - t->flow_ns) / NS_PER_MS;
    r->live.waited_ms = wait_ns(t, now_ns) / NS_PER_MS;
    if (resource_judge_live(r))
        t->ops.live(t->ops.arg);
}
