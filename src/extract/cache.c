#include "extract/cache.h"

#include "base/clock.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

enum { LIFETIME_S = 300, MARGIN_S = 30 };

/* uthash keeps its entries in the order in which they were added: the first is the oldest. */
struct cached {
    UT_hash_handle hh;
    char *key;
    struct found found;
    uint64_t until_ns;
};

struct cache {
    struct cached *entries;
    size_t n_max;
};

struct cache *cache_new(size_t n_max)
{
    assert(n_max > 0);
    struct cache *c = calloc(1, sizeof *c);
    if (c)
        c->n_max = n_max;
    return c;
}

static void entry_free(struct cached *e)
{
    found_done(&e->found);
    free(e->key);
    free(e);
}

static void drop(struct cache *c, struct cached *e)
{
    HASH_DEL(c->entries, e);
    entry_free(e);
}

void cache_free(struct cache *c)
{
    while (c && c->entries)
        drop(c, c->entries);
    free(c);
}

/* Puts it at the end. Returns false without memory: it is in no table then. */
static bool append(struct cache *c, struct cached *e)
{
    e->hh = (UT_hash_handle){ 0 };
    HASH_ADD_KEYPTR(hh, c->entries, e->key, strlen(e->key), e);
    return e->hh.tbl != NULL;
}

static struct cached *find(struct cache *c, const char *key)
{
    struct cached *e;
    HASH_FIND_STR(c->entries, key, e);
    return e;
}

void cache_put(struct cache *c, const char *key, struct found *found, uint64_t until_ns)
{
    struct cached *old = find(c, key);
    if (old)
        drop(c, old);
    while (c->entries && HASH_COUNT(c->entries) >= c->n_max)
        drop(c, c->entries);
    struct cached *e = calloc(1, sizeof *e);
    if (e) {
        *e = (struct cached){ .key = strdup(key), .found = *found, .until_ns = until_ns };
        *found = (struct found){ .duration_s = -1 };
    }
    if (e && (!e->key || !append(c, e)))
        entry_free(e);
    found_done(found);
}

const struct found *cache_get(struct cache *c, const char *key, uint64_t now_ns)
{
    struct cached *e = find(c, key);
    if (!e)
        return NULL;
    if (now_ns >= e->until_ns) {
        drop(c, e);
        return NULL;
    }
    HASH_DEL(c->entries, e);
    if (!append(c, e)) {
        entry_free(e);
        return NULL;
    }
    return &e->found;
}

size_t cache_count(const struct cache *c)
{
    return HASH_COUNT(c->entries);
}

uint64_t cache_lifetime_ns(int64_t expires_s, int64_t now_unix_s)
{
    int64_t left = LIFETIME_S;
    if (expires_s > 0 && expires_s - now_unix_s - MARGIN_S < left)
        left = expires_s - now_unix_s - MARGIN_S;
    return left > 0 ? (uint64_t)left * NS_PER_S : 0;
}
