/* What a source is by its first bytes. */
#include "media/probe.h"
#include "unit.h"

#include <sys/mman.h>
#include <unistd.h>

enum { PROBE_BYTES = 1 << 20, ADTS_BYTES = 64 };

static uint8_t bytes[2 << 20];

static int never_waits(struct source *s, int timeout_ms, void *arg)
{
    return -EINTR;
}

static struct source *source_of(const void *content, size_t len)
{
    static const struct source_wait wait = { .fn = never_waits };
    struct source *s;
    int fd = memfd_create("medium", 0);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, len), (ssize_t)len);
    assert_int_equal(source_new(fd, &wait, &s), 0);
    return s;
}

static const char *format_of(size_t len)
{
    struct source *s = source_of(bytes, len);
    const AVInputFormat *format = probe_format(s, source_rewind(s), PROBE_BYTES);
    source_free(s);
    return format ? format->name : "";
}

static void put_adts(size_t at)
{
    static const uint8_t head[7] = { 0xff, 0xf1, 0x50, 0x80, ADTS_BYTES >> 3, 0x1f, 0xfc };
    memcpy(bytes + at, head, sizeof head);
}

static void put_id3(size_t at, uint32_t len)
{
    memcpy(bytes + at, "ID3\4\0\0", 6);
    for (int i = 0; i < 4; i++)
        bytes[at + 6 + (size_t)i] = len >> (7 * (3 - i)) & 0x7f;
}

static void whole_frames_are_a_file(void **state)
{
    memset(bytes, 0, sizeof bytes);
    put_adts(0);
    assert_string_equal(format_of(ADTS_BYTES), "aac");
    assert_string_equal(format_of(ADTS_BYTES - 1), "");
    assert_string_equal(format_of(ADTS_BYTES + 1), "");
    put_adts(ADTS_BYTES);
    assert_string_equal(format_of((size_t)2 * ADTS_BYTES), "aac");
    memcpy(bytes + (size_t)2 * ADTS_BYTES, "TAG", 3);
    assert_string_equal(format_of((size_t)2 * ADTS_BYTES + 128), "aac");
    assert_string_equal(format_of((size_t)2 * ADTS_BYTES + 127), "");
    put_id3(0, ADTS_BYTES - 10);
    assert_string_equal(format_of((size_t)2 * ADTS_BYTES), "aac");
}

static void what_lies_behind_large_tags(void **state)
{
    memset(bytes, 0, sizeof bytes);
    put_id3(0, 600 * 1000);
    put_id3(600 * 1000 + 10, 600 * 1000);
    memcpy(bytes + (size_t)2 * (600 * 1000 + 10),
           "fLaC\0\0\0\x22\x10\0\x10\0\0\0\0\0\0\0\x0a\xc4\x42\xf0", 22);
    assert_string_equal(format_of(sizeof bytes), "flac");
    bytes[6] = 0xff; /* no size */
    assert_string_equal(format_of(sizeof bytes), "");
    put_id3(0, 0xfffffff); /* beyond the end */
    assert_string_equal(format_of(sizeof bytes), "");
}

static const char *why(const char *content, size_t len)
{
    struct source *s = source_of(content, len);
    const char *text = probe_why_not(s);
    source_free(s);
    return text ? text : "";
}

static void what_cannot_be_opened_is_named(void **state)
{
    assert_non_null(strstr(why("MThd\0\0\0\6", 8), "MIDI"));
    assert_non_null(strstr(why("RIFF\0\0\0\0RMID", 12), "MIDI"));
    assert_non_null(
        strstr(why("fLaC\0\0\0\x22\x10\0\x10\0\0\0\0\0\0\0\x0a\xc4\x42\xf0", 22), "broken"));
    assert_string_equal(why("words", 5), "");
    assert_string_equal(why("", 0), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_frames_are_a_file),
        cmocka_unit_test(what_lies_behind_large_tags),
        cmocka_unit_test(what_cannot_be_opened_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
