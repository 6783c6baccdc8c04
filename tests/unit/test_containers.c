/* Files that are shorter than they say, made byte by byte. */
#include "media/containers.h"
#include "unit.h"

#include <sys/mman.h>

static int never(struct source *s, int timeout_ms, void *arg)
{
    return -1;
}

static struct source *source_of(const void *bytes, size_t len)
{
    struct source *s;
    struct source_wait wait = { .fn = never };
    int fd = memfd_create("medium", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    assert_int_equal(source_new(fd, &wait, &s), 0);
    return s;
}

typedef bool is_short_fn(struct source *s);

static bool is_short(is_short_fn *fn, const void *bytes, size_t len)
{
    struct source *s = source_of(bytes, len);
    bool answer = fn(s);
    source_free(s);
    return answer;
}

static void riff_and_form(void **state)
{
    static uint8_t b[400] = "RIFF\0\0\0\0WAVE";
    static const struct {
        const char *label, *magic;
        uint8_t size[4];
        bool is_short;
    } rows[] = {
        { "exact", "RIFF", { 0x88, 1 }, false },
        { "a chunk's head too few", "RIFF", { 0xb8, 1 }, false },
        { "cut", "RIFF", { 0, 2 }, true },
        { "to be filled in", "RIFF", { 0xff, 0xff, 0xff, 0xff }, false },
        { "AIFF", "FORM", { 0, 0, 1, 0x88 }, false },
        { "AIFF, cut", "FORM", { 0, 0, 2, 0 }, true },
        { "something else", "RIFX", { 0, 9 }, false },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        memcpy(b, rows[i].magic, 4);
        memcpy(b + 4, rows[i].size, 4);
        ROW_TRUE(rows[i].label, is_short(container_iff_is_short, b, sizeof b) == rows[i].is_short);
    }
    assert_false(is_short(container_iff_is_short, b, 8));
}

static void boxes(void **state)
{
    static const uint8_t whole[] = "\0\0\0\x10"
                                   "ftypabcdefgh"
                                   "\0\0\0\x0c"
                                   "mdatwxyz";
    static const uint8_t to_the_end[] = "\0\0\0\x10"
                                        "ftypabcdefgh"
                                        "\0\0\0\0"
                                        "mdatwxyz";
    static const uint8_t large[] = "\0\0\0\1"
                                   "mdat"
                                   "\0\0\0\0\0\0\0\x14"
                                   "wxyz";
    static const uint8_t nonsense[] = "\0\0\0\7"
                                      "ftypabcdefgh";
    static const uint8_t huge[] = "\0\0\0\1"
                                  "mdat"
                                  "\xff\xff\xff\xff\xff\xff\xff\xff"
                                  "wxyz";
    size_t len = sizeof whole - 1;
    assert_false(is_short(container_boxes_are_short, whole, len));
    for (size_t cut = 17; cut < len; cut++)
        assert_true(is_short(container_boxes_are_short, whole, cut));
    assert_false(is_short(container_boxes_are_short, whole, 16)); /* ends between boxes */
    assert_false(is_short(container_boxes_are_short, to_the_end, 24));
    assert_false(is_short(container_boxes_are_short, large, sizeof large - 1));
    assert_true(is_short(container_boxes_are_short, large, sizeof large - 2));
    assert_false(is_short(container_boxes_are_short, nonsense, sizeof nonsense - 1));
    assert_false(is_short(container_boxes_are_short, huge, sizeof huge - 1));
}

static void ebml(void **state)
{
    static const uint8_t b[] = "\x1a\x45\xdf\xa3\x82xx"
                               "\x18\x53\x80\x67\x90"
                               "0123456789abcdef";
    static const uint8_t live[] = "\x1a\x45\xdf\xa3\x82xx"
                                  "\x18\x53\x80\x67\xff"
                                  "0123456789abcdef";
    static const uint8_t wide[] = "\x1a\x45\xdf\xa3\x82xx"
                                  "\x18\x53\x80\x67\x40\x10"
                                  "0123456789abcdef";
    size_t len = sizeof b - 1;
    assert_false(is_short(container_ebml_is_short, b, len));
    assert_true(is_short(container_ebml_is_short, b, len - 1));
    assert_false(is_short(container_ebml_is_short, live, len - 5)); /* of unknown size */
    assert_false(is_short(container_ebml_is_short, wide, sizeof wide - 1));
    assert_true(is_short(container_ebml_is_short, wide, sizeof wide - 2));
    assert_false(is_short(container_ebml_is_short, b, 11));
    static const uint8_t broken[16] = { 0x1a, 0x45, 0xdf, 0xa3, 0 };
    assert_false(is_short(container_ebml_is_short, broken, sizeof broken));
}

static void asf(void **state)
{
    static const uint8_t properties[16] = { 0xa1, 0xdc, 0xab, 0x8c, 0x47, 0xa9, 0xcf, 0x11,
                                            0x8e, 0xe4, 0x00, 0xc0, 0x0c, 0x20, 0x53, 0x65 };
    uint8_t b[300] = { 0 };
    b[30 + 16] = 40; /* another object of forty bytes comes first */
    memcpy(b + 70, properties, 16);
    b[70 + 40] = 0x2c;
    b[70 + 41] = 1; /* 300 bytes */
    assert_false(is_short(container_asf_is_short, b, sizeof b));
    assert_true(is_short(container_asf_is_short, b, sizeof b - 1));
    b[70 + 88] = 1; /* it was sent, and nobody knew */
    assert_false(is_short(container_asf_is_short, b, sizeof b - 1));
    b[30 + 16] = 23; /* less than an object's head: it would be walked for ever */
    b[70 + 88] = 0;
    assert_false(is_short(container_asf_is_short, b, sizeof b - 1));
}

/* Writes a page with one packet of `body` bytes; returns its length. */
static size_t put_page(uint8_t *at, uint8_t flags, uint8_t serial, uint8_t body)
{
    memset(at, 0, 28u + body);
    memcpy(at, "OggS", 4);
    at[5] = flags;
    at[14] = serial;
    at[26] = 1;
    at[27] = body;
    return 28u + body;
}

static void ogg(void **state)
{
    uint8_t b[1000];
    bool chained = true;
    uint32_t serial = 0;
    size_t len = put_page(b, 2, 1, 200);
    len += put_page(b + len, 0, 1, 100);
    size_t before = len;
    len += put_page(b + len, 4, 1, 50);
    struct source *s = source_of(b, len);
    assert_false(container_ogg_is_short(s, &chained));
    assert_false(chained);
    assert_int_equal(container_ogg_last_serial(s, &serial), 1);
    assert_int_equal(serial, 1);
    source_free(s);
    /* Without its last page, or with a part of it. */
    for (size_t cut = before; cut < len; cut += 13) {
        s = source_of(b, cut);
        assert_true(container_ogg_is_short(s, &chained));
        source_free(s);
    }
    len += put_page(b + len, 6, 9, 20);
    s = source_of(b, len);
    assert_false(container_ogg_is_short(s, &chained));
    assert_true(chained);
    assert_int_equal(container_ogg_last_serial(s, &serial), 1);
    assert_int_equal(serial, 9);
    source_free(s);
    s = source_of("no pages at all, but long enough to hold one", 44);
    assert_int_equal(container_ogg_last_serial(s, &serial), 0);
    source_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(riff_and_form), cmocka_unit_test(boxes), cmocka_unit_test(ebml),
        cmocka_unit_test(asf),           cmocka_unit_test(ogg),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
