#include "media/containers.h"

#include <errno.h>
#include <libavutil/intreadwrite.h>
#include <stdlib.h>
#include <string.h>

enum {
    OGG_HEAD_BYTES = 27,
    OGG_FLAGS = 5,
    OGG_FIRST = 2, /* of a stream */
    OGG_LAST = 4,
    OGG_SERIAL = 14,
    OGG_TAIL_BYTES = 66 * 1024, /* more than the largest page */
    OGG_GRANULE = 6,
    OGG_HEADS_MAX = 32,
    BOXES_MAX = 2000,
    ROUND_BYTES = 1000 * 1000 * 1000,
    IFF_SLACK_BYTES = 64, /* some writers miscount by a chunk's head */
};

static bool read_exactly(struct source *s, void *bytes, size_t len, int64_t at)
{
    return source_read_at(s, bytes, len, at) == (ssize_t)len;
}

/* [bytes] of the page at p, or 0 if it is not whole within len. */
static size_t ogg_page_bytes(const uint8_t *p, size_t len)
{
    if (len < OGG_HEAD_BYTES || memcmp(p, "OggS", 4) != 0 || p[4] != 0)
        return 0;
    size_t n = OGG_HEAD_BYTES + (size_t)p[26];
    if (len < n)
        return 0;
    for (size_t i = 0; i < p[26]; i++)
        n += p[OGG_HEAD_BYTES + i];
    return n <= len ? n : 0;
}

static const uint8_t *last_ogg_page(const uint8_t *tail, size_t len)
{
    const uint8_t *last = NULL;
    for (size_t i = 0; i + OGG_HEAD_BYTES <= len;) {
        size_t n = ogg_page_bytes(tail + i, len - i);
        if (n > 0)
            last = tail + i;
        i += n > 0 ? n : 1;
    }
    return last;
}

/* A remote source gives what has come. */
static ssize_t read_tail(struct source *s, uint8_t *tail)
{
    int64_t size = source_size(s);
    int64_t from = size > OGG_TAIL_BYTES ? size - OGG_TAIL_BYTES : 0;
    size_t len = 0;
    while (len < OGG_TAIL_BYTES) {
        ssize_t n = source_read_at(s, tail + len, OGG_TAIL_BYTES - len, from + (int64_t)len);
        if (n < 0)
            return n;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

/* Copies the head of the last page. Returns 1, 0 if there is none, or negative errno. */
static int read_last_ogg_head(struct source *s, uint8_t head[OGG_HEAD_BYTES])
{
    uint8_t *tail = malloc(OGG_TAIL_BYTES);
    ssize_t len = tail ? read_tail(s, tail) : -ENOMEM;
    const uint8_t *last = len > 0 ? last_ogg_page(tail, (size_t)len) : NULL;
    if (last)
        memcpy(head, last, OGG_HEAD_BYTES);
    free(tail);
    return len < 0 ? (int)len : last != NULL;
}

int container_ogg_last_serial(struct source *s, uint32_t *ret)
{
    uint8_t last[OGG_HEAD_BYTES];
    int r = read_last_ogg_head(s, last);
    if (r == 1)
        *ret = AV_RL32(last + OGG_SERIAL);
    return r;
}

/* Reads the head of the page at `at`. Returns the page's length in bytes, 0: there is none. */
static int64_t read_ogg_head(struct source *s, int64_t at, uint8_t page[OGG_HEAD_BYTES + 255])
{
    ssize_t len = source_read_at(s, page, OGG_HEAD_BYTES + 255, at);
    if (len < OGG_HEAD_BYTES || memcmp(page, "OggS", 4) != 0 || len < OGG_HEAD_BYTES + page[26])
        return 0;
    int64_t bytes = OGG_HEAD_BYTES + page[26];
    for (int lace = 0; lace < page[26]; lace++)
        bytes += page[OGG_HEAD_BYTES + lace];
    return bytes;
}

void container_ogg_read_beginning(const uint8_t *p, size_t len, struct ogg_beginning *ret)
{
    size_t bytes;
    ret->n = 0;
    while (ret->n < CONTAINER_STREAMS_MAX && (bytes = ogg_page_bytes(p, len)) > 0 &&
           (p[OGG_FLAGS] & OGG_FIRST)) {
        ret->serials[ret->n++] = AV_RL32(p + OGG_SERIAL);
        p += bytes;
        len -= bytes;
    }
}

bool container_ogg_begins_with(const struct ogg_beginning *b, uint32_t serial)
{
    for (size_t i = 0; i < b->n; i++) {
        if (b->serials[i] == serial)
            return true;
    }
    return false;
}

int64_t container_ogg_first_granule(struct source *s)
{
    uint8_t page[OGG_HEAD_BYTES + 255];
    int64_t at = 0;
    for (int i = 0; i < OGG_HEADS_MAX; i++) {
        int64_t bytes = read_ogg_head(s, at, page);
        int64_t granule = (int64_t)AV_RL64(page + OGG_GRANULE);
        if (bytes == 0 || granule > 0)
            return bytes == 0 ? 0 : granule;
        at += bytes;
    }
    return 0;
}

bool container_ogg_is_short(struct source *s, bool *ret_chained)
{
    uint8_t last[OGG_HEAD_BYTES];
    int r = read_last_ogg_head(s, last);
    *ret_chained = false;
    if (r < 0 || source_size(s) <= 0)
        return false;
    uint8_t first[CONTAINER_BEGIN_BYTES];
    struct ogg_beginning b = { 0 };
    ssize_t len = source_read_at(s, first, sizeof first, 0);
    container_ogg_read_beginning(first, len > 0 ? (size_t)len : 0, &b);
    *ret_chained = r == 1 && !container_ogg_begins_with(&b, AV_RL32(last + OGG_SERIAL));
    return r == 0 || (last[OGG_FLAGS] & OGG_LAST) == 0;
}

/* An EBML size of 1 … 8 bytes. Returns its length, or 0; −1 in *ret for "unknown". */
static int ebml_size(const uint8_t *p, size_t len, int64_t *ret)
{
    int n = 1;
    while (n <= 8 && (p[0] & (0x80 >> (n - 1))) == 0)
        n++;
    if (n > 8 || (size_t)n > len)
        return 0;
    uint64_t value = p[0] & (0xff >> n);
    uint64_t unknown = (UINT64_C(1) << (7 * n)) - 1;
    for (int i = 1; i < n; i++)
        value = value << 8 | p[i];
    *ret = value == unknown ? -1 : (int64_t)value;
    return n;
}

bool container_ebml_is_short(struct source *s)
{
    static const uint8_t segment[4] = { 0x18, 0x53, 0x80, 0x67 };
    uint8_t p[12];
    int64_t header;
    int64_t size;
    if (!read_exactly(s, p, sizeof p, 0))
        return false;
    int n = ebml_size(p + 4, sizeof p - 4, &header);
    if (n == 0 || header < 0)
        return false;
    int64_t at = 4 + n + header;
    if (!read_exactly(s, p, sizeof p, at) || memcmp(p, segment, 4) != 0)
        return false;
    n = ebml_size(p + 4, sizeof p - 4, &size);
    return n > 0 && size >= 0 && at + 4 + n + size > source_size(s);
}

bool container_boxes_are_short(struct source *s)
{
    int64_t at = 0;
    for (int i = 0; i < BOXES_MAX && at < source_size(s); i++) {
        uint8_t p[16];
        if (!read_exactly(s, p, 8, at))
            return i > 0; /* cut inside a box's head */
        int64_t size = AV_RB32(p);
        if (size == 0)
            return false; /* up to the end */
        if (size == 1) {
            if (!read_exactly(s, p, sizeof p, at))
                return true;
            size = (int64_t)AV_RB64(p + 8);
        }
        if (size < 8 || size > INT64_MAX - at)
            return false;
        at += size;
    }
    return at > source_size(s);
}

enum { ASF_HEAD_BYTES = 24, ASF_PROPERTIES_BYTES = 92, ASF_OBJECTS_MAX = 32 };

/* ASF: copies the beginning of the header's object of that kind. */
static bool read_asf_object(struct source *s, const uint8_t kind[16], uint8_t *p, size_t len)
{
    int64_t at = 30;
    for (int i = 0; i < ASF_OBJECTS_MAX; i++) {
        if (!read_exactly(s, p, ASF_HEAD_BYTES, at))
            return false;
        if (memcmp(p, kind, 16) == 0)
            return read_exactly(s, p, len, at);
        uint64_t size = AV_RL64(p + 16);
        if (size < ASF_HEAD_BYTES || size > INT32_MAX)
            return false;
        at += (int64_t)size;
    }
    return false;
}

bool container_asf_is_short(struct source *s)
{
    static const uint8_t properties[16] = { 0xa1, 0xdc, 0xab, 0x8c, 0x47, 0xa9, 0xcf, 0x11,
                                            0x8e, 0xe4, 0x00, 0xc0, 0x0c, 0x20, 0x53, 0x65 };
    uint8_t p[ASF_PROPERTIES_BYTES];
    if (!read_asf_object(s, properties, p, sizeof p))
        return false;
    bool broadcast = (p[88] & 1) != 0;
    uint64_t size = AV_RL64(p + 40);
    return !broadcast && size < INT64_MAX && (int64_t)size > source_size(s);
}

bool container_asf_is_encrypted(struct source *s)
{
    static const uint8_t kinds[2][16] = {
        { 0xfb, 0xb3, 0x11, 0x22, 0x23, 0xbd, 0xd2, 0x11, 0xb4, 0xb7, 0x00, 0xa0, 0xc9, 0x55, 0xfc,
          0x6e },
        { 0x14, 0xe6, 0x8a, 0x29, 0x22, 0x26, 0x17, 0x4c, 0xb9, 0x35, 0xda, 0xe0, 0x7e, 0xe9, 0x28,
          0x9c }, /* extended */
    };
    uint8_t p[ASF_HEAD_BYTES];
    return read_asf_object(s, kinds[0], p, sizeof p) || read_asf_object(s, kinds[1], p, sizeof p);
}

bool container_is_placeholder(int64_t bytes, int64_t there)
{
    return bytes >= 0x7f000000 || (bytes >= ROUND_BYTES && bytes / 2 > there);
}

bool container_iff_is_short(struct source *s)
{
    uint8_t p[12];
    if (!read_exactly(s, p, sizeof p, 0))
        return false;
    bool big_endian = memcmp(p, "FORM", 4) == 0;
    if (!big_endian && memcmp(p, "RIFF", 4) != 0)
        return false;
    int64_t size = big_endian ? AV_RB32(p + 4) : AV_RL32(p + 4);
    if (container_is_placeholder(size, source_size(s)))
        return false;
    return size + 8 > source_size(s) + IFF_SLACK_BYTES;
}
