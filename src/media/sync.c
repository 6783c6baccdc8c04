#include "media/sync.h"

#include <stdbool.h>

enum { HEADS = 3 };

/* [kbit/s] by MPEG-1 or not, layer and index */
static const uint16_t kbits[2][3][16] = {
    { { 0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256, 0 },
      { 0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0 },
      { 0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0 } },
    { { 0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448, 0 },
      { 0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 0 },
      { 0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0 } },
};

size_t sync_mpeg_bytes(const uint8_t *p)
{
    static const unsigned rates[4] = { 44100, 48000, 32000, 0 };
    unsigned version = p[1] >> 3 & 3; /* 2.5, none, 2, 1 */
    unsigned layer = 4 - (p[1] >> 1 & 3u);
    bool first = version == 3;
    unsigned rate = rates[p[2] >> 2 & 3] >> (version == 0 ? 2 : version == 2);
    if (p[0] != 0xff || (p[1] & 0xe0) != 0xe0 || version == 1 || layer == 4 || rate == 0)
        return 0;
    unsigned bits = kbits[first][layer - 1][p[2] >> 4] * 1000;
    unsigned padding = p[2] >> 1 & 1;
    if (bits == 0)
        return 0;
    if (layer == 1)
        return (size_t)(12 * bits / rate + padding) * 4;
    return (layer == 3 && !first ? 72 : 144) * bits / rate + padding;
}

size_t sync_adts_bytes(const uint8_t *p)
{
    size_t bytes = (size_t)(p[3] & 3) << 11 | (size_t)p[4] << 3 | p[5] >> 5;
    bool is_head = p[0] == 0xff && (p[1] & 0xf6) == 0xf0 && (p[2] >> 2 & 15) < 13;
    return is_head && bytes > SYNC_HEAD_BYTES ? bytes : 0;
}

/* Version, layer and sample rate stay. */
static bool are_alike(const uint8_t *a, const uint8_t *b)
{
    return a[1] == b[1] && ((a[2] ^ b[2]) & 0x0c) == 0;
}

/* True if so many heads follow one upon the other from `at` on. */
static bool is_chain(size_t (*frame_bytes)(const uint8_t *p), const uint8_t *bytes, size_t len,
                     size_t at)
{
    const uint8_t *first = bytes + at;
    for (unsigned i = 0; i < HEADS; i++) {
        if (at + SYNC_HEAD_BYTES > len || !are_alike(first, bytes + at))
            return false;
        size_t n = frame_bytes(bytes + at);
        if (n == 0)
            return false;
        at += n;
    }
    return true;
}

enum sync_kind sync_find(const uint8_t *bytes, size_t len, size_t *ret_at)
{
    for (size_t at = 0; at + SYNC_HEAD_BYTES <= len; at++) {
        if (bytes[at] != 0xff)
            continue;
        *ret_at = at;
        if (is_chain(sync_adts_bytes, bytes, len, at))
            return SYNC_ADTS;
        if (is_chain(sync_mpeg_bytes, bytes, len, at))
            return SYNC_MPEG;
    }
    return SYNC_NONE;
}
