#include "server/credits.h"

#include "proto/attach.h"
#include "server/client_limits.h"

#include <errno.h>
#include <stdlib.h>
#include <uthash.h>

struct credit {
    uint64_t channel;
    uint32_t n_frames;
    UT_hash_handle hh;
};

static void drop(struct credits *k, struct credit *c)
{
    HASH_DEL(k->by_channel, c);
    free(c);
}

void credits_clear(struct credits *k)
{
    struct credit *c, *tmp;
    HASH_ITER(hh, k->by_channel, c, tmp) drop(k, c);
}

static struct credit *find(const struct credits *k, uint64_t channel)
{
    struct credit *c;
    HASH_FIND(hh, k->by_channel, &channel, sizeof channel, c);
    return c;
}

static int add(struct credits *k, uint64_t channel, struct credit **ret_credit)
{
    if (HASH_COUNT(k->by_channel) >= LIMIT_CREDIT_CHANNELS)
        drop(k, k->by_channel);
    struct credit *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->channel = channel;
    HASH_ADD(hh, k->by_channel, channel, sizeof c->channel, c);
    if (!c->hh.tbl) {
        free(c);
        return -ENOMEM;
    }
    *ret_credit = c;
    return 0;
}

/* The hash is in the order in which they were last given some. */
static void make_last(struct credits *k, struct credit *c)
{
    if (!c->hh.next)
        return; /* nor would the hash outlive its only one */
    HASH_DEL(k->by_channel, c);
    HASH_ADD(hh, k->by_channel, channel, sizeof c->channel, c);
}

int credits_give(struct credits *k, uint64_t channel, uint32_t n_frames)
{
    struct credit *c = find(k, channel);
    if (c)
        make_last(k, c);
    int r = c ? 0 : add(k, channel, &c);
    if (r < 0)
        return r;
    c->n_frames =
        c->n_frames > ATTACH_CREDIT_MAX - n_frames ? ATTACH_CREDIT_MAX : c->n_frames + n_frames;
    return 0;
}

void credits_take(struct credits *k, uint64_t channel)
{
    struct credit *c = find(k, channel);
    if (c)
        c->n_frames = 0;
}

uint32_t credits_of(const struct credits *k, uint64_t channel)
{
    const struct credit *c = find(k, channel);
    return c ? c->n_frames : 0;
}

void credits_spend(struct credits *k, uint64_t channel)
{
    struct credit *c = find(k, channel);
    if (c && c->n_frames > 0)
        c->n_frames--;
}
