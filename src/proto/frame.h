/* The head of a frame on the audio socket. See docs/protocol.md. */
#ifndef TUTTI_PROTO_FRAME_H
#define TUTTI_PROTO_FRAME_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

enum {
    FRAME_HEAD_BYTES = 16,   /* length, channel, sequence */
    FRAME_LENGTH_EXTRA = 12, /* what `length` counts beside the packet */
};

static inline void frame_put_head(uint8_t head[FRAME_HEAD_BYTES], uint64_t channel,
                                  uint32_t sequence, uint32_t packet_len)
{
    uint32_t length_be = htobe32(packet_len + FRAME_LENGTH_EXTRA);
    uint64_t channel_be = htobe64(channel);
    uint32_t sequence_be = htobe32(sequence);
    memcpy(head, &length_be, 4);
    memcpy(head + 4, &channel_be, 8);
    memcpy(head + 12, &sequence_be, 4);
}

/* [bytes] of the whole frame whose head this is. */
static inline uint32_t frame_size(const uint8_t head[FRAME_HEAD_BYTES])
{
    uint32_t length_be;
    memcpy(&length_be, head, 4);
    return be32toh(length_be) + 4;
}

static inline uint64_t frame_channel(const uint8_t head[FRAME_HEAD_BYTES])
{
    uint64_t channel_be;
    memcpy(&channel_be, head + 4, 8);
    return be64toh(channel_be);
}

#endif
