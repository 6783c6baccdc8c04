/*
 * Is a source whole? Looks at what the container itself promises (sizes, an end mark, a number of
 * samples) and at what came out. Says "cut" only where it is sure: an intact file never is.
 *
 * From the network, what the connection says is better than what the container says: a length that
 * was reached, or a clean end, is the end. Only where nobody can tell it from a lost connection
 * does a number of samples decide that was declared, not estimated.
 */
#ifndef TUTTI_MEDIA_WHOLE_H
#define TUTTI_MEDIA_WHOLE_H

#include "media/packets.h"

struct whole {
    bool remote;
    bool chained;      /* Ogg: more than one stream behind the other */
    bool short_file;   /* the container says that there are more bytes */
    bool fault;        /* reading failed in the middle */
    bool last_partial; /* the packet last seen is shorter than its own header says */
    enum AVCodecID codec;
    int64_t declared; /* [source samples] promised by the container; −1 nothing to go by */
    int64_t slack;    /* [source samples] that may be missing from it */
    int64_t trimmed;  /* [source samples] that packets said were to be dropped */
    int64_t last_number;
};

/* Looks at the source beside the demuxer. */
void whole_look(struct whole *w, struct source *s, const struct demux *d);

void whole_note_packet(struct whole *w, const struct packet *k);
void whole_note_fault(struct whole *w);

/* To be asked at the end: `n_audible` source samples came out, counted from the source's start. */
bool whole_was_cut(const struct whole *w, const struct source *s, int64_t n_audible);

#endif
