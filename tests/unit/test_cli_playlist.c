#include "cli/playlist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static bool event(struct playlist *l, struct listed_play *play, const char *text)
{
    json_t *e = json_loads(text, 0, NULL);
    assert_non_null(e);
    bool ended = playlist_take(l, play, e);
    json_decref(e);
    return ended;
}

static struct listed_play *place(struct playlist *l)
{
    struct listed_play *play = playlist_to_place(l);
    assert_non_null(play);
    playlist_placed(l);
    return play;
}

#define READY "{\"type\":\"ready\",\"duration\":10.5,\"position\":2,\"passthrough\":true}"
#define FINISHED "{\"type\":\"finished\",\"frames\":426,\"position\":10.5}"

static void one_behind_the_current(void **state)
{
    struct playlist l;
    assert_int_equal(playlist_init(&l, 4, 0xabc), 0);
    struct listed_play *a = place(&l);
    assert_null(playlist_to_place(&l)); /* a is not ready yet */
    assert_false(event(&l, a, READY));
    assert_true(a->passthrough && a->complete && a->start == 2 && a->duration == 10.5);
    struct listed_play *b = place(&l);
    assert_ptr_equal(b, a + 1);
    assert_null(playlist_to_place(&l)); /* one is enough */
    assert_false(event(&l, b, READY));
    assert_null(playlist_to_place(&l));
    assert_ptr_equal(playlist_current(&l), a);
    assert_true(event(&l, a, FINISHED));
    assert_int_equal(a->frames, 426);
    assert_ptr_equal(playlist_current(&l), b);
    (void)place(&l);
    assert_false(playlist_is_over(&l));
    playlist_done(&l);
}

static void a_broken_one_is_passed_over(void **state)
{
    struct playlist l;
    assert_int_equal(playlist_init(&l, 3, 1), 0);
    struct listed_play *a = place(&l);
    assert_true(event(&l, a, "{\"type\":\"error\",\"code\":\"not_found\"}"));
    struct listed_play *b = place(&l);
    assert_false(event(&l, b, READY));
    struct listed_play *c = place(&l);
    assert_true(event(&l, c, "{\"type\":\"error\",\"code\":\"decode_failed\"}"));
    assert_ptr_equal(playlist_current(&l), b);
    assert_false(playlist_is_over(&l));
    assert_true(event(&l, b, FINISHED));
    assert_true(playlist_is_over(&l));
    playlist_done(&l);
}

static void a_stop_is_for_all(void **state)
{
    struct playlist l;
    assert_int_equal(playlist_init(&l, 3, 1), 0);
    struct listed_play *a = place(&l);
    assert_false(event(&l, a, READY));
    struct listed_play *b = place(&l);
    assert_true(event(&l, b, "{\"type\":\"stopped\",\"reason\":\"stop\"}"));
    assert_false(playlist_is_over(&l)); /* a has not ended yet */
    assert_true(event(&l, a, "{\"type\":\"stopped\",\"reason\":\"stop\",\"position\":4}"));
    assert_false(a->complete);
    assert_true(playlist_is_over(&l));
    assert_null(playlist_to_place(&l));
    playlist_done(&l);
}

/* Somebody skips from the one that is heard to the one behind it. */
static void a_skip_is_for_one(void **state)
{
    struct playlist l;
    assert_int_equal(playlist_init(&l, 3, 1), 0);
    struct listed_play *a = place(&l);
    assert_false(event(&l, a, READY));
    struct listed_play *b = place(&l);
    assert_true(event(&l, a, "{\"type\":\"stopped\",\"reason\":\"stop\",\"position\":4}"));
    assert_false(event(&l, b, READY));
    (void)place(&l);
    playlist_done(&l);
}

static void follows_events(void **state)
{
    struct playlist l;
    assert_int_equal(playlist_init(&l, 1, 1), 0);
    struct listed_play *a = place(&l);
    assert_ptr_equal(playlist_find(&l, a->id), a);
    assert_null(playlist_find(&l, "cli-00000002-1"));
    assert_null(playlist_find(&l, ""));
    assert_false(event(&l, a,
                       "{\"type\":\"ready\",\"duration\":null,\"position\":0,"
                       "\"title\":\"x\"}"));
    assert_true(a->duration < 0);
    assert_string_equal(a->title, "x");
    assert_false(event(&l, a, "{\"type\":\"title\",\"title\":\"y\"}"));
    assert_string_equal(a->title, "y");
    assert_false(event(&l, a, "{\"type\":\"seeked\",\"position\":3.5}"));
    assert_true(a->position == 3.5 && !a->complete);
    assert_true(event(&l, a, FINISHED));
    assert_false(event(&l, a, FINISHED)); /* once ended, it has ended */
    playlist_done(&l);
}

/* What a play says when it is over is believed more than what its container said before. */
static void ends_of_recordings(void **state)
{
    static const struct {
        const char *ready, *end;
        int64_t total, expected;
    } rows[] = {
        { "\"position\":0,\"duration\":1", "finished\",\"frames\":51,\"position\":1", 51, 48312 },
        { "\"position\":0,\"duration\":null", "finished\",\"frames\":51,\"position\":1", 51,
          48312 },
        { "\"position\":0,\"duration\":1.04", "finished\",\"frames\":51,\"position\":1", 51,
          48312 },
        { "\"position\":0,\"duration\":1", "finished\",\"frames\":51,\"position\":1.02", 51,
          48312 },
        { "\"position\":2.5,\"duration\":9", "finished\",\"frames\":51,\"position\":3.5", 51,
          48312 },
        { "\"position\":0,\"duration\":1", "finished\",\"frames\":51,\"position\":1", 151, 144312 },
        { "\"position\":0,\"duration\":9", "finished\",\"frames\":51,\"position\":5", 51, -1 },
        { "\"position\":0,\"duration\":1", "stopped\",\"position\":1", 51, -1 },
        { "\"position\":0,\"duration\":1", "error\",\"code\":\"source_failed", 51, -1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct playlist l;
        char text[256];
        assert_int_equal(playlist_init(&l, 1, 1), 0);
        struct listed_play *a = place(&l);
        (void)snprintf(text, sizeof text, "{\"type\":\"ready\",%s}", rows[i].ready);
        assert_false(event(&l, a, text));
        bool quoted = rows[i].end[strlen(rows[i].end) - 1] == 'd';
        (void)snprintf(text, sizeof text, "{\"type\":\"%s%s}", rows[i].end, quoted ? "\"" : "");
        assert_true(event(&l, a, text));
        assert_int_equal(playlist_end(&l, rows[i].total), rows[i].expected);
        playlist_done(&l);
    }
}

static void lags(void **state)
{
    static const struct {
        int pre_skip;
        uint16_t lag;
    } rows[] = { { -1, 312 }, { 0, 0 }, { 312, 312 }, { 960, 0 }, { 3840, 0 }, { 3999, 159 } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct listed_play play = { .pre_skip = rows[i].pre_skip };
        assert_int_equal(listed_play_lag(&play), rows[i].lag);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_behind_the_current),
        cmocka_unit_test(a_broken_one_is_passed_over),
        cmocka_unit_test(a_stop_is_for_all),
        cmocka_unit_test(a_skip_is_for_one),
        cmocka_unit_test(follows_events),
        cmocka_unit_test(ends_of_recordings),
        cmocka_unit_test(lags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
