/* The pacer on a clock that the test moves. Times are in milliseconds after an odd start. */
#include "base/clock.h"
#include "playout/pacer.h"
#include "unit.h"

#include <string.h>

#define START UINT64_C(1234567891)
#define MS(n) (START + (uint64_t)(n)*NS_PER_MS)

static struct pacer_due take(struct pacer *p, uint64_t now_ns)
{
    struct pacer_due due = { 0 };
    assert_true(pacer_take_due(p, now_ns, &due));
    return due;
}

static void nothing_due(struct pacer *p, uint64_t now_ns)
{
    struct pacer_due due;
    assert_false(pacer_take_due(p, now_ns, &due));
}

static unsigned count_slots(struct pacer *p)
{
    unsigned n = 0;
    while (pacer_next_slot(p))
        n++;
    return n;
}

static void nobody_joined(void **state)
{
    struct pacer p;
    pacer_init(&p, START);
    assert_true(pacer_next_ns(&p) == PACER_NEVER);
    nothing_due(&p, MS(1000000));
    assert_null(pacer_next_slot(&p));
    struct pacer_slot slot = { 0 };
    pacer_leave(&p, &slot); /* nothing happens */
    pacer_join(&p, &slot, MS(0));
    pacer_leave(&p, &slot);
    assert_true(pacer_next_ns(&p) == PACER_NEVER);
    assert_int_equal(p.n_stalls, 0);
}

/* Each tick is taken a different bit late; the deadlines stay where they are for ever. */
static void deadlines_are_absolute(void **state)
{
    struct pacer p;
    struct pacer_slot slot = { 0 };
    uint64_t seed = 3;
    pacer_init(&p, START);
    pacer_join(&p, &slot, MS(0));
    for (unsigned k = 0; k < 100000; k++) {
        uint64_t deadline = MS(20 * (uint64_t)k);
        assert_true(pacer_next_ns(&p) == deadline);
        if (k > 0)
            nothing_due(&p, deadline - 1);
        struct pacer_due due = take(&p, deadline + test_random(&seed) % (19 * NS_PER_MS));
        assert_true(due.deadline_ns == deadline);
        assert_int_equal(due.n_frames, 1);
        assert_false(due.stalled);
        assert_ptr_equal(pacer_next_slot(&p), &slot);
        assert_null(pacer_next_slot(&p));
    }
    assert_int_equal(p.n_stalls, 0);
}

static void four_phases_five_milliseconds_apart(void **state)
{
    static const struct {
        unsigned join_us, phase, first_ms;
    } rows[] = {
        { 0, 0, 0 },      { 1, 1, 5 },      { 4999, 1, 5 },      { 5000, 1, 5 },
        { 5001, 2, 10 },  { 9000, 2, 10 },  { 10001, 3, 15 },    { 15001, 0, 20 },
        { 20000, 0, 20 }, { 20001, 1, 25 }, { 995001, 0, 1000 },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct pacer p;
        struct pacer_slot slot = { 0 };
        pacer_init(&p, START);
        pacer_join(&p, &slot, START + rows[i].join_us * NS_PER_US);
        assert_int_equal(slot.phase, rows[i].phase);
        assert_true(pacer_next_ns(&p) == MS(rows[i].first_ms));
        struct pacer_due due = take(&p, MS(rows[i].first_ms));
        assert_int_equal(due.phase, rows[i].phase);
    }
}

/* Joins slot after slot, each 5 ms later and into the next phase (which it has from an earlier
 * join), and takes every tick. */
static void join_in_turn(struct pacer *p, struct pacer_slot *slots, unsigned n)
{
    for (unsigned k = 0; k < n; k++) {
        slots[k].has_phase = true;
        slots[k].phase = k % 4;
        pacer_join(p, &slots[k], MS(5 * k));
        (void)take(p, MS(5 * k));
    }
}

static void phases_come_in_turn(void **state)
{
    struct pacer p;
    struct pacer_slot slots[8] = { 0 };
    pacer_init(&p, START);
    join_in_turn(&p, slots, 8);
    for (unsigned k = 8; k < 400; k++) {
        nothing_due(&p, MS(5 * k) - 1);
        struct pacer_due due = take(&p, MS(5 * k));
        assert_int_equal(due.phase, k % 4);
        assert_ptr_equal(pacer_next_slot(&p), &slots[k % 4]);
        assert_ptr_equal(pacer_next_slot(&p), &slots[k % 4 + 4]);
        assert_null(pacer_next_slot(&p));
        nothing_due(&p, MS(5 * k));
    }
}

/* A phase at work is filled before another one is opened, whatever comes first. */
static void a_phase_fills_before_another_opens(void **state)
{
    struct pacer p;
    static struct pacer_slot slots[4 * PACER_PHASE_SLOTS + 4];
    memset(slots, 0, sizeof slots);
    pacer_init(&p, START);
    for (unsigned k = 0; k < LENGTH_OF(slots); k++)
        pacer_join(&p, &slots[k], MS(0) + 7 * k * NS_PER_US);
    for (unsigned k = 0; k < 4 * PACER_PHASE_SLOTS; k++)
        assert_int_equal(slots[k].phase, slots[k - k % PACER_PHASE_SLOTS].phase);
    for (unsigned i = 0; i < PACER_PHASES; i++)
        assert_true(p.phase[i].n_slots >= PACER_PHASE_SLOTS);
    /* Where one has left there is room again. */
    uint8_t phase = slots[40].phase;
    for (unsigned k = 32; k < 64; k++)
        pacer_leave(&p, &slots[k]);
    pacer_join(&p, &slots[32], MS(5));
    struct pacer_slot late = { 0 };
    pacer_join(&p, &late, MS(6));
    assert_int_equal(late.phase, phase);
}

/* One that joins while a tick is due and not yet taken leaves with that tick. */
static void joining_late_meets_the_tick_that_is_due(void **state)
{
    struct pacer p;
    struct pacer_slot a = { 0 }, b = { 0 };
    pacer_init(&p, START);
    pacer_join(&p, &a, MS(0));
    pacer_join(&p, &b, MS(3));
    assert_int_equal(b.phase, 0);
    assert_int_equal(take(&p, MS(3)).n_frames, 1);
    assert_int_equal(count_slots(&p), 2);
}

/* A session that pauses and goes on keeps its phase and lands on the schedule again. */
static void joining_again_keeps_the_phase(void **state)
{
    struct pacer p;
    struct pacer_slot slot = { 0 };
    pacer_init(&p, START);
    pacer_join(&p, &slot, MS(7));
    assert_int_equal(slot.phase, 2);
    (void)take(&p, MS(10));
    pacer_leave(&p, &slot);
    nothing_due(&p, MS(500));
    pacer_join(&p, &slot, MS(511));
    assert_int_equal(slot.phase, 2);
    assert_true(pacer_next_ns(&p) == MS(530));
    pacer_leave(&p, &slot);
    pacer_join(&p, &slot, MS(530)); /* exactly on its deadline */
    assert_true(pacer_next_ns(&p) == MS(530));
    assert_int_equal(take(&p, MS(530)).n_frames, 1); /* what the pause took is not made up for */
    assert_int_equal(p.n_stalls, 0);
}

/* A session that joins a phase at work does not move it, and is served with it. */
static void joining_does_not_move_others(void **state)
{
    struct pacer p;
    struct pacer_slot a = { 0 }, b = { 0 };
    pacer_init(&p, START);
    pacer_join(&p, &a, MS(0));
    (void)take(&p, MS(0));
    pacer_join(&p, &b, MS(15) + 1);
    assert_int_equal(b.phase, 0);
    assert_true(pacer_next_ns(&p) == MS(20));
    (void)take(&p, MS(20));
    assert_int_equal(count_slots(&p), 2);
}

static void a_late_tick_is_made_up_for(void **state)
{
    static const struct {
        unsigned late_ms, n_frames;
    } rows[] = { { 0, 1 },  { 19, 1 }, { 20, 2 }, { 39, 2 },
                 { 40, 3 }, { 60, 4 }, { 80, 5 }, { 99, 5 } };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct pacer p;
        struct pacer_slot slot = { 0 };
        pacer_init(&p, START);
        pacer_join(&p, &slot, MS(0));
        struct pacer_due due = take(&p, MS(rows[i].late_ms));
        assert_int_equal(due.n_frames, rows[i].n_frames);
        assert_true(due.n_frames <= PACER_CATCH_UP_MAX);
        assert_true(due.deadline_ns == MS(0));
        assert_false(due.stalled);
        nothing_due(&p, MS(rows[i].late_ms));
        assert_true(pacer_next_ns(&p) == MS(20 * rows[i].n_frames));
    }
}

static void a_stall_moves_the_schedule(void **state)
{
    static const uint64_t stalls_ms[] = { 100, 101, 119, 120, 1003, 3600 * 1000 + 7 };
    for (size_t i = 0; i < LENGTH_OF(stalls_ms); i++) {
        struct pacer p;
        struct pacer_slot slots[4] = { 0 };
        pacer_init(&p, START);
        join_in_turn(&p, slots, 4);
        uint64_t now = MS(20 + stalls_ms[i]);
        struct pacer_due due = take(&p, now);
        assert_true(due.stalled);
        assert_int_equal(due.n_frames, 1); /* one frame, no burst */
        assert_true(due.deadline_ns == MS(20));
        assert_int_equal(p.n_stalls, 1);
        nothing_due(&p, now);
        /* All phases have moved with it: the distance between sessions is kept. */
        for (unsigned k = 1; k <= 8; k++) {
            uint64_t deadline = now + 5 * k * NS_PER_MS;
            assert_true(pacer_next_ns(&p) == deadline);
            due = take(&p, deadline);
            assert_int_equal(due.phase, k % 4);
            assert_int_equal(due.n_frames, 1);
        }
        assert_int_equal(p.n_stalls, 1);
        /* One that comes back to an empty phase lies on the moved schedule. */
        pacer_leave(&p, &slots[2]);
        pacer_join(&p, &slots[2], now + 41 * NS_PER_MS);
        assert_true(p.phase[2].next_ns == now + 50 * NS_PER_MS);
    }
}

/* Monotonic clocks do not go back, but nothing may break if the time told is an older one. */
static void a_jump_back_owes_nothing(void **state)
{
    struct pacer p;
    struct pacer_slot a = { 0 }, b = { 0 };
    pacer_init(&p, START);
    pacer_join(&p, &a, MS(1000));
    (void)take(&p, MS(1000));
    nothing_due(&p, MS(10));
    nothing_due(&p, 0);
    pacer_join(&p, &b, MS(10));
    assert_true(pacer_next_ns(&p) <= MS(1020));
    pacer_leave(&p, &b);
    assert_true(pacer_next_ns(&p) == MS(1020));
    assert_int_equal(p.n_stalls, 0);
}

/* A hundred seconds of stutter: never more than five frames at once, and in sum every one. */
static void stutter_loses_nothing(void **state)
{
    struct pacer p;
    struct pacer_slot slot = { 0 };
    uint64_t seed = 5, now = MS(0);
    unsigned frames = 0;
    pacer_init(&p, START);
    pacer_join(&p, &slot, now);
    while (now < MS(100000)) {
        struct pacer_due due;
        while (pacer_take_due(&p, now, &due)) {
            assert_true(due.n_frames >= 1 && due.n_frames <= PACER_CATCH_UP_MAX);
            assert_false(due.stalled);
            frames += due.n_frames;
        }
        assert_int_equal(frames, (now - START) / AUDIO_FRAME_NS + 1);
        now += test_random(&seed) % (80 * NS_PER_MS);
    }
}

static void any_slot_may_leave_during_the_walk(void **state)
{
    enum { N = 5 };
    for (unsigned at = 0; at < N; at++) {
        for (unsigned gone = 0; gone < N; gone++) {
            struct pacer p;
            struct pacer_slot slots[N] = { 0 }, *slot;
            unsigned seen[N] = { 0 };
            pacer_init(&p, START);
            for (unsigned i = 0; i < N; i++)
                pacer_join(&p, &slots[i], MS(0));
            (void)take(&p, MS(0));
            while ((slot = pacer_next_slot(&p)) != NULL) {
                seen[slot - slots]++;
                if (slot == &slots[at])
                    pacer_leave(&p, &slots[gone]);
            }
            for (unsigned i = 0; i < N; i++)
                assert_int_equal(seen[i], i == gone && gone > at ? 0 : 1);
            (void)take(&p, MS(20));
            assert_int_equal(count_slots(&p), N - 1);
        }
    }
}

static void all_may_leave_during_the_walk(void **state)
{
    struct pacer p;
    struct pacer_slot slots[3] = { 0 };
    pacer_init(&p, START);
    for (unsigned i = 0; i < 3; i++)
        pacer_join(&p, &slots[i], MS(0));
    (void)take(&p, MS(0));
    assert_ptr_equal(pacer_next_slot(&p), &slots[0]);
    for (unsigned i = 0; i < 3; i++)
        pacer_leave(&p, &slots[i]);
    assert_null(pacer_next_slot(&p));
    assert_true(pacer_next_ns(&p) == PACER_NEVER);
}

/* The one that took over leaves and joins within its own turn (a play follows another). */
static void joining_during_the_walk(void **state)
{
    struct pacer p;
    struct pacer_slot a = { 0 }, b = { 0 };
    pacer_init(&p, START);
    pacer_join(&p, &a, MS(0));
    (void)take(&p, MS(0));
    assert_ptr_equal(pacer_next_slot(&p), &a);
    pacer_leave(&p, &a);
    pacer_join(&p, &a, MS(0));
    pacer_join(&p, &b, MS(1));
    while (pacer_next_slot(&p))
        ;
    assert_true(pacer_next_ns(&p) <= MS(20));
    assert_true(a.joined && b.joined);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_joined),
        cmocka_unit_test(deadlines_are_absolute),
        cmocka_unit_test(four_phases_five_milliseconds_apart),
        cmocka_unit_test(phases_come_in_turn),
        cmocka_unit_test(a_phase_fills_before_another_opens),
        cmocka_unit_test(joining_late_meets_the_tick_that_is_due),
        cmocka_unit_test(joining_again_keeps_the_phase),
        cmocka_unit_test(joining_does_not_move_others),
        cmocka_unit_test(a_late_tick_is_made_up_for),
        cmocka_unit_test(a_stall_moves_the_schedule),
        cmocka_unit_test(a_jump_back_owes_nothing),
        cmocka_unit_test(stutter_loses_nothing),
        cmocka_unit_test(any_slot_may_leave_during_the_walk),
        cmocka_unit_test(all_may_leave_during_the_walk),
        cmocka_unit_test(joining_during_the_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
