#include "fetch/backoff.h"

enum { FIRST_MS = 250, DOUBLINGS_MAX = 5 };

uint64_t backoff_ms(unsigned n, uint32_t random)
{
    if (n == 0)
        return 0;
    unsigned doublings = n - 1 < DOUBLINGS_MAX ? n - 1 : DOUBLINGS_MAX;
    uint64_t ms = (uint64_t)FIRST_MS << doublings;
    return ms - random % (ms / 2 + 1);
}
