/* What comes with a command and goes back with its answer. The session keeps it, and hands it out
 * once: it means something only to the front that has given it. */
#ifndef TUTTI_SESSION_TICKET_H
#define TUTTI_SESSION_TICKET_H

#include <stdint.h>

struct front;

struct ticket {
    struct front *front;
    uint64_t number; /* never used twice by that front */
    uint64_t owner;  /* who commands */
};

#endif
