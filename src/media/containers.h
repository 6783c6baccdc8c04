/*
 * What containers say about their own length in bytes, read beside the demuxer, which either does
 * not care or does not tell. Each answers "the file is shorter than it says it is"; where a
 * container says nothing, or nonsense, the answer is no.
 */
#ifndef TUTTI_MEDIA_CONTAINERS_H
#define TUTTI_MEDIA_CONTAINERS_H

#include "media/source.h"

/* Ogg: the last page must end its stream. *ret_chained: it is of none of those that begin first. */
bool container_ogg_is_short(struct source *s, bool *ret_chained);

/* Ogg: the serial number of the stream that the last page is of. Returns 1, 0 if there is no such
 * page, or negative errno. */
int container_ogg_last_serial(struct source *s, uint32_t *ret);

/* The streams with which a file of Ogg begins, as far as its first bytes tell. */
enum { CONTAINER_BEGIN_BYTES = 1024, CONTAINER_STREAMS_MAX = 8 };

struct ogg_beginning {
    size_t n;
    uint32_t serials[CONTAINER_STREAMS_MAX];
};

/* Ogg: reads them from the first bytes, at best CONTAINER_BEGIN_BYTES of them. */
void container_ogg_read_beginning(const uint8_t *p, size_t len, struct ogg_beginning *ret);

bool container_ogg_begins_with(const struct ogg_beginning *b, uint32_t serial);

/* Ogg: where the first page ends that has sound, in the stream's own time; 0: not to be told. */
int64_t container_ogg_first_granule(struct source *s);

/* Matroska, WebM: the segment's size. */
bool container_ebml_is_short(struct source *s);

/* MP4: the sizes of the boxes at the top. */
bool container_boxes_are_short(struct source *s);

/* ASF, WMA: the file's size in its properties. */
bool container_asf_is_short(struct source *s);

/* ASF, WMA: a header object says by what its content is encrypted. */
bool container_asf_is_encrypted(struct source *s);

/* A size that was to be filled in later: of what is `there` a billion bytes are not the half. */
bool container_is_placeholder(int64_t bytes, int64_t there);

/* WAV, AVI (RIFF) and AIFF (FORM): the size of the outer chunk. */
bool container_iff_is_short(struct source *s);

#endif
