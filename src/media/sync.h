/*
 * Where the first frame begins in a stream that is joined anywhere: MPEG audio (MP1 to MP3) and
 * ADTS have no more of a container than the head of each frame. A head is believed when the heads
 * of the next two frames stand where it says. ISO/IEC 11172-3 2.4.1.3, 13818-3; 14496-3 1.A.2.
 * Pure.
 */
#ifndef TUTTI_MEDIA_SYNC_H
#define TUTTI_MEDIA_SYNC_H

#include <stddef.h>
#include <stdint.h>

enum {
    SYNC_HEAD_BYTES = 7,
    SYNC_FRAME_MAX = 8191,                   /* [bytes] */
    SYNC_BYTES_MAX = 4 * SYNC_FRAME_MAX + 4, /* [bytes] in which it is found if it is there */
};

enum sync_kind { SYNC_NONE, SYNC_MPEG, SYNC_ADTS };

/* [bytes] of the frame whose head stands at p (SYNC_HEAD_BYTES of it); 0: there is none. A frame of
 * free format, which does not say its length, is none. */
size_t sync_mpeg_bytes(const uint8_t *p);
size_t sync_adts_bytes(const uint8_t *p);

/* Looks in the first `len` bytes of a stream. Returns SYNC_NONE if it is not there, or if more
 * bytes may tell; else *ret_at is where the first frame begins. */
enum sync_kind sync_find(const uint8_t *bytes, size_t len, size_t *ret_at);

#endif
