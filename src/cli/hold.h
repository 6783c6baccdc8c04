/* Notices that a play which should go on stands still, because nobody listens. Pure. */
#ifndef TUTTI_CLI_HOLD_H
#define TUTTI_CLI_HOLD_H

#include <stdbool.h>
#include <stdint.h>

enum { HOLD_MS = 5000 }; /* without progress */

enum hold_news {
    HOLD_NONE,
    HOLD_UNHEARD, /* it has stood still since it began */
    HOLD_LEFT,    /* it was heard for a while */
};

struct hold {
    double position;   /* [s] when last looked at; negative: never */
    uint64_t moved_ns; /* when it last changed */
    bool was_heard;
    bool told;
};

void hold_init(struct hold *h);

/* Takes in where the play is and whether it should be moving. News come once. */
enum hold_news hold_look(struct hold *h, double position, bool should_move, uint64_t now_ns);

#endif
