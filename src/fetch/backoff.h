/* How long to wait before another try. Pure. */
#ifndef TUTTI_FETCH_BACKOFF_H
#define TUTTI_FETCH_BACKOFF_H

#include <stdint.h>

/* [ms] before try `n` after a loss: the first (0) at once, then doubling from 250 ms to 8 s, of
 * which a random part up to a half is taken off, so that a thousand sources that lost the same
 * server do not come back as one. `random`: any number. */
uint64_t backoff_ms(unsigned n, uint32_t random);

#endif
