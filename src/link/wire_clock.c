#include "link/wire_clock.h"

#include "base/clock.h"

#include <assert.h>

enum { TICK_MS = 20 };

void wire_clock_init(struct wire_clock *c, uint64_t tick)
{
    *c = (struct wire_clock){ .tick = tick };
}

bool wire_clock_frame(struct wire_clock *c, uint64_t now_ns, uint64_t *ret_tick)
{
    const uint64_t tick_ns = TICK_MS * NS_PER_MS;
    uint64_t late_ns = c->talks && now_ns > c->due_ns ? now_ns - c->due_ns : 0;
    if (late_ns > WIRE_CLOCK_LOST_MS * NS_PER_MS) {
        c->tick += late_ns / tick_ns;
        late_ns = 0;
        c->talks = false;
    }
    if (!c->talks)
        c->due_ns = now_ns;
    c->talks = true;
    c->due_ns += tick_ns;
    *ret_tick = c->tick++;
    return late_ns <= WIRE_CLOCK_LATE_MS * NS_PER_MS;
}

uint64_t wire_clock_rest(struct wire_clock *c, unsigned n_ticks)
{
    assert(n_ticks > 0);
    uint64_t first = c->tick;
    c->tick += n_ticks;
    c->talks = false;
    return first;
}
