/* A source that is a file: read in its place, by nobody's offset but its own. */
#include "media/source.h"
#include "unit.h"

#include <errno.h>
#include <libavformat/avio.h>
#include <libavutil/error.h>
#include <sys/mman.h>

enum { BYTES = 100000 };

static struct source *s;
static int fd;

static uint8_t byte_at(int64_t at)
{
    return (uint8_t)(at * 31 + at / 251);
}

static int never(struct source *source, int timeout_ms, void *arg)
{
    return -1;
}

static int set_up(void **state)
{
    static uint8_t bytes[BYTES];
    struct source_wait wait = { .fn = never };
    for (int64_t i = 0; i < BYTES; i++)
        bytes[i] = byte_at(i);
    fd = memfd_create("medium", MFD_CLOEXEC);
    assert_int_equal(write(fd, bytes, BYTES), BYTES);
    return source_new(dup(fd), &wait, &s);
}

static int tear_down(void **state)
{
    source_free(s);
    return close(fd);
}

static void what_it_is(void **state)
{
    assert_false(source_is_remote(s) || source_is_hls(s) || source_is_live(s));
    assert_true(source_can_seek(s));
    assert_int_equal(source_size(s), BYTES);
    assert_int_equal(source_poll_fd(s), -1);
    assert_false(source_was_cut(s) || source_is_lost(s) || source_gave_up(s));
}

/* The descriptor is shared with the daemon, which hands it to the next worker. */
static void its_offset_is_left_alone(void **state)
{
    uint8_t bytes[64];
    assert_int_equal(lseek(fd, 777, SEEK_SET), 777);
    struct AVIOContext *io = source_rewind(s);
    assert_non_null(io);
    for (int64_t i = 0; i < BYTES / 2; i++)
        assert_int_equal(avio_r8(io), byte_at(i));
    assert_int_equal(source_read_at(s, bytes, sizeof bytes, 5000), 64);
    assert_int_equal(bytes[0], byte_at(5000));
    assert_int_equal(avio_r8(io), byte_at(BYTES / 2)); /* beside the stream */
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 777);
}

static void to_and_fro(void **state)
{
    struct AVIOContext *io = source_rewind(s);
    static const int64_t places[] = { 99999, 0, 50000, 49999, 32768, 1 };
    for (size_t i = 0; i < LENGTH_OF(places); i++) {
        assert_int_equal(avio_seek(io, places[i], SEEK_SET), places[i]);
        assert_int_equal(avio_r8(io), byte_at(places[i]));
    }
    assert_int_equal(avio_size(io), BYTES);
    io = source_rewind(s);
    assert_int_equal(avio_r8(io), byte_at(0));
}

/* The end where it should be is no cut; one that comes before is. */
static void an_end_that_comes_early(void **state)
{
    uint8_t bytes[64];
    struct AVIOContext *io = source_rewind(s);
    (void)avio_seek(io, BYTES - 10, SEEK_SET);
    assert_int_equal(avio_read(io, bytes, 64), 10);
    assert_int_equal(avio_read(io, bytes, 64), AVERROR_EOF);
    assert_false(source_was_cut(s));
    assert_int_equal(ftruncate(fd, BYTES - 1000), 0);
    io = source_rewind(s);
    (void)avio_seek(io, BYTES - 1010, SEEK_SET);
    assert_int_equal(avio_read(io, bytes, 64), 10);
    assert_int_equal(avio_read(io, bytes, 64), AVERROR_EOF);
    assert_true(source_was_cut(s));
}

static void beyond_the_end(void **state)
{
    uint8_t byte;
    assert_int_equal(source_read_at(s, &byte, 1, BYTES), 0);
    assert_int_equal(source_read_at(s, &byte, 1, BYTES - 1), 1);
    assert_true(source_read_at(s, &byte, 1, -1) < 0);
}

static void one_that_is_lost(void **state)
{
    source_lose(s);
    assert_true(source_is_lost(s) && source_was_cut(s));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_it_is),     TEST(its_offset_is_left_alone),
        TEST(to_and_fro),     TEST(an_end_that_comes_early),
        TEST(beyond_the_end), TEST(one_that_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
