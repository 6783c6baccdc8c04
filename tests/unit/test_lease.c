/* A borrowed worker and the feeds on it: what it says reaches the one that it is about. */
#include "feed_stage.h"

static struct {
    struct feed heard, follower; /* only their addresses count */
    struct feed *told;
    enum wmsg_type type;
    unsigned n_messages, n_died;
    struct feed *died_heard, *died_follower;
    struct lease *lease;
    struct maker *maker;
} f;

static void on_message(const struct wmsg *m, struct feed *feed)
{
    f.n_messages++;
    f.told = feed;
    f.type = m->type;
}

static void on_died(const char *why, struct ring_consumer *ring, struct feed *heard,
                    struct feed *follower)
{
    assert_true(why[0] != '\0');
    f.n_died++;
    f.died_heard = heard;
    f.died_follower = follower;
    ring_consumer_free(ring);
}

static const struct lease_ops ops = { .message = on_message, .died = on_died };

enum { HEARD = 7, FOLLOWER = 8 };

static void on_worker(struct worker *w, void *arg)
{
    struct wmsg m = { .play = HEARD, .open = { .depth_frames = STAGE_DEPTH } };
    assert_int_equal(lease_new(NULL, w, &ops, &f.heard, &m, -1, &f.lease), 0);
}

static int set_up(void **state)
{
    memset(&f, 0, sizeof f);
    (void)stage_up(state);
    assert_non_null(pool_get_worker(NULL, 0, on_worker, NULL));
    f.maker = stage_give_worker();
    assert_int_equal(f.maker->play, HEARD);
    return 0;
}

static void say(enum wmsg_type type, uint32_t play)
{
    maker_say(f.maker, &(struct wmsg){ .type = type, .play = play, .text = "x" });
    stage_turn();
}

static void follow(void)
{
    struct wmsg m = { .play = FOLLOWER, .open = { .depth_frames = STAGE_DEPTH } };
    assert_int_equal(lease_follow(f.lease, &f.follower, &m, -1), 0);
    maker_hear(f.maker);
    assert_int_equal(f.maker->next_play, FOLLOWER);
    assert_ptr_equal(lease_follower(f.lease), &f.follower);
}

static void each_hears_what_concerns_it(void **state)
{
    say(WMSG_TITLE, HEARD);
    assert_ptr_equal(f.told, &f.heard);
    say(WMSG_TITLE, FOLLOWER); /* nobody follows */
    assert_int_equal(f.n_messages, 1);
    follow();
    say(WMSG_TITLE, FOLLOWER);
    assert_ptr_equal(f.told, &f.follower);
    say(WMSG_BELL, 0);
    assert_ptr_equal(f.told, &f.heard);
    assert_int_equal(f.type, WMSG_BELL);
    lease_unfollow(f.lease, true);
    maker_hear(f.maker);
    assert_int_equal(f.maker->next_play, 0);
    say(WMSG_TITLE, FOLLOWER);
    assert_int_equal(f.n_messages, 3);
    lease_release(f.lease);
}

static void after_the_join_the_follower_is_heard(void **state)
{
    follow();
    lease_join(f.lease);
    assert_ptr_equal(lease_heard(f.lease), &f.follower);
    assert_null(lease_follower(f.lease));
    say(WMSG_BELL, 0);
    assert_ptr_equal(f.told, &f.follower);
    say(WMSG_TITLE, HEARD); /* stale */
    assert_int_equal(f.n_messages, 1);
    lease_release(f.lease);
    maker_hear(f.maker);
    assert_true(f.maker->closed);
}

static void both_hear_of_a_death(void **state)
{
    follow();
    maker_die(f.maker, RING_WORKER_DECODING);
    assert_int_equal(f.n_died, 1);
    assert_ptr_equal(f.died_heard, &f.heard);
    assert_ptr_equal(f.died_follower, &f.follower);
}

static void a_worker_that_is_killed_dies_from_the_loop(void **state)
{
    lease_kill(f.lease, "it wrote nonsense");
    assert_int_equal(f.n_died, 0);
    stage_turn();
    assert_int_equal(f.n_died, 1);
    assert_null(f.died_follower);
}

#define LEASE_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, stage_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEASE_TEST(each_hears_what_concerns_it),
        LEASE_TEST(after_the_join_the_follower_is_heard),
        LEASE_TEST(both_hear_of_a_death),
        LEASE_TEST(a_worker_that_is_killed_dies_from_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
