#include "cli/playlist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static bool event(struct playlist *l, struct play *play, const char *text)
{
    json_t *e = json_loads(text, 0, NULL);
    assert_non_null(e);
    bool ended = playlist_take(l, play, e);
    json_decref(e);
    return ended;
}

static struct play *place(struct playlist *l)
{
    struct play *play = playlist_to_place(l);
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
    struct play *a = place(&l);
    assert_null(playlist_to_place(&l)); /* a is not ready yet */
    assert_false(event(&l, a, READY));
    assert_true(a->passthrough && a->complete && a->start == 2 && a->duration == 10.5);
    struct play *b = place(&l);
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
    struct play *a = place(&l);
    assert_true(event(&l, a, "{\"type\":\"error\",\"code\":\"not_found\"}"));
    struct play *b = place(&l);
    assert_false(event(&l, b, READY));
    struct play *c = place(&l);
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
    struct play *a = place(&l);
    assert_false(event(&l, a, READY));
    struct play *b = place(&l);
    assert_true(event(&l, b, "{\"type\":\"stopped\",\"reason\":\"stop\"}"));
    assert_false(playlist_is_over(&l)); /* a has not ended yet */
    assert_true(event(&l, a, "{\"type\":\"stopped\",\"reason\":\"stop\",\"position\":4}"));
    assert_false(a->complete);
    assert_true(playlist_is_over(&l));
    assert_null(playlist_to_place(&l));
    playlist_done(&l);
}

static void follows_events(void **state)
{
    struct playlist l;
    assert_int_equal(playlist_init(&l, 1, 1), 0);
    struct play *a = place(&l);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_behind_the_current),
        cmocka_unit_test(a_broken_one_is_passed_over),
        cmocka_unit_test(a_stop_is_for_all),
        cmocka_unit_test(follows_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
