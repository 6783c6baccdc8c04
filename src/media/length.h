/*
 * How long a source is, and how well that is known: what its container declares, which may be a
 * guess by a bit rate or half of the truth, and what its bytes tell as more of them are read. Pure,
 * but for length_declared.
 */
#ifndef TUTTI_MEDIA_LENGTH_H
#define TUTTI_MEDIA_LENGTH_H

#include "media/demux.h"
#include "proto/duration.h"

/* Without what its bytes will tell. */
struct duration length_declared(const struct demux *d, struct source *s);

/* How far a source was read. */
struct length_progress {
    int64_t first_byte; /* [bytes] where its first packet begins; −1: unknown */
    int64_t byte;       /* [bytes] where the packet begins that was read last; −1: unknown */
    int64_t end;        /* [bytes] of the source; −1: unknown */
    int64_t pos;        /* [samples at 48 kHz] of that packet */
    int64_t before;     /* [samples at 48 kHz] of the container's time before its first sound */
};

/* What is known by now: `declared`, put right. */
struct duration length_now(const struct duration *declared, const struct length_progress *p);

#endif
