/* A histogram of how late frames leave: logarithmic buckets of about 3 %, so that any quantile can
 * be told without keeping samples. No allocation; recording is a few instructions. */
#ifndef TUTTI_PLAYOUT_LATENESS_H
#define TUTTI_PLAYOUT_LATENESS_H

#include <stdint.h>

enum {
    LATENESS_SUB_BITS = 5, /* 32 buckets for each doubling */
    LATENESS_BUCKETS = (64 - LATENESS_SUB_BITS + 1) << LATENESS_SUB_BITS,
};

struct lateness {
    uint64_t count;
    uint64_t max_ns;
    uint64_t bucket[LATENESS_BUCKETS];
};

/* Counts `n` frames that left `late_ns` after their deadline. */
void lateness_add(struct lateness *l, uint64_t late_ns, uint64_t n);

/* The lateness that a share `quantile` (0 … 1) of the frames did not pass, rounded up to its
 * bucket's end and never above the largest seen [ns]. 0 when nothing was counted. */
uint64_t lateness_quantile(const struct lateness *l, double quantile);

#endif
