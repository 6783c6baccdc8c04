#include "cli/ogg.h"

#include "base/audio.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <ogg/ogg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEAD_BYTES = 19,        /* OpusHead with channel mapping family 0 */
    PAGE_HEAD_BYTES = 28,   /* of a page with one short packet */
    PAGE_FILL = 65025,      /* [bytes] no page holds more: only the packet count ends pages */
    TOC_20MS_STEREO = 0xfc, /* CELT, full band, 20 ms, stereo, one frame */
};

struct ogg_writer {
    ogg_stream_state stream;
    ogg_write_fn *write;
    void *arg;
    unsigned packets_per_page;
    unsigned on_page;      /* packets since the last page was written */
    ogg_int64_t n_packets; /* given to libogg, headers included */
    int64_t n_frames;      /* given by the caller, the held one included */
    uint8_t held[AUDIO_PACKET_MAX];
    size_t held_bytes; /* 0: none yet */
};

static void put_le16(uint8_t *to, unsigned value)
{
    to[0] = (uint8_t)(value & 0xff);
    to[1] = (uint8_t)(value >> 8 & 0xff);
}

static void put_le32(uint8_t *to, uint32_t value)
{
    put_le16(to, value & 0xffff);
    put_le16(to + 2, value >> 16);
}

static int write_page(struct ogg_writer *w, const ogg_page *page)
{
    int err = w->write(page->header, (size_t)page->header_len, w->arg);
    return err < 0 ? err : w->write(page->body, (size_t)page->body_len, w->arg);
}

/* Writes all that libogg holds as pages, the last of them ended here. */
static int flush_pages(struct ogg_writer *w)
{
    ogg_page page;
    int err = 0;
    while (err == 0 && ogg_stream_flush_fill(&w->stream, &page, PAGE_FILL) != 0)
        err = write_page(w, &page);
    w->on_page = 0;
    return err;
}

static int add_packet(struct ogg_writer *w, const void *bytes, size_t len, int64_t granule,
                      bool last)
{
    ogg_packet packet = {
        .packet = (unsigned char *)(size_t)bytes, /* libogg copies it and has no const */
        .bytes = (long)len,
        .b_o_s = w->n_packets == 0,
        .e_o_s = last,
        .granulepos = granule,
        .packetno = w->n_packets++,
    };
    return ogg_stream_packetin(&w->stream, &packet) == 0 ? 0 : -ENOMEM;
}

static int write_head(struct ogg_writer *w, uint16_t pre_skip)
{
    uint8_t head[HEAD_BYTES] = "OpusHead";
    head[8] = 1; /* version */
    head[9] = AUDIO_CHANNELS;
    put_le16(head + 10, pre_skip);
    put_le32(head + 12, AUDIO_RATE); /* of the input, for information */
    put_le16(head + 16, 0);          /* output gain */
    head[18] = 0;                    /* channel mapping family: mono or stereo */
    int err = add_packet(w, head, sizeof head, 0, false);
    return err < 0 ? err : flush_pages(w);
}

static int write_tags(struct ogg_writer *w, const char *title)
{
    static const char vendor[] = "tutti " TUTTI_VERSION;
    static const char key[] = "TITLE=";
    size_t vendor_len = sizeof vendor - 1;
    size_t key_len = sizeof key - 1;
    size_t title_len = title ? strlen(title) : 0;
    if (title_len > PAGE_FILL / 2)
        title_len = 0;
    size_t len = 8 + 4 + vendor_len + 4 + (title_len > 0 ? 4 + key_len + title_len : 0);
    uint8_t *tags = malloc(len);
    if (!tags)
        return -ENOMEM;
    uint8_t *at = tags;
    memcpy(at, "OpusTags", 8);
    put_le32(at += 8, (uint32_t)vendor_len);
    memcpy(at += 4, vendor, vendor_len);
    put_le32(at += vendor_len, title_len > 0);
    if (title_len > 0) {
        put_le32(at += 4, (uint32_t)(key_len + title_len));
        memcpy(at += 4, key, key_len);
        memcpy(at + key_len, title, title_len);
    }
    int err = add_packet(w, tags, len, 0, false);
    free(tags);
    return err < 0 ? err : flush_pages(w);
}

int ogg_writer_new(const struct ogg_setup *setup, ogg_write_fn *write, void *arg,
                   struct ogg_writer **ret)
{
    assert(write);
    struct ogg_writer *w = calloc(1, sizeof *w);
    if (!w || ogg_stream_init(&w->stream, (int)setup->serial) != 0) {
        free(w);
        return -ENOMEM;
    }
    w->write = write;
    w->arg = arg;
    w->packets_per_page = setup->packets_per_page > 0 ? setup->packets_per_page : 1;
    int err = write_head(w, setup->pre_skip);
    if (err == 0)
        err = write_tags(w, setup->title);
    if (err < 0) {
        ogg_writer_free(w);
        return err;
    }
    *ret = w;
    return 0;
}

void ogg_writer_free(struct ogg_writer *w)
{
    if (!w)
        return;
    ogg_stream_clear(&w->stream);
    free(w);
}

/* Gives the held packet to libogg. Its granule position is the end of its last sample. */
static int release_held(struct ogg_writer *w)
{
    assert(w->held_bytes <= sizeof w->held);
    if (w->held_bytes == 0)
        return 0;
    int err = add_packet(w, w->held, w->held_bytes, w->n_frames * AUDIO_FRAME_SAMPLES, false);
    if (err < 0)
        return err;
    return ++w->on_page >= w->packets_per_page ? flush_pages(w) : 0;
}

int ogg_writer_packet(struct ogg_writer *w, const uint8_t *packet, size_t len)
{
    if (len == 0 || len > sizeof w->held)
        return -EINVAL;
    int err = release_held(w);
    if (err < 0)
        return err;
    memcpy(w->held, packet, len);
    w->held_bytes = len;
    w->n_frames++;
    return 0;
}

/* True if a packet whose first byte this is has frames of 20 ms: RFC 6716, table 2. */
static bool toc_is_20ms(uint8_t toc)
{
    unsigned config = toc >> 3;
    if (config < 12)
        return config % 4 == 1;
    return config < 16 ? config % 2 == 1 : config % 4 == 3;
}

int ogg_writer_gap(struct ogg_writer *w, uint32_t n)
{
    /* One frame without bytes, in the mode of the frame before it: concealment is best then. */
    uint8_t toc = TOC_20MS_STEREO;
    if (w->held_bytes > 0 && toc_is_20ms(w->held[0]))
        toc = w->held[0] & 0xfc;
    int err = 0;
    while (err == 0 && n-- > 0)
        err = ogg_writer_packet(w, &toc, 1);
    return err;
}

int64_t ogg_writer_frames(const struct ogg_writer *w)
{
    return w->n_frames;
}

int ogg_writer_finish(struct ogg_writer *w, int64_t end)
{
    if (w->held_bytes == 0)
        return -EINVAL;
    int64_t whole = w->n_frames * AUDIO_FRAME_SAMPLES;
    if (end <= whole - AUDIO_FRAME_SAMPLES || end > whole)
        end = whole;
    int err = add_packet(w, w->held, w->held_bytes, end, true);
    w->held_bytes = 0;
    return err < 0 ? err : flush_pages(w);
}

int ogg_read_pre_skip(const uint8_t *bytes, size_t len)
{
    const uint8_t *head = bytes + PAGE_HEAD_BYTES;
    if (len < PAGE_HEAD_BYTES + HEAD_BYTES || memcmp(bytes, "OggS", 4) != 0 ||
        memcmp(head, "OpusHead", 8) != 0)
        return -1;
    bool has_gain = head[16] != 0 || head[17] != 0;
    bool is_plain = head[9] >= 1 && head[9] <= 2 && head[18] == 0;
    if (!is_plain || has_gain)
        return -1;
    return head[10] | head[11] << 8;
}
