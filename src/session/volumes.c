#include "session/volumes.h"

#include <errno.h>
#include <stdlib.h>
#include <uthash.h>

struct kept_volume {
    uint64_t channel;
    uint64_t owner;
    double level;
    UT_hash_handle hh;
};

static struct kept_volume *find(const struct volumes *v, uint64_t channel)
{
    struct kept_volume *k;
    HASH_FIND(hh, v->by_channel, &channel, sizeof channel, k);
    return k;
}

static void forget(struct volumes *v, struct kept_volume *k)
{
    HASH_DEL(v->by_channel, k);
    free(k);
}

int volumes_set(struct volumes *v, uint64_t channel, uint64_t owner, double level)
{
    struct kept_volume *k = find(v, channel);
    if (k)
        forget(v, k);
    else if (HASH_COUNT(v->by_channel) >= VOLUMES_MAX)
        forget(v, v->by_channel);
    k = calloc(1, sizeof *k);
    if (!k)
        return -ENOMEM;
    *k = (struct kept_volume){ .channel = channel, .owner = owner, .level = level };
    HASH_ADD(hh, v->by_channel, channel, sizeof k->channel, k);
    if (k->hh.tbl)
        return 0;
    free(k);
    return -ENOMEM;
}

double volumes_get(const struct volumes *v, uint64_t channel)
{
    const struct kept_volume *k = find(v, channel);
    return k ? k->level : 1;
}

void volumes_forget(struct volumes *v, uint64_t owner)
{
    struct kept_volume *k, *tmp;
    HASH_ITER(hh, v->by_channel, k, tmp)
    {
        if (k->owner == owner)
            forget(v, k);
    }
}

void volumes_done(struct volumes *v)
{
    struct kept_volume *k, *tmp;
    HASH_ITER(hh, v->by_channel, k, tmp)
    {
        forget(v, k);
    }
}
