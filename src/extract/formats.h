/* Which of the formats that yt-dlp lists is to be played. Pure. */
#ifndef TUTTI_EXTRACT_FORMATS_H
#define TUTTI_EXTRACT_FORMATS_H

#include <jansson.h>

enum formats_result {
    FORMATS_FOUND,
    FORMATS_NONE,        /* nothing there has a URL and sound */
    FORMATS_PROTECTED,   /* what there is cannot be played without a key (DRM) */
    FORMATS_UNSUPPORTED, /* what there is comes in a way that we do not speak (DASH, RTMP) */
};

/*
 * The best for listening, of what an info dictionary offers (`formats`, `requested_formats`, or
 * itself): the original language, sound without pictures, Opus of 48 kHz, which is passed through
 * as it is; then a plain file before HLS, the higher bit rate up to 320 kbit/s, and pictures no
 * larger than they need be. *ret_format is borrowed from `info`.
 */
enum formats_result formats_choose(const json_t *info, const json_t **ret_format);

#endif
