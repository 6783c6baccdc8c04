#include "cli/record.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static void finds_the_end(void **state)
{
    static const struct {
        const char *label;
        int64_t samples, lag, play_frames, total, end;
    } rows[] = {
        { "one second", 48000, 312, 51, 51, 48312 },
        { "ends with its frame", 960 * 10 - 312, 312, 10, 10, 9600 },
        { "rounded up into no frame", 960 * 10 - 312 + 20, 312, 10, 10, 9600 },
        { "rounded down out of the last frame", 9600 - 312 - 10, 312, 11, 11, 9601 },
        { "no duration", -1, 312, 51, 51, -1 },
        { "the source was shorter than it said", 480000, 312, 51, 51, -1 },
        { "the source was longer than it said", 24000, 312, 51, 51, -1 },
        { "another play before it", 48100, 312, 51, 102, 51 * 960 + 48412 },
        { "passed through without lag", 48000, 0, 50, 50, 48000 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s\n", rows[i].label);
        assert_int_equal(
            record_end(rows[i].samples, rows[i].lag, rows[i].play_frames, rows[i].total),
            rows[i].end);
    }
}

static int give(struct record *r, uint32_t sequence, size_t len)
{
    static const uint8_t packet[100] = { 0xfc };
    struct received_frame f = { .channel = 1, .sequence = sequence, .packet = packet, .len = len };
    return record_frame(r, &f);
}

struct fixture {
    char dir[32];
    char path[64];
    struct record *record;
};

static int open_record(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    assert_non_null(x);
    (void)snprintf(x->dir, sizeof x->dir, "/tmp/tutti-test-XXXXXX");
    assert_non_null(mkdtemp(x->dir));
    (void)snprintf(x->path, sizeof x->path, "%s/out.ogg", x->dir);
    x->record = record_new(x->path);
    assert_non_null(x->record);
    *state = x;
    return 0;
}

static int close_record(void **state)
{
    struct fixture *x = *state;
    record_free(x->record);
    (void)unlink(x->path);
    assert_int_equal(rmdir(x->dir), 0);
    free(x);
    return 0;
}

static void writes_a_file(void **state)
{
    struct fixture *x = *state;
    struct stat st;
    assert_int_equal(stat(x->path, &st), -1); /* not before there is something to write */
    assert_false(record_begun(x->record));
    assert_int_equal(record_begin(x->record, 312, NULL), 0);
    assert_true(record_begun(x->record));
    assert_int_equal(give(x->record, 0, 100), 0);
    assert_true(record_in_play(x->record));
    assert_int_equal(give(x->record, 1, 100), 0);
    assert_int_equal(give(x->record, 2, 0), 0);
    assert_false(record_in_play(x->record));
    assert_int_equal(record_plays(x->record), 1);
    assert_int_equal(give(x->record, 0, 100), 0); /* the next play counts anew */
    assert_int_equal(give(x->record, 1, 0), 0);
    assert_int_equal(record_frames(x->record), 3);
    assert_int_equal(record_lost(x->record), 0);
    assert_int_equal(record_finish(x->record, 2800), 0);
    assert_int_equal(record_poll_fd(x->record), -1);
    assert_int_equal(record_close(x->record), 0);
    assert_int_equal(stat(x->path, &st), 0);
    assert_true(st.st_size > 300);
}

static void fills_gaps(void **state)
{
    struct fixture *x = *state;
    assert_int_equal(record_begin(x->record, 312, NULL), 0);
    assert_int_equal(give(x->record, 0, 100), 0);
    assert_int_equal(give(x->record, 3, 100), 0);
    assert_int_equal(give(x->record, 6, 0), 0); /* the tail was dropped */
    assert_int_equal(record_frames(x->record), 6);
    assert_int_equal(record_lost(x->record), 4);
    assert_int_equal(give(x->record, 4000000000u, 100), -EPROTO);
}

static void going_back_is_impossible(void **state)
{
    struct fixture *x = *state;
    assert_int_equal(record_begin(x->record, 312, NULL), 0);
    assert_int_equal(give(x->record, 0, 100), 0);
    assert_int_equal(give(x->record, 0, 100), -EPROTO);
}

static void cannot_be_opened(void **state)
{
    struct record *r = record_new("/proc/nothing/out.ogg");
    assert_int_equal(record_begin(r, 312, NULL), -ENOENT);
    assert_int_equal(record_finish(r, -1), 0);
    record_free(r);
    record_free(NULL);
}

/* /dev/full takes every open and no byte. */
static void no_room(void **state)
{
    struct record *r = record_new("/dev/full");
    assert_int_equal(record_begin(r, 312, NULL), -ENOSPC);
    record_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_end),
        cmocka_unit_test_setup_teardown(writes_a_file, open_record, close_record),
        cmocka_unit_test_setup_teardown(fills_gaps, open_record, close_record),
        cmocka_unit_test_setup_teardown(going_back_is_impossible, open_record, close_record),
        cmocka_unit_test(cannot_be_opened),
        cmocka_unit_test(no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
