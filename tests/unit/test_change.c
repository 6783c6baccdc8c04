/* At most one change is under way, and each who asked is served once. */
#include "feed/change.h"

#include "unit.h"

static struct wmsg_render render_at(int64_t frame)
{
    return (struct wmsg_render){ .pos = frame * AUDIO_FRAME_SAMPLES, .exact = 1 };
}

static void want(struct change *c)
{
    struct wmsg_render render = render_at(0);
    change_want(c, &render);
}

static int64_t ahead(const struct change *c, struct change_view view)
{
    return place_frames_between(view.next, change_where(c, &view));
}

static struct change_view view_of(int64_t next, uint32_t fill)
{
    return (struct change_view){ .next = place_after((struct place){ 0 }, next),
                                 .fill = fill,
                                 .is_paced = true,
                                 .ramps = true };
}

static void a_change_begins_a_frame_ahead(void **state)
{
    struct change c = { 0 };
    assert_int_equal(ahead(&c, view_of(100, 250)), 1);
    struct change_view view = view_of(100, 250);
    view.ramps = false; /* nothing is to be in time for */
    assert_int_equal(ahead(&c, view), 0);
    view = view_of(100, 250);
    view.is_paced = false; /* no frame leaves meanwhile */
    assert_int_equal(ahead(&c, view), 0);
}

static void a_change_begins_where_frames_lie_ready(void **state)
{
    struct change c = { .n_late = 5 };
    assert_int_equal(ahead(&c, view_of(100, 250)), 32);
    assert_int_equal(ahead(&c, view_of(100, 10)), 9);
    assert_int_equal(ahead(&c, view_of(100, 0)), 0);
}

/* The encoder and the listener's decoder need three frames to converge. */
static void changes_keep_a_distance(void **state)
{
    struct change c = { 0 };
    want(&c);
    change_done(&c, place_after((struct place){ 0 }, 100));
    assert_int_equal(ahead(&c, view_of(100, 250)), 3);
    assert_int_equal(ahead(&c, view_of(101, 250)), 2);
    assert_int_equal(ahead(&c, view_of(102, 250)), 1);
    assert_int_equal(ahead(&c, view_of(103, 250)), 1);
    assert_int_equal(ahead(&c, view_of(7, 250)), 1); /* sought backwards since */
}

static void who_is_late_begins_farther_ahead_for_a_while(void **state)
{
    struct change c = { 0 };
    want(&c);
    for (int i = 0; i < 20; i++)
        change_note_late(&c);
    assert_int_equal(ahead(&c, view_of(100, 250)), 64);
    change_done(&c, place_after((struct place){ 0 }, 100));
    change_calm_down(&c, place_after((struct place){ 0 }, 150));
    assert_int_equal(c.n_late, 4);
    want(&c);
    change_done(&c, place_after((struct place){ 0 }, 160));
    change_calm_down(&c, place_after((struct place){ 0 }, 1000));
    assert_int_equal(c.n_late, 0);
}

static void a_change_goes_its_way(void **state)
{
    struct change c = { 0 };
    assert_false(change_is_under_way(&c));
    want(&c);
    assert_int_equal(c.state, CHANGE_WANTED);
    assert_false(c.displaced);
    change_sent(&c, 7, 1);
    assert_int_equal(c.state, CHANGE_SENT);
    assert_int_equal(c.render.gen, 7);
    assert_int_equal(c.render.lane, 1);
    change_unsent(&c); /* its worker died */
    assert_int_equal(c.state, CHANGE_WANTED);
    change_sent(&c, 1, 0);
    want(&c); /* a seek, before it is in force */
    assert_true(c.displaced);
    change_cancel(&c);
    assert_false(change_is_under_way(&c));
    change_cancel(&c);
    change_unsent(&c);
    assert_int_equal(c.state, CHANGE_NONE);
}

static void a_ticket_is_served_by_its_change(void **state)
{
    struct change c = { 0 };
    want(&c);
    uint32_t first = change_ticket(&c, false);
    uint32_t meanwhile = change_ticket(&c, true);
    assert_false(change_serves(&c, first));
    /* The first is in force, and the one that was asked for meanwhile is wanted at once. */
    change_done(&c, (struct place){ 0 });
    want(&c);
    assert_true(change_serves(&c, first));
    assert_false(change_serves(&c, meanwhile));
    /* Made anew because it was late, or displaced: the same ticket, the same answer. */
    want(&c);
    assert_true(change_serves(&c, first));
    change_done(&c, (struct place){ 0 });
    assert_true(change_serves(&c, meanwhile));
}

static void tickets_go_round(void **state)
{
    struct change c = { .number = UINT32_MAX - 1 };
    want(&c);
    uint32_t ticket = change_ticket(&c, true);
    assert_false(change_serves(&c, ticket));
    change_done(&c, (struct place){ 0 });
    want(&c);
    want(&c);
    assert_true(change_serves(&c, ticket));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_begins_a_frame_ahead),
        cmocka_unit_test(a_change_begins_where_frames_lie_ready),
        cmocka_unit_test(changes_keep_a_distance),
        cmocka_unit_test(who_is_late_begins_farther_ahead_for_a_while),
        cmocka_unit_test(a_change_goes_its_way),
        cmocka_unit_test(a_ticket_is_served_by_its_change),
        cmocka_unit_test(tickets_go_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
