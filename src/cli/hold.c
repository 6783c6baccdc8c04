#include "cli/hold.h"

#include "base/clock.h"

void hold_init(struct hold *h)
{
    *h = (struct hold){ .position = -1 };
}

enum hold_news hold_look(struct hold *h, double position, bool should_move, uint64_t now_ns)
{
    bool moved = position != h->position;
    if (moved || !should_move) {
        h->was_heard = h->was_heard || (moved && h->position >= 0 && should_move);
        h->position = position;
        h->moved_ns = now_ns;
        return HOLD_NONE;
    }
    if (h->told || now_ns - h->moved_ns <= HOLD_MS * NS_PER_MS)
        return HOLD_NONE;
    h->told = true;
    return h->was_heard ? HOLD_LEFT : HOLD_UNHEARD;
}
