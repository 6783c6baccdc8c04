/*
 * Resources that a demuxer opens beside its own: the segments, keys and lists of HLS. They are read
 * by tutti-fetch like everything else; only http and https exist, whatever a playlist says.
 *
 * libavformat passes over a segment that cannot be had, and over a key. A live stream may go on so;
 * of a recording something would be missing that nobody hears of: there it is the end
 * (source_lose).
 */
#ifndef TUTTI_MEDIA_NESTED_H
#define TUTTI_MEDIA_NESTED_H

#include "media/source.h"

#include "media/renumber.h"

#include <libavformat/avformat.h>

/* What the resources of a demuxer have in common. Zeroed, but for the source. */
struct nested_host {
    struct source *source;
    struct renumber numbers; /* of the list, which a live stream reads again and again */
    double gap_s;            /* [s] that are missing, met since the owner set it to 0 */
};

/* For AVFormatContext, whose `opaque` is a nested_host. A segment that is marked as missing
 * (media/segments.h) is empty, and counted. */
int nested_open(AVFormatContext *context, AVIOContext **ret, const char *url, int flags,
                AVDictionary **options);
int nested_close(AVFormatContext *context, AVIOContext *io);

#endif
