/* What the loss of a gateway connection means, and how long to wait before the next try. Pure. */
#ifndef TUTTI_VOICE_CLOSING_H
#define TUTTI_VOICE_CLOSING_H

#include <stdbool.h>
#include <stdint.h>

enum closing {
    CLOSING_TRY_AGAIN, /* resume if there is a session, else begin anew */
    CLOSING_OVER,      /* no try with these credentials can succeed, or none is wanted */
};

/* `code` is the close code of RFC 6455, Discord's own from 4000 on; 0 where the connection was lost
 * without one. */
enum closing closing_judge(unsigned code);

/* A sentence for people about a close code. Never NULL. */
const char *closing_text(unsigned code);

enum { CLOSING_TRIES = 8 }; /* in a row, then it is over */

/* [ms] before try number `n` (0, 1, …) in a row: none before the first, then they double, with a
 * quarter more or less by `random`, so that a thousand connections lost at once do not come back in
 * one instant. */
unsigned closing_pause_ms(unsigned n, uint32_t random);

#endif
