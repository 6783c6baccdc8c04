/* A death is a reason to go on, to skip, or to give up. */
#include "feed/rescue.h"

#include "base/clock.h"
#include "unit.h"

enum { N_SLOTS = 256 };

static const struct death while_decoding = { .doing = RING_WORKER_DECODING,
                                             .n_made = 3,
                                             .had_begun = true };

/* Deaths so far apart that how many there are of late does not matter. */
static enum rescue_verdict judge(struct rescue *r, const struct death *d)
{
    static uint64_t now_ns = 1000 * NS_PER_S;
    now_ns += 60 * NS_PER_S;
    return rescue_judge(r, d, now_ns);
}

static void dying_at_the_same_place_is_the_medias_fault(void **state)
{
    struct rescue r = { 0 };
    assert_int_equal(judge(&r, &while_decoding), RESCUE_GO_ON);
    assert_int_equal(judge(&r, &while_decoding), RESCUE_SKIP);
    assert_int_equal(judge(&r, &while_decoding), RESCUE_GIVE_UP);
}

static void a_worker_that_made_enough_died_elsewhere(void **state)
{
    struct rescue r = { 0 };
    struct death d = { .doing = RING_WORKER_DECODING, .n_made = 1000, .had_begun = true };
    for (int i = 0; i < 10; i++) {
        rescue_take_worker(&r, d.n_made - 25);
        assert_int_equal(judge(&r, &d), RESCUE_GO_ON);
    }
    rescue_take_worker(&r, d.n_made - 24); /* the ring's other frames were another feed's */
    assert_int_equal(judge(&r, &d), RESCUE_SKIP);
}

static void a_death_while_waiting_says_nothing(void **state)
{
    struct rescue r = { 0 };
    const enum ring_worker_state others[] = { RING_WORKER_IDLE, RING_WORKER_OPENING,
                                              RING_WORKER_WAITING_ROOM,
                                              RING_WORKER_WAITING_SOURCE };
    for (size_t i = 0; i < LENGTH_OF(others); i++) {
        struct death d = { .doing = others[i], .had_begun = true };
        assert_int_equal(judge(&r, &d), RESCUE_GO_ON);
    }
    struct death ours = while_decoding;
    ours.says_nothing = true;
    for (int i = 0; i < 5; i++)
        assert_int_equal(judge(&r, &ours), RESCUE_GO_ON);
    assert_int_equal(r.deaths, 0);
}

/* Before the first frame each death counts: it may be the opening that kills. */
static void dying_before_the_first_frame_counts(void **state)
{
    struct rescue r = { 0 };
    struct death d = { .doing = RING_WORKER_OPENING };
    assert_int_equal(judge(&r, &d), RESCUE_GO_ON);
    assert_int_equal(judge(&r, &d), RESCUE_SKIP);
    assert_int_equal(judge(&r, &d), RESCUE_GIVE_UP);
}

static void too_many_restarts_are_too_many(void **state)
{
    struct rescue r = { 0 };
    struct death d = { .doing = RING_WORKER_WAITING_ROOM, .had_begun = true };
    uint64_t now_ns = 1000 * NS_PER_S;
    for (int i = 0; i < 10; i++)
        assert_int_equal(rescue_judge(&r, &d, now_ns + (uint64_t)i), RESCUE_GO_ON);
    assert_int_equal(rescue_judge(&r, &d, now_ns + NS_PER_S), RESCUE_GIVE_UP);
    assert_int_equal(rescue_judge(&r, &d, now_ns + 11 * NS_PER_S), RESCUE_GO_ON);
}

static void the_first_missing_frame_follows_what_was_delivered(void **state)
{
    struct place next = { 48000 };
    struct ring_record newest = { .pos = 48000 };
    assert_int_equal(rescue_first_missing(next, NULL, N_SLOTS).samples, 48000);
    assert_int_equal(rescue_first_missing(next, &newest, N_SLOTS).samples, 48960);
    newest.pos = 48000 + (int64_t)N_SLOTS * AUDIO_FRAME_SAMPLES;
    assert_int_equal(rescue_first_missing(next, &newest, N_SLOTS).samples,
                     newest.pos + AUDIO_FRAME_SAMPLES);
    newest.pos++; /* more than a ring holds: a lie */
    assert_int_equal(rescue_first_missing(next, &newest, N_SLOTS).samples, 48000);
    newest.pos = 47999;
    assert_int_equal(rescue_first_missing(next, &newest, N_SLOTS).samples, 48000);
}

static void hints_out_of_range_are_no_hints(void **state)
{
    const struct ring_hint bad[] = { RING_NO_HINT,
                                     { .byte = -1, .packet = 1 },
                                     { .byte = 1, .packet = -1 },
                                     { .byte = INT64_MAX, .packet = 1 },
                                     { .byte = 1, .packet = INT64_MAX } };
    for (size_t i = 0; i < LENGTH_OF(bad); i++)
        assert_false(rescue_hint_is_sane(&bad[i]));
    assert_true(rescue_hint_is_sane(&(struct ring_hint){ .byte = 0, .packet = 0 }));
}

static void who_has_much_to_play_can_wait(void **state)
{
    struct rescue r = { 0 };
    assert_int_equal(rescue_patience_ms(&r, true, 240000), 0); /* not restarted: at once */
    (void)rescue_may_restart(&r, NS_PER_S);
    assert_int_equal(rescue_patience_ms(&r, true, 240000), 2500);
    assert_int_equal(rescue_patience_ms(&r, true, 0), 0);
    assert_int_equal(rescue_patience_ms(&r, false, 0), 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dying_at_the_same_place_is_the_medias_fault),
        cmocka_unit_test(a_worker_that_made_enough_died_elsewhere),
        cmocka_unit_test(a_death_while_waiting_says_nothing),
        cmocka_unit_test(dying_before_the_first_frame_counts),
        cmocka_unit_test(too_many_restarts_are_too_many),
        cmocka_unit_test(the_first_missing_frame_follows_what_was_delivered),
        cmocka_unit_test(hints_out_of_range_are_no_hints),
        cmocka_unit_test(who_has_much_to_play_can_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
