#include "base/bucket.h"

#include <assert.h>

static uint64_t paid_until(const struct bucket *b, uint64_t now_ms)
{
    return b->paid_until_ms > now_ms ? b->paid_until_ms : now_ms;
}

bool bucket_has_token(const struct bucket *b, uint64_t now_ms, uint64_t token_ms, unsigned burst)
{
    assert(token_ms > 0 && burst > 0);
    return paid_until(b, now_ms) - now_ms + token_ms <= burst * token_ms;
}

void bucket_take(struct bucket *b, uint64_t now_ms, uint64_t token_ms)
{
    assert(token_ms > 0);
    b->paid_until_ms = paid_until(b, now_ms) + token_ms;
}
