/* How long a source is, and how well that is known. */
#ifndef TUTTI_PROTO_DURATION_H
#define TUTTI_PROTO_DURATION_H

#include <stdint.h>

enum duration_kind {
    DURATION_UNKNOWN,   /* nothing tells, or the source is live */
    DURATION_ESTIMATED, /* from a bit rate, from what a page says, from half of a container */
    DURATION_EXACT,     /* the container counts it, or the end was reached */
    DURATION_KIND_COUNT
};

struct duration {
    int64_t samples; /* [samples at 48 kHz]; −1: unknown */
    enum duration_kind kind;
};

#define NO_DURATION ((struct duration){ .samples = -1, .kind = DURATION_UNKNOWN })

#endif
