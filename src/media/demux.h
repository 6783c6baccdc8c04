/*
 * A container opened on a source: finds the audio stream and hands out its packets. Knows nothing
 * of decoding. Nested names (playlists, external references) are refused, but for those of HLS.
 *
 * On a remote source the demuxer runs in a fiber while it reads packets: a caller that gives up
 * waiting for one (-EINTR) finds it where it was when he asks again.
 */
#ifndef TUTTI_MEDIA_DEMUX_H
#define TUTTI_MEDIA_DEMUX_H

#include "media/containers.h"
#include "media/hls.h"
#include "media/source.h"

#include <libavformat/avformat.h>
#include <stdbool.h>

/* How far a container's timestamps can be believed. */
enum demux_times {
    DEMUX_TIMES_NONE,   /* not at all: positions are found by counting from the start */
    DEMUX_TIMES_COARSE, /* rounded, but to less than half of what a packet may last */
    DEMUX_TIMES_EXACT,  /* to the sample */
};

enum {
    DEMUX_TITLE_BYTES = 512,
    DEMUX_OPENS_MAX = 256, /* lists, keys and segments of HLS, until it is known what it is */
};

struct demux {
    /* immutable once open; for reading only */
    const AVStream *stream;
    const AVCodecParameters *par;
    enum demux_times times;
    int64_t declared; /* [samples at the stream's rate] as the container promises; −1 if it does not
                         (an estimate is no promise) */
    int64_t guessed;  /* the same, but estimates count: see length.h */
    bool counts_lead; /* both include what is dropped before the first audible sample */
    bool endless;     /* a live stream */
    bool is_ogg;
    bool by_segment; /* HLS in which only demux_seek_segment finds a place */
    int n_indexed;   /* packets that are in the container's index, from the first on; 0: no index */
    /* private */
    bool read_title;          /* what the container said when it was opened */
    AVFormatContext *context; /* NULL after a demux_rewind that failed */
    AVCodecParameters *own_par;
    struct source *source;
    struct ogg_beginning beginning; /* remote sources only */
    struct fiber *fiber;            /* remote sources only */
    AVPacket *read;                 /* by the fiber */
    int result;                     /* of it */
    struct hls hls;                 /* remote sources only */
    uint64_t polled_ns;             /* when libavformat last asked whether it shall stop */
};

/* Opens the source from its first byte; `s` must outlive the demuxer. Returns 0; -EBADMSG if this
 * is no audio or no known container, -EINTR, another negative errno if it cannot be read. */
int demux_open(struct source *s, struct demux **ret);
void demux_free(struct demux *d);

/* Opens it anew from its first byte. Errors as demux_open: it is closed then, and only demux_rewind
 * and demux_free may follow. */
int demux_rewind(struct demux *d);
bool demux_is_open(const struct demux *d);

/* True for coded audio in a container that is made for PCM: what that counts may be anything. */
bool demux_is_coded(const struct demux *d);

/* Reads the next audio packet into `packet` (blank). Returns 1; 0 at the end; negative errno. */
int demux_read(struct demux *d, AVPacket *packet);

/* Goes to a packet at or before `pts` (of the stream's time base). Returns 0 or negative errno: the
 * reading place is undefined then. */
int demux_seek(struct demux *d, int64_t pts);

/* Opens HLS anew at the segment that begins at or before `at_s` [s from the first packet]. With
 * `grid_s` > 0 all packets are known to last so long. Returns 1 with where the segment begins; 0 if
 * the list does not tell, or that is the first; negative errno. It is closed if it does not return
 * 1: demux_rewind helps. */
int demux_seek_segment(struct demux *d, double at_s, double grid_s, double *ret_s);

/* Remote Ogg: looks whether its end is of another stream than its beginning, which libavformat's
 * seek does not know. Returns 1 if so, 0, or -EINTR; only demux_seek or demux_rewind may follow. */
int demux_look_for_chain(struct demux *d);

/* Where the container has an index of all packets: the number of a packet that was read, counted
 * from 0, or −1; and the time of packet `number` (of the stream's time base), or AV_NOPTS_VALUE. */
int64_t demux_packet_number(struct demux *d, const AVPacket *packet);
int64_t demux_packet_time(struct demux *d, int64_t number);

/* Goes to a byte of the source: the next packet begins there or behind it. As demux_seek. */
int demux_seek_byte(struct demux *d, int64_t byte);

/* Goes to the packet that is known to begin at `byte`, to last until `next_byte` and to have the
 * time `pts`, which the next one that is read then has. As demux_seek. */
int demux_seek_packet(struct demux *d, int64_t byte, int64_t next_byte, int64_t pts,
                      int64_t next_pts);

/* Writes "artist - title" or "title" into `title` if it became known or changed since the last
 * call, and returns true. The text is not checked. */
bool demux_new_title(struct demux *d, char title[DEMUX_TITLE_BYTES]);

#endif
