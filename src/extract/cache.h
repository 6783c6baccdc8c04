/*
 * What was found lately, so that the same page is not looked at twice: a bounded number of entries,
 * of which the one that was used least lately goes first. Pure; the caller tells the time.
 */
#ifndef TUTTI_EXTRACT_CACHE_H
#define TUTTI_EXTRACT_CACHE_H

#include "extract/found.h"

#include <stddef.h>
#include <stdint.h>

struct cache;

struct cache *cache_new(size_t n_max); /* NULL without memory */
void cache_free(struct cache *c);

/* Takes over *found, which is empty afterwards, and keeps it until `until_ns`. What was kept under
 * `key` before goes. Without memory nothing is kept. */
void cache_put(struct cache *c, const char *key, struct found *found, uint64_t until_ns);

/* What is kept under `key` and still good at now_ns, or NULL. Lives until the next call. */
const struct found *cache_get(struct cache *c, const char *key, uint64_t now_ns);

size_t cache_count(const struct cache *c);

/* [ns] that a link may be kept: five minutes, less when it says that it expires sooner, with half a
 * minute to spare. 0: not at all. */
uint64_t cache_lifetime_ns(int64_t expires_s, int64_t now_unix_s);

#endif
