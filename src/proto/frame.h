/* The head of a frame on the audio socket. See docs/protocol.md. */
#ifndef TUTTI_PROTO_FRAME_H
#define TUTTI_PROTO_FRAME_H

#include "proto/command.h"

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    FRAME_HEAD_BYTES = 16,   /* length, channel, sequence */
    FRAME_LENGTH_EXTRA = 12, /* what `length` counts beside the packet */
    FRAME_MARK_BYTES = 16,   /* of a mark before its play id: channel, position */
    FRAME_MARK_MAX = FRAME_MARK_BYTES + COMMAND_PLAY_ID_MAX,
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

/* The contents of a mark, which is a frame of channel 0. Returns how many bytes they are. */
static inline uint32_t frame_put_mark(uint8_t mark[FRAME_MARK_MAX], uint64_t channel,
                                      int64_t position, const char *play_id)
{
    uint64_t channel_be = htobe64(channel), position_be = htobe64((uint64_t)position);
    size_t len = strnlen(play_id, COMMAND_PLAY_ID_MAX);
    memcpy(mark, &channel_be, 8);
    memcpy(mark + 8, &position_be, 8);
    memcpy(mark + FRAME_MARK_BYTES, play_id, len);
    return (uint32_t)(FRAME_MARK_BYTES + len);
}

static inline uint64_t frame_channel(const uint8_t head[FRAME_HEAD_BYTES])
{
    uint64_t channel_be;
    memcpy(&channel_be, head + 4, 8);
    return be64toh(channel_be);
}

#endif
