/* What a FLAC frame says of itself. */
#ifndef TUTTI_MEDIA_FLAC_FRAME_H
#define TUTTI_MEDIA_FLAC_FRAME_H

#include <libavcodec/packet.h>
#include <stdbool.h>
#include <stdint.h>

/* A FLAC frame bears its own number, which no container can get wrong. Returns −1 if it does not.
 */
static inline int64_t flac_frame_sample(const AVPacket *av, int64_t frame_samples)
{
    if (av->size < 12 || av->data[0] != 0xff || (av->data[1] & 0xfe) != 0xf8)
        return -1;
    bool counts_samples = (av->data[1] & 1) != 0;
    const uint8_t *at = av->data + 4; /* a number in the manner of UTF-8, up to 7 bytes long */
    int n_more = 0;
    while (n_more < 7 && (at[0] & (0x80 >> n_more)) != 0)
        n_more++;
    if (n_more == 1)
        return -1;
    int64_t number = n_more == 0 ? at[0] : at[0] & (0x7f >> n_more);
    for (int i = 1; i < n_more; i++)
        number = number << 6 | (at[i] & 0x3f);
    return counts_samples ? number : number * frame_samples;
}

#endif
