#include "server/tickets.h"

#include <errno.h>
#include <stdlib.h>
#include <uthash.h>

struct held_ticket {
    uint64_t number;
    struct asker asker;
    UT_hash_handle hh;
};

int tickets_give(struct tickets *t, const struct asker *asker, uint64_t *ret_number)
{
    struct held_ticket *h = calloc(1, sizeof *h);
    if (!h)
        return -ENOMEM;
    h->number = t->last_number + 1;
    h->asker = *asker;
    HASH_ADD(hh, t->by_number, number, sizeof h->number, h);
    if (!h->hh.tbl) {
        free(h);
        return -ENOMEM;
    }
    t->last_number++;
    *ret_number = h->number;
    return 0;
}

bool tickets_take(struct tickets *t, uint64_t number, struct asker *ret_asker)
{
    struct held_ticket *h;
    HASH_FIND(hh, t->by_number, &number, sizeof number, h);
    if (!h)
        return false;
    *ret_asker = h->asker;
    HASH_DEL(t->by_number, h);
    free(h);
    return true;
}

void tickets_done(struct tickets *t)
{
    struct held_ticket *h, *tmp;
    HASH_ITER(hh, t->by_number, h, tmp)
    {
        HASH_DEL(t->by_number, h);
        free(h);
    }
}
