/*
 * What libavformat is given of an HLS stream, and what it makes of it that must be mended: the text
 * of the list, which is ours; what is missing from a recording; packets that it wants left out.
 */
#ifndef TUTTI_MEDIA_HLS_H
#define TUTTI_MEDIA_HLS_H

#include "media/nested.h"
#include "media/segments.h"

#include <libavformat/avformat.h>
#include <stdbool.h>

struct hls {
    struct nested_host host;
    struct segments *list; /* as libavformat is given it; NULL: the source's */
    bool is_cut;           /* it begins later than the source's */
    bool is_torn;          /* times may start over */
    bool has_gaps;         /* a recording, and parts of it are missing */
    double gap_s;          /* [s] that are missing before the packet that was read last */
    /* private */
    bool has_begun;   /* a packet was read that is to be heard */
    int64_t last_pts; /* of the packet that was read last, */
    int64_t step;     /* and how long it lasts, if it is like the one before */
    int n_since_gap;  /* packets since it was met that something is missing */
};

/* Before libavformat opens it: takes the list, whole; one that is too long to be kept is read as it
 * is. Returns 0 or negative errno. */
int hls_open(struct hls *h);

/* Likewise, cut so that it begins at or before `at_s`; as segments_open_at. */
int hls_open_at(struct hls *h, double at_s, double grid_s, double *ret_s);
void hls_close(struct hls *h);

/* libavformat goes elsewhere: the next packet follows on no other. */
void hls_jump(struct hls *h);

/* Segments that are nothing but frames (MP3, ADTS) have no times, and libavformat counts from
 * anywhere. */
bool hls_is_bare(const AVStream *st);

/* Mends a packet that was read, and sets h->gap_s. */
void hls_note_packet(struct hls *h, const AVStream *st, AVPacket *packet);

#endif
