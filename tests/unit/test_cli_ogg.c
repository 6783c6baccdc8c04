#include "base/buf.h"
#include "cli/ogg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ogg/ogg.h>
#include <cmocka.h>

enum { SERIAL = 0x12345678, MAX_PAGES = 64, MAX_PACKETS = 2048 };

/* A file read back by libogg's own reader. */
struct reading {
    struct buf file;
    int n_pages;
    struct {
        int64_t granule;
        int n_packets;
        bool bos, eos;
    } pages[MAX_PAGES];
    int n_packets;
    size_t len[MAX_PACKETS];
    uint8_t first[MAX_PACKETS]; /* byte of each packet */
    uint8_t head[64];
    uint8_t tags[256];
};

static int keep(const void *bytes, size_t len, void *arg)
{
    struct reading *r = arg;
    return buf_append(&r->file, bytes, len);
}

static int refuse(const void *bytes, size_t len, void *arg)
{
    return -ENOSPC;
}

static void take_packets(struct reading *r, ogg_stream_state *stream)
{
    ogg_packet packet;
    int n;
    while ((n = ogg_stream_packetout(stream, &packet)) != 0) {
        assert_int_equal(n, 1);
        assert_in_range(r->n_packets, 0, MAX_PACKETS - 1);
        if (r->n_packets == 0)
            memcpy(r->head, packet.packet, (size_t)packet.bytes);
        if (r->n_packets == 1)
            memcpy(r->tags, packet.packet, (size_t)packet.bytes);
        r->len[r->n_packets] = (size_t)packet.bytes;
        r->first[r->n_packets++] = packet.packet[0];
    }
}

static void read_back(struct reading *r)
{
    ogg_sync_state sync;
    ogg_stream_state stream;
    ogg_page page;
    assert_int_equal(ogg_sync_init(&sync), 0);
    assert_int_equal(ogg_stream_init(&stream, SERIAL), 0);
    char *room = ogg_sync_buffer(&sync, (long)buf_len(&r->file));
    memcpy(room, buf_head(&r->file), buf_len(&r->file));
    assert_int_equal(ogg_sync_wrote(&sync, (long)buf_len(&r->file)), 0);
    int n;
    while ((n = ogg_sync_pageout(&sync, &page)) != 0) {
        assert_int_equal(n, 1); /* no bytes between pages, all checksums right */
        assert_int_equal(ogg_page_serialno(&page), SERIAL);
        assert_int_equal(ogg_page_pageno(&page), r->n_pages);
        assert_in_range(r->n_pages, 0, MAX_PAGES - 1);
        r->pages[r->n_pages].granule = ogg_page_granulepos(&page);
        r->pages[r->n_pages].n_packets = ogg_page_packets(&page);
        r->pages[r->n_pages].bos = ogg_page_bos(&page) != 0;
        r->pages[r->n_pages++].eos = ogg_page_eos(&page) != 0;
        assert_int_equal(ogg_stream_pagein(&stream, &page), 0);
        take_packets(r, &stream);
    }
    ogg_stream_clear(&stream);
    ogg_sync_clear(&sync);
}

static struct reading *reading_new(void)
{
    struct reading *r = calloc(1, sizeof *r);
    assert_non_null(r);
    buf_init(&r->file, 16 * 1024 * 1024);
    return r;
}

static void reading_free(struct reading *r)
{
    buf_done(&r->file);
    free(r);
}

static struct ogg_writer *writer_new(struct reading *r, const char *title)
{
    struct ogg_setup setup = {
        .serial = SERIAL,
        .pre_skip = 312,
        .title = title,
        .packets_per_page = 50,
    };
    struct ogg_writer *w;
    assert_int_equal(ogg_writer_new(&setup, keep, r, &w), 0);
    return w;
}

static void add_frames(struct ogg_writer *w, int n, size_t len)
{
    uint8_t packet[1275];
    memset(packet, 0xfc, sizeof packet);
    for (int i = 0; i < n; i++)
        assert_int_equal(ogg_writer_packet(w, packet, len), 0);
}

static void headers_and_pages(void **state)
{
    struct reading *r = reading_new();
    struct ogg_writer *w = writer_new(r, "Tea & \xc3\xa9t\xc3\xa9");
    add_frames(w, 120, 300);
    assert_int_equal(ogg_writer_frames(w), 120);
    assert_int_equal(ogg_writer_finish(w, 120 * 960 - 17), 0);
    ogg_writer_free(w);
    read_back(r);

    static const uint8_t head[] = { 'O',  'p', 'u',  's',  'H', 'e', 'a', 'd', 1, 2,
                                    0x38, 1,   0x80, 0xbb, 0,   0,   0,   0,   0 };
    assert_int_equal(r->len[0], sizeof head);
    assert_memory_equal(r->head, head, sizeof head);
    static const char vendor[] = "tutti " TUTTI_VERSION;
    const uint8_t *at = r->tags;
    assert_memory_equal(at, "OpusTags", 8);
    assert_int_equal(at[8], sizeof vendor - 1);
    assert_memory_equal(at + 12, vendor, sizeof vendor - 1);
    at += 12 + sizeof vendor - 1;
    assert_int_equal(at[0], 1);
    assert_int_equal(at[4], 17);
    assert_memory_equal(at + 8, "TITLE=Tea & \xc3\xa9t\xc3\xa9", 17);

    /* Head, tags, 50 + 50 + 20 packets. */
    assert_int_equal(r->n_pages, 5);
    assert_int_equal(r->n_packets, 122);
    static const int64_t granules[] = { 0, 0, 48000, 96000, 120 * 960 - 17 };
    for (int i = 0; i < 5; i++) {
        assert_int_equal(r->pages[i].granule, granules[i]);
        assert_int_equal(r->pages[i].bos, i == 0);
        assert_int_equal(r->pages[i].eos, i == 4);
    }
    reading_free(r);
}

/* The last packet's page must bear the end, also when the packets fill their pages exactly. */
static void full_last_page(void **state)
{
    struct reading *r = reading_new();
    struct ogg_writer *w = writer_new(r, NULL);
    add_frames(w, 100, 1275);
    assert_int_equal(ogg_writer_finish(w, -1), 0);
    ogg_writer_free(w);
    read_back(r);
    assert_int_equal(r->n_packets, 102);
    assert_true(r->pages[r->n_pages - 1].eos);
    assert_int_equal(r->pages[r->n_pages - 1].granule, 96000);
    assert_true(r->pages[r->n_pages - 1].n_packets > 0);
    reading_free(r);
}

static void ends(void **state)
{
    static const struct {
        int64_t end, granule;
    } rows[] = {
        { -1, 2880 },   { 2880, 2880 }, { 2879, 2879 },
        { 1921, 1921 }, { 1920, 2880 }, /* in the frame before: would lose a whole one */
        { 2881, 2880 }, { 0, 2880 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct reading *r = reading_new();
        struct ogg_writer *w = writer_new(r, NULL);
        add_frames(w, 3, 100);
        assert_int_equal(ogg_writer_finish(w, rows[i].end), 0);
        ogg_writer_free(w);
        read_back(r);
        assert_int_equal(r->pages[r->n_pages - 1].granule, rows[i].granule);
        reading_free(r);
    }
}

static void gaps_keep_their_place(void **state)
{
    struct reading *r = reading_new();
    struct ogg_writer *w = writer_new(r, NULL);
    const uint8_t silk_20ms[] = { 0x0b, 1, 2 }; /* narrow band, 20 ms, mono, code 3 */
    const uint8_t celt_5ms[] = { 0xef, 4, 2 };  /* four frames of 5 ms */
    assert_int_equal(ogg_writer_packet(w, silk_20ms, sizeof silk_20ms), 0);
    assert_int_equal(ogg_writer_gap(w, 2), 0);
    assert_int_equal(ogg_writer_packet(w, celt_5ms, sizeof celt_5ms), 0);
    assert_int_equal(ogg_writer_gap(w, 1), 0);
    assert_int_equal(ogg_writer_frames(w), 5);
    assert_int_equal(ogg_writer_finish(w, -1), 0);
    ogg_writer_free(w);
    read_back(r);
    assert_int_equal(r->n_packets, 7);
    assert_int_equal(r->pages[r->n_pages - 1].granule, 5 * 960);
    assert_int_equal(r->len[3], 1);
    assert_int_equal(r->first[3], 0x08);
    assert_int_equal(r->len[4], 1);
    assert_int_equal(r->len[6], 1);
    assert_int_equal(r->first[6], 0xfc);
    reading_free(r);
}

static void refuses(void **state)
{
    struct reading *r = reading_new();
    struct ogg_writer *w = writer_new(r, NULL);
    uint8_t packet[1276] = { 0 };
    assert_int_equal(ogg_writer_packet(w, packet, 0), -EINVAL);
    assert_int_equal(ogg_writer_packet(w, packet, 1276), -EINVAL);
    assert_int_equal(ogg_writer_finish(w, -1), -EINVAL);
    ogg_writer_free(w);
    struct ogg_setup setup = { .packets_per_page = 1 };
    assert_int_equal(ogg_writer_new(&setup, refuse, NULL, &w), -ENOSPC);
    ogg_writer_free(NULL);
    reading_free(r);
}

static void reads_pre_skip(void **state)
{
    struct reading *r = reading_new();
    struct ogg_writer *w = writer_new(r, NULL);
    uint8_t *bytes = (uint8_t *)buf_head(&r->file);
    assert_int_equal(ogg_read_pre_skip(bytes, buf_len(&r->file)), 312);
    assert_int_equal(ogg_read_pre_skip(bytes, 47), 312);
    assert_int_equal(ogg_read_pre_skip(bytes, 46), -1);
    assert_int_equal(ogg_read_pre_skip(bytes + 1, 60), -1);
    assert_int_equal(ogg_read_pre_skip((const uint8_t *)"", 0), -1);
    static const size_t not_plain[] = { 28 + 16, 28 + 17, 28 + 18, 28 + 9 };
    for (size_t i = 0; i < 4; i++) { /* gain, mapping family, channels */
        bytes[not_plain[i]] += 3;
        assert_int_equal(ogg_read_pre_skip(bytes, buf_len(&r->file)), -1);
        bytes[not_plain[i]] -= 3;
    }
    ogg_writer_free(w);
    reading_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_and_pages),
        cmocka_unit_test(full_last_page),
        cmocka_unit_test(ends),
        cmocka_unit_test(refuses),
        cmocka_unit_test(gaps_keep_their_place),
        cmocka_unit_test(reads_pre_skip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
