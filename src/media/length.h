/* How long a source is, as its container or its bytes say it, and how well that is known. */
#ifndef TUTTI_MEDIA_LENGTH_H
#define TUTTI_MEDIA_LENGTH_H

#include "media/demux.h"
#include "proto/duration.h"

/* What was known when it was opened. */
struct duration length_declared(const struct demux *d);

#endif
