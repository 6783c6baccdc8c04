/*
 * The master playlist of HLS (RFC 8216 section 4.3.4): which of the qualities and renditions is the
 * one to hear. Pure.
 */
#ifndef TUTTI_MEDIA_VARIANTS_H
#define TUTTI_MEDIA_VARIANTS_H

#include <stddef.h>

/*
 * Writes the absolute http(s) URLs that carry sound to urls[0..max), allocated, the best first:
 *
 *   sound alone: the default rendition of each group that a variant names, and variants without
 *     pictures; two channels before more, then the one with the most bits that can still be heard
 *   variants with pictures whose sound is in them: the smallest, for the pictures are thrown away
 *   other renditions: other languages, commentary
 *   variants with pictures whose sound lies elsewhere
 *
 * Returns how many.
 */
size_t variants_urls(const char *text, const char *base, char *urls[], size_t max);

#endif
