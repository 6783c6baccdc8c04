/* Matroska, written as a test wants it: elements, each with a size of eight bytes. */
#ifndef TUTTI_TESTS_MKV_H
#define TUTTI_TESTS_MKV_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { MKV_BYTES_MAX = 2 << 20 };

struct mkv {
    uint8_t bytes[MKV_BYTES_MAX];
    size_t len;
};

static inline void mkv_put(struct mkv *m, const void *bytes, size_t n)
{
    memcpy(m->bytes + m->len, bytes, n);
    m->len += n;
}

static inline void mkv_put_number(struct mkv *m, uint64_t value, int n)
{
    while (n-- > 0)
        m->bytes[m->len++] = (uint8_t)(value >> (8 * n));
}

/* An element; its size is written at its end, and until then unknown. */
static inline size_t mkv_begin(struct mkv *m, uint32_t id)
{
    mkv_put_number(m, id, id > 0xffffff ? 4 : id > 0xff ? 2 : 1);
    mkv_put_number(m, UINT64_C(0x01ffffffffffffff), 8);
    return m->len;
}

static inline void mkv_end(struct mkv *m, size_t at)
{
    for (int i = 0; i < 7; i++)
        m->bytes[at - 1 - (size_t)i] = (uint8_t)((m->len - at) >> (8 * i));
}

static inline void mkv_element(struct mkv *m, uint32_t id, const void *bytes, size_t n)
{
    size_t at = mkv_begin(m, id);
    mkv_put(m, bytes, n);
    mkv_end(m, at);
}

static inline void mkv_double(struct mkv *m, uint32_t id, double value)
{
    uint64_t bits;
    size_t at = mkv_begin(m, id);
    memcpy(&bits, &value, sizeof bits);
    mkv_put_number(m, bits, 8);
    mkv_end(m, at);
}

/* Up to the clusters: one track of sound in a segment that ends where the file does. */
static inline void mkv_head(struct mkv *m, const char *codec, const void *private, size_t n,
                            double rate, double duration_ms)
{
    m->len = 0;
    size_t head = mkv_begin(m, 0x1a45dfa3);
    mkv_element(m, 0x4282, "matroska", 8);
    mkv_end(m, head);
    (void)mkv_begin(m, 0x18538067);
    size_t about = mkv_begin(m, 0x1549a966);
    mkv_double(m, 0x4489, duration_ms);
    mkv_end(m, about);
    size_t tracks = mkv_begin(m, 0x1654ae6b);
    size_t track = mkv_begin(m, 0xae);
    mkv_element(m, 0xd7, "\1", 1);
    mkv_element(m, 0x73c5, "\1", 1);
    mkv_element(m, 0x83, "\2", 1);
    mkv_element(m, 0x86, codec, strlen(codec));
    mkv_element(m, 0x63a2, private, n);
    size_t audio = mkv_begin(m, 0xe1);
    mkv_double(m, 0xb5, rate);
    mkv_element(m, 0x9f, "\2", 1);
    mkv_end(m, audio);
    mkv_end(m, track);
    mkv_end(m, tracks);
}

/* A cluster of one block, of one frame. */
static inline void mkv_cluster(struct mkv *m, uint64_t ms, const void *frame, size_t n)
{
    size_t cluster = mkv_begin(m, 0x1f43b675);
    size_t time = mkv_begin(m, 0xe7);
    mkv_put_number(m, ms, 8);
    mkv_end(m, time);
    size_t block = mkv_begin(m, 0xa3);
    mkv_put(m, "\x81\0\0\x80", 4);
    mkv_put(m, frame, n);
    mkv_end(m, block);
    mkv_end(m, cluster);
}

#endif
