/* Why something cannot be played, or not any further, as its client will be told. */
#ifndef TUTTI_MEDIA_FAILURE_H
#define TUTTI_MEDIA_FAILURE_H

#include "base/errors.h"

enum { FAILURE_WHY_BYTES = 512 };

struct failure {
    enum tutti_error code;       /* TUTTI_OK: nothing failed */
    unsigned http_status;        /* of the answer that it failed with; 0: none */
    char why[FAILURE_WHY_BYTES]; /* one line for people */
};

/* `why` is copied, and cut if it is too long. */
void failure_set(struct failure *f, enum tutti_error code, const char *why);

#endif
