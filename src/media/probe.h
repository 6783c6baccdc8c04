/*
 * What a source is, by its first bytes, where libavformat alone would not tell: behind tags that
 * are larger than what it looks through, in files of a few frames, and in sources that nothing
 * opens, of which somebody wants to know why.
 */
#ifndef TUTTI_MEDIA_PROBE_H
#define TUTTI_MEDIA_PROBE_H

#include "media/source.h"

#include <libavformat/avformat.h>

/* A smaller score is as good as noise. */
enum { PROBE_SCORE_MIN = 5 };

#define PROBE_ENCRYPTED "it is encrypted, and there is no key for it"

/* The container of what libavformat would not know: what lies behind ID3v2 tags that fill half of
 * the `probe_bytes` it looks through or more, and small files of nothing but frames. NULL: let it
 * look for itself. `io` is the source's stream, which stays at its beginning: over a network
 * nothing else is read but where that promises something. */
const AVInputFormat *probe_format(struct source *s, AVIOContext *io, int probe_bytes);

/* One line for people: what it is that cannot be opened; NULL: that is not known. */
const char *probe_why_not(struct source *s);

/* True for a stream that needs a key to be decoded. */
bool probe_is_encrypted(struct source *s, const AVFormatContext *c, const AVStream *st);

#endif
