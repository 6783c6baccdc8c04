#include "media/failure.h"

#include <stdio.h>

void failure_set(struct failure *f, enum tutti_error code, const char *why)
{
    f->code = code;
    f->http_status = 0;
    (void)snprintf(f->why, sizeof f->why, "%s", why);
}
