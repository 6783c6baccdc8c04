/* Frames of a feed: what plays, what is asked for, and what is said when. */
#include "feed_stage.h"

static void a_feed_finds_its_source_and_plays(void **state)
{
    struct stage_feed *s;
    struct maker *m = stage_begin(&s, 5);
    assert_int_equal(s->n_ready, 1);
    assert_int_equal(feed_state(s->feed), FEED_READY);
    assert_int_equal(feed_buffered(s->feed), 5 * AUDIO_FRAME_SAMPLES);
    stage_hear_frames(s, 0, 4);
    assert_int_equal(stage_next(s), -1);
    maker_make(m, 3);
    stage_hear_frames(s, 5, 7);
    assert_int_equal(feed_taken(s->feed).n, 8);
    assert_int_equal(feed_place(s->feed).samples, 8 * AUDIO_FRAME_SAMPLES);
}

static void the_end_is_the_end(void **state)
{
    struct stage_feed *s;
    const uint8_t *packet;
    uint32_t len;
    struct maker *m = stage_begin(&s, 2);
    maker_end(m, 0);
    stage_hear_frames(s, 0, 1);
    assert_true(feed_may_be_over(s->feed));
    assert_int_equal(feed_peek(s->feed, &packet, &len), FEED_OVER);
}

/* From inside a look at the next frame nothing is said or sent. */
static void what_a_frame_entails_is_posted(void **state)
{
    struct stage_feed *s;
    struct stage_packet p;
    uint32_t ticket;
    struct maker *m = stage_begin(&s, 40);
    stage_hear_frames(s, 0, 4);
    assert_int_equal(feed_set_sound(s->feed, &(struct sound){ 0.5 }, &ticket), FEED_PENDING);
    assert_false(feed_serves(s->feed, ticket));
    maker_hear(m);
    maker_put(m, 30);
    s->must_look = false;
    assert_true(stage_hear(s, &p));
    assert_int_equal(p.frame, 5);
    assert_true(p.volume == 0.5);
    assert_int_equal(s->n_in_force, 0);
    assert_true(s->must_look && feed_has_posted(s->feed));
    assert_true(stage_hear(s, &p)); /* the answer still names the frame with which it began */
    stage_run(s);
    assert_int_equal(s->n_in_force, 1);
    assert_true(feed_serves(s->feed, ticket));
    assert_int_equal(s->in_force.samples, 5 * AUDIO_FRAME_SAMPLES);
    assert_int_equal(s->ordinal.n, 5);
}

/* A sound that comes meanwhile is made when the one before is in force. */
static void sounds_follow_one_upon_the_other(void **state)
{
    struct stage_feed *s;
    uint32_t first, second;
    struct maker *m = stage_begin(&s, 40);
    assert_int_equal(feed_set_sound(s->feed, &(struct sound){ 0.5 }, &first), FEED_PENDING);
    maker_hear(m);
    assert_int_equal(feed_set_sound(s->feed, &(struct sound){ 0.25 }, &second), FEED_PENDING);
    maker_hear(m);
    assert_true(m->render.sound.volume == 0.5);
    maker_make(m, 30);
    stage_hear_frames(s, 0, 0);
    assert_true(feed_serves(s->feed, first) && !feed_serves(s->feed, second));
    assert_true(m->render.sound.volume == 0.25 && m->render.from.volume == 0.5);
    maker_make(m, 30);
    stage_hear_frames(s, 1, 2);
    assert_true(feed_serves(s->feed, second));
}

static void a_late_ramp_is_made_farther_ahead(void **state)
{
    struct stage_feed *s;
    struct stage_packet p;
    uint32_t ticket;
    struct maker *m = stage_begin(&s, 45);
    feed_set_paced(s->feed, true);
    stage_hear_frames(s, 0, 9);
    assert_int_equal(feed_set_sound(s->feed, &(struct sound){ 0.5 }, &ticket), FEED_PENDING);
    maker_hear(m);
    int64_t asked = m->render.pos / AUDIO_FRAME_SAMPLES;
    assert_int_equal(asked, 11);
    stage_hear_frames(s, 10, 12); /* the worker is busy elsewhere */
    assert_int_equal(m->render.pos / AUDIO_FRAME_SAMPLES, 14);
    maker_make(m, 30);
    stage_hear_frames(s, 13, 13);
    assert_true(stage_hear(s, &p));
    assert_true(p.frame == 14 && p.volume == 0.5);
    stage_run(s);
    assert_true(feed_serves(s->feed, ticket));
}

static void a_seek_is_heard_at_its_place(void **state)
{
    struct stage_feed *s;
    uint32_t ticket;
    struct maker *m = stage_begin(&s, 20);
    stage_hear_frames(s, 0, 1);
    struct place far = place_after((struct place){ 0 }, 1000);
    assert_int_equal(feed_seek(s->feed, far, &ticket), FEED_PENDING);
    maker_hear(m);
    stage_hear_frames(s, 2, 3); /* what plays goes on until it is there */
    maker_make(m, 8);
    stage_hear_frames(s, 1000, 1007);
    assert_true(feed_serves(s->feed, ticket));
    assert_int_equal(s->in_force.samples, far.samples);
    assert_int_equal(s->ordinal.n, 4);
}

static void a_seek_that_cannot_be_is_taken_back(void **state)
{
    struct stage_feed *s;
    uint32_t ticket;
    struct maker *m = stage_begin(&s, 20);
    assert_int_equal(feed_seek(s->feed, (struct place){ 96000 }, &ticket), FEED_PENDING);
    maker_hear(m);
    maker_say_failed(m, WMSG_RENDER_FAILED, TUTTI_E_NOT_SEEKABLE);
    assert_int_equal(s->n_refused, 1);
    assert_int_equal(s->code, TUTTI_E_NOT_SEEKABLE);
    stage_hear_frames(s, 0, 19);
}

/* Where nothing lies ready a sound holds for what comes next. */
static void a_sound_for_what_comes_next_is_in_force_at_once(void **state)
{
    struct stage_feed *s;
    struct stage_packet p;
    uint32_t ticket;
    struct maker *m = stage_begin(&s, 2);
    stage_hear_frames(s, 0, 1);
    assert_int_equal(feed_set_sound(s->feed, &(struct sound){ 0.5 }, &ticket), FEED_IN_FORCE);
    maker_hear(m);
    maker_make(m, 1);
    assert_true(stage_hear(s, &p));
    assert_true(p.frame == 2 && p.volume == 0.5);
}

static void nonsense_in_the_ring_ends_the_worker(void **state)
{
    struct stage_feed *s;
    struct maker *m = stage_begin(&s, 2);
    stage_hear_frames(s, 0, 1);
    maker_put_record(m, &(struct ring_record){ .pos = -960 });
    assert_int_equal(stage_next(s), -1);
    stage_turn();
    assert_null(m->worker);
    assert_int_equal(s->warning, TUTTI_W_WORKER_RESTARTED);
}

static void a_follower_has_the_worker_after_the_join(void **state)
{
    struct stage_feed *s, *next = NULL;
    const uint8_t *packet;
    uint32_t len;
    struct maker *m = stage_begin(&s, 3);
    next = stage_add_feed("music/sub/deep.mp3", true);
    while (next->n_found == 0)
        (void)uv_run(&stage.loop, UV_RUN_ONCE);
    feed_host(s->feed, next->feed);
    maker_hear(m);
    assert_int_not_equal(m->next_play, 0);
    maker_say_opened(m, m->next_play);
    maker_end(m, RING_JOIN);
    uint32_t play = m->next_play;
    for (int64_t i = 0; i < 4; i++)
        maker_put_record(m, &(struct ring_record){ .pos = i * AUDIO_FRAME_SAMPLES, .play = play });
    stage_hear_frames(s, 0, 2);
    assert_int_equal(feed_peek(s->feed, &packet, &len), FEED_OVER);
    feed_hand_over(s->feed);
    feed_free(s->feed);
    s->feed = NULL;
    maker_hear(m);
    assert_int_equal(m->play, play);
    feed_promote(next->feed);
    assert_int_equal(next->n_ready, 1);
    stage_hear_frames(next, 0, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_feed_finds_its_source_and_plays),
        STAGE_TEST(the_end_is_the_end),
        STAGE_TEST(what_a_frame_entails_is_posted),
        STAGE_TEST(sounds_follow_one_upon_the_other),
        STAGE_TEST(a_late_ramp_is_made_farther_ahead),
        STAGE_TEST(a_seek_is_heard_at_its_place),
        STAGE_TEST(a_seek_that_cannot_be_is_taken_back),
        STAGE_TEST(a_sound_for_what_comes_next_is_in_force_at_once),
        STAGE_TEST(nonsense_in_the_ring_ends_the_worker),
        STAGE_TEST(a_follower_has_the_worker_after_the_join),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
