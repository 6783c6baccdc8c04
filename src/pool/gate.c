#include "pool/gate.h"

#include <assert.h>

static void pay(struct gate *g, uint64_t now_ms)
{
    uint64_t passed_ms = now_ms > g->at_ms ? now_ms - g->at_ms : 0;
    g->debt_ms = g->debt_ms > passed_ms ? g->debt_ms - passed_ms : 0;
    g->at_ms = now_ms;
}

/* What can be owed is bounded, so that the gate opens again soon after the last death. */
void gate_note_death(struct gate *g, uint64_t now_ms)
{
    assert(g->per_s > 0 && g->per_s <= 1000);
    uint64_t price_ms = 1000 / g->per_s;
    uint64_t most_ms = (g->burst + g->per_s) * price_ms;
    pay(g, now_ms);
    g->debt_ms = g->debt_ms + price_ms < most_ms ? g->debt_ms + price_ms : most_ms;
}

void gate_shut(struct gate *g, uint64_t until_ms)
{
    g->shut_until_ms = until_ms;
}

uint64_t gate_closed_ms(struct gate *g, uint64_t now_ms)
{
    assert(g->per_s > 0 && g->per_s <= 1000);
    uint64_t free_ms = g->burst * (1000 / g->per_s);
    pay(g, now_ms);
    uint64_t owed_ms = g->debt_ms > free_ms ? g->debt_ms - free_ms : 0;
    uint64_t shut_ms = g->shut_until_ms > now_ms ? g->shut_until_ms - now_ms : 0;
    return owed_ms > shut_ms ? owed_ms : shut_ms;
}
