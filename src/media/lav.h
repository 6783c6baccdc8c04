/* What the files that call libav share. An AVERROR is translated where it arises: outside of those
 * files a failure is a negative errno. */
#ifndef TUTTI_MEDIA_LAV_H
#define TUTTI_MEDIA_LAV_H

#include <errno.h>
#include <libavutil/error.h>

/* AVERROR_EOF is -ENODATA; what libav says in a code of its own means "the data are broken". */
static inline int lav_errno(int averror)
{
    if (averror >= 0)
        return averror;
    if (averror == AVERROR_EOF)
        return -ENODATA;
    return averror > -4096 ? averror : -EBADMSG;
}

#endif
