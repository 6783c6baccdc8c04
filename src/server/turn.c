#include "server/turn.h"

#include "base/clock.h"
#include "server/client_limits.h"

/* The loop's clock stands still as long as a turn lasts. */
bool turn_is_over(struct turn *t, uv_loop_t *loop)
{
    uint64_t now_ns = clock_now_ns();
    if (t->loop_ms != uv_now(loop)) {
        t->loop_ms = uv_now(loop);
        t->ends_ns = now_ns + LIMIT_TURN_US * NS_PER_US;
    }
    return now_ns >= t->ends_ns;
}
