#include "playout/lateness.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

static size_t bucket_of(uint64_t ns)
{
    if (ns < (1u << LATENESS_SUB_BITS))
        return (size_t)ns;
    unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - LATENESS_SUB_BITS;
    return ((size_t)(shift + 1) << LATENESS_SUB_BITS) +
           (size_t)((ns >> shift) - (1u << LATENESS_SUB_BITS));
}

static uint64_t bucket_end(size_t i)
{
    assert(i < LATENESS_BUCKETS);
    if (i < (1u << LATENESS_SUB_BITS))
        return i;
    unsigned shift = (unsigned)(i >> LATENESS_SUB_BITS) - 1;
    uint64_t mantissa = (i & ((1u << LATENESS_SUB_BITS) - 1)) + (1u << LATENESS_SUB_BITS);
    return ((mantissa + 1) << shift) - 1;
}

void lateness_add(struct lateness *l, uint64_t late_ns, uint64_t n)
{
    l->count += n;
    l->bucket[bucket_of(late_ns)] += n;
    if (late_ns > l->max_ns)
        l->max_ns = late_ns;
}

uint64_t lateness_quantile(const struct lateness *l, double quantile)
{
    assert(quantile >= 0 && quantile <= 1);
    uint64_t rank = (uint64_t)ceil(quantile * (double)l->count);
    uint64_t seen = 0;
    for (size_t i = 0; i < LATENESS_BUCKETS && rank > 0; i++) {
        seen += l->bucket[i];
        if (seen >= rank)
            return bucket_end(i) < l->max_ns ? bucket_end(i) : l->max_ns;
    }
    return 0;
}
