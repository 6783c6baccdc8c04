/* A bucket of tokens: how often something may happen, for ever, and how often at once. Zeroed, it
 * is a full one. */
#ifndef TUTTI_BASE_BUCKET_H
#define TUTTI_BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket {
    uint64_t paid_until_ms; /* what was taken lately is paid for by then */
};

/* Whether there is a token: `burst` at once, and one more in each `token_ms`. */
bool bucket_has_token(const struct bucket *b, uint64_t now_ms, uint64_t token_ms, unsigned burst);

/* Takes a token, which should be there. */
void bucket_take(struct bucket *b, uint64_t now_ms, uint64_t token_ms);

#endif
