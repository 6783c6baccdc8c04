/* The player on a real loop with its timer. How punctual this machine is is not judged here: what
 * is delivered is counted against the deadlines that have passed, which holds at any speed. */
#include "base/clock.h"
#include "loop.h"
#include "playout/player.h"

struct fixture {
    uv_loop_t loop;
    struct player *player;
    struct pacer_slot slots[6];
    unsigned frames[6], n_calls, n_flushes, flushed_calls;
    unsigned want;                          /* frames of slot 0 */
    int leaves;                             /* this slot leaves when it is served, or −1 */
    bool starved;                           /* deliver nothing */
    unsigned n_asked, n_urgent, max_urgent; /* in a pass: to wake, and without `enough` */
};

static unsigned on_deliver(struct pacer_slot *slot, unsigned n_frames, void *arg)
{
    struct fixture *f = arg;
    long i = slot - f->slots;
    assert_true(n_frames >= 1 && n_frames <= PACER_CATCH_UP_MAX);
    f->n_calls++;
    if (i == f->leaves)
        player_leave(f->player, slot);
    if (f->starved)
        return 0;
    f->frames[i] += n_frames;
    return n_frames;
}

static void on_flush(void *arg)
{
    struct fixture *f = arg;
    assert_true(f->n_calls > f->flushed_calls); /* never for nothing */
    f->flushed_calls = f->n_calls;
    f->n_urgent = 0;
    f->n_flushes++;
}

/* Every session has somebody to wake, at every pass. */
static bool on_after(struct pacer_slot *slot, bool enough, void *arg)
{
    struct fixture *f = arg;
    f->n_asked++;
    f->n_urgent += !enough;
    if (f->n_urgent > f->max_urgent)
        f->max_urgent = f->n_urgent;
    return true;
}

static void set_up(struct fixture *f)
{
    *f = (struct fixture){ .leaves = -1 };
    struct player_ops ops = {
        .deliver = on_deliver, .flush = on_flush, .after = on_after, .arg = f
    };
    assert_int_equal(uv_loop_init(&f->loop), 0);
    assert_int_equal(player_new(&f->loop, &ops, &f->player), 0);
}

static void tear_down(struct fixture *f)
{
    player_free(f->player);
    loop_end(&f->loop);
}

static bool has_enough(void *arg)
{
    struct fixture *f = arg;
    return f->frames[0] >= f->want;
}

static void frames_follow_the_clock(void **state)
{
    struct fixture f;
    set_up(&f);
    uint64_t from = clock_now_ns();
    for (unsigned i = 0; i < 6; i++) {
        player_join(f.player, &f.slots[i]);
        player_join(f.player, &f.slots[i]); /* nothing happens */
    }
    f.want = 25;
    assert_true(loop_until(&f.loop, has_enough, &f));
    uint64_t passed = (clock_now_ns() - from) / AUDIO_FRAME_NS;
    uint64_t total = 0;
    for (unsigned i = 0; i < 6; i++) {
        /* Never ahead of the schedule. Only a stall may leave a session behind. */
        assert_true(f.frames[i] <= passed + 1);
        assert_true(f.frames[i] + 1 >= passed || player_stalls(f.player) > 0);
        total += f.frames[i];
    }
    const struct lateness *l = player_lateness(f.player);
    assert_int_equal(l->count, total);
    assert_true(lateness_quantile(l, 0.5) <= l->max_ns);
    assert_true(f.n_flushes <= f.n_calls);
    /* All are asked whom they want woken, but after the first they hear that it is enough. */
    assert_int_equal(f.n_asked, f.n_calls);
    assert_int_equal(f.max_urgent, 1);
    tear_down(&f);
}

/* A player without sessions sleeps: the loop's turn ends without a tick. */
static void nobody_joined(void **state)
{
    struct fixture f;
    set_up(&f);
    player_join(f.player, &f.slots[0]);
    player_leave(f.player, &f.slots[0]);
    player_leave(f.player, &f.slots[0]);
    (void)usleep(30000);
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_int_equal(f.n_calls, 0);
    assert_int_equal(f.n_flushes, 0);
    /* And wakes again. */
    player_join(f.player, &f.slots[0]);
    f.want = 2;
    assert_true(loop_until(&f.loop, has_enough, &f));
    tear_down(&f);
}

static void a_session_leaves_while_it_is_served(void **state)
{
    struct fixture f;
    set_up(&f);
    for (unsigned i = 0; i < 6; i++)
        player_join(f.player, &f.slots[i]);
    f.leaves = 3;
    f.want = 5;
    assert_true(loop_until(&f.loop, has_enough, &f));
    assert_in_range(f.frames[3], 1, PACER_CATCH_UP_MAX);
    assert_false(f.slots[3].joined);
    f.leaves = -1;
    player_join(f.player, &f.slots[3]);
    f.want = 8;
    assert_true(loop_until(&f.loop, has_enough, &f));
    assert_true(f.frames[3] >= 2);
    tear_down(&f);
}

/* While the process stood still for longer than the pacer makes up for, no burst follows. */
static void a_stall_is_counted(void **state)
{
    struct fixture f;
    set_up(&f);
    player_join(f.player, &f.slots[0]);
    f.want = 2;
    assert_true(loop_until(&f.loop, has_enough, &f));
    unsigned before = f.frames[0];
    uint64_t stalls = player_stalls(f.player);
    (void)usleep(350000);
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_true(player_stalls(f.player) > stalls);
    assert_true(f.frames[0] - before <= PACER_CATCH_UP_MAX);
    tear_down(&f);
}

/* What was not delivered is not counted as late. */
static void starved_sessions_have_no_lateness(void **state)
{
    struct fixture f;
    set_up(&f);
    f.starved = true;
    player_join(f.player, &f.slots[0]);
    while (f.n_calls < 3)
        (void)uv_run(&f.loop, UV_RUN_ONCE);
    assert_int_equal(player_lateness(f.player)->count, 0);
    assert_int_equal(player_lateness(f.player)->max_ns, 0);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_follow_the_clock),
        cmocka_unit_test(nobody_joined),
        cmocka_unit_test(a_session_leaves_while_it_is_served),
        cmocka_unit_test(a_stall_is_counted),
        cmocka_unit_test(starved_sessions_have_no_lateness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
