/*
 * Resources that a demuxer opens beside its own: the segments, keys and lists of HLS. They are read
 * by tutti-fetch like everything else; only http and https exist, whatever a playlist says.
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
