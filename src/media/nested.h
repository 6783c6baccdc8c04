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

#include <libavformat/avformat.h>

/* For AVFormatContext, whose `opaque` is the source. */
int nested_open(AVFormatContext *context, AVIOContext **ret, const char *url, int flags,
                AVDictionary **options);
int nested_close(AVFormatContext *context, AVIOContext *io);

#endif
