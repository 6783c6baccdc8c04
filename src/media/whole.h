/*
 * Is a source whole? Looks at what the container itself promises (sizes, an end mark, a number of
 * samples) and at what came out. Says "cut" only where it is sure: an intact file never is.
 */
#ifndef TUTTI_MEDIA_WHOLE_H
#define TUTTI_MEDIA_WHOLE_H

#include "media/packets.h"

struct whole {
    bool chained;      /* Ogg: more than one stream behind the other */
    bool short_file;   /* the container says that there are more bytes */
    bool fault;        /* reading failed in the middle */
    int64_t declared;  /* [source samples] promised; −1 nothing is */
    int64_t seen;      /* [source samples] in packets, as far as they say; from the start on */
    int64_t last_end;  /* [bytes] where the last packet ends; −1 unknown */
    bool last_partial; /* the last packet is shorter than its own header says */
};

/* Looks at the source beside the demuxer. */
void whole_look(struct whole *w, struct source *s, const struct demux *d);

void whole_note_packet(struct whole *w, const struct packet *k);
void whole_note_fault(struct whole *w);

/* To be asked at the end. */
bool whole_was_cut(const struct whole *w, const struct source *s);

#endif
