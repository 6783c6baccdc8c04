/* The tickets of the Unix front: to whom the answers go of commands that are under way, and with
 * which tag. */
#ifndef TUTTI_SERVER_TICKETS_H
#define TUTTI_SERVER_TICKETS_H

#include "proto/command.h"

#include <stdbool.h>
#include <stdint.h>

/* What a ticket stands for. */
struct asker {
    uint64_t connection; /* the number of a control connection */
    bool has_tag;
    char tag[COMMAND_TAG_MAX + 1];
};

/* Zeroed, it is empty. */
struct tickets {
    struct held_ticket *by_number; /* uthash */
    uint64_t last_number;
};

/* Returns 0 and the number of a ticket, or -ENOMEM. */
int tickets_give(struct tickets *t, const struct asker *asker, uint64_t *ret_number);

/* Takes a ticket back. Returns false if there is none of that number (any more). */
bool tickets_take(struct tickets *t, uint64_t number, struct asker *ret_asker);

/* Forgets those that are still out. */
void tickets_done(struct tickets *t);

#endif
