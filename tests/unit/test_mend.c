/* Workers that die and sources that are lost: what is heard all the same. */
#include "feed_stage.h"

static void what_a_dead_worker_left_is_heard(void **state)
{
    struct stage_feed *s;
    struct maker *m = stage_begin(&s, 10);
    stage_hear_frames(s, 0, 3);
    maker_die(m, RING_WORKER_DECODING);
    assert_int_equal(feed_state(s->feed), FEED_RESCUING);
    assert_int_equal(s->warning, TUTTI_W_WORKER_RESTARTED);
    stage_hear_frames(s, 4, 5);
    m = stage_give_worker();
    assert_int_equal(feed_state(s->feed), FEED_READY);
    assert_int_equal(m->render.pos, 10 * AUDIO_FRAME_SAMPLES);
    assert_int_equal(m->render.exact, 1);
    assert_int_equal(m->hint.packet, 10); /* of the last frame that was made */
    maker_say_opened(m, m->play);
    maker_make(m, 5);
    stage_hear_frames(s, 6, 14);
}

/* Nobody is needed for what is there already. */
static void a_complete_ring_needs_no_worker(void **state)
{
    struct stage_feed *s;
    const uint8_t *packet;
    uint32_t len;
    struct maker *m = stage_begin(&s, 5);
    maker_end(m, 0);
    maker_die(m, RING_WORKER_IDLE);
    stage_run(s);
    assert_null(stage.jobs);
    stage_hear_frames(s, 0, 4);
    assert_int_equal(feed_peek(s->feed, &packet, &len), FEED_OVER);
}

static void a_change_under_way_is_made_by_the_next_worker(void **state)
{
    struct stage_feed *s;
    struct stage_packet p;
    uint32_t ticket;
    struct maker *m = stage_begin(&s, 30);
    stage_hear_frames(s, 0, 3);
    assert_int_equal(feed_set_sound(s->feed, &(struct sound){ 0.5 }, &ticket), FEED_PENDING);
    maker_die(m, RING_WORKER_DECODING);
    stage_hear_frames(s, 4, 5);
    assert_false(feed_serves(s->feed, ticket));
    m = stage_give_worker();
    assert_true(m->render.sound.volume == 0.5 && m->render.from.volume == 1);
    maker_say_opened(m, m->play);
    maker_make(m, 30);
    assert_true(stage_hear(s, &p));
    assert_true(p.frame == 6 && p.volume == 0.5);
    stage_run(s);
    assert_true(feed_serves(s->feed, ticket));
}

/* A change is asked for while the ring of a dead worker is read. */
static void a_change_while_nobody_works_is_asked_for_at_once(void **state)
{
    struct stage_feed *s;
    uint32_t ticket;
    struct maker *m = stage_begin(&s, 30);
    maker_die(m, RING_WORKER_WAITING_ROOM);
    assert_int_equal(feed_seek(s->feed, (struct place){ 960000 }, &ticket), FEED_PENDING);
    stage_hear_frames(s, 0, 1);
    m = stage_give_worker();
    assert_int_equal(m->render.pos, 960000);
    maker_say_opened(m, m->play);
    maker_make(m, 10);
    stage_hear_frames(s, 1000, 1004);
    assert_true(feed_serves(s->feed, ticket));
}

static void what_cannot_be_decoded_is_skipped_then_given_up(void **state)
{
    struct stage_feed *s;
    struct maker *m = stage_begin(&s, 10);
    maker_die(m, RING_WORKER_DECODING);
    m = stage_give_worker();
    maker_say_opened(m, m->play);
    maker_die(m, RING_WORKER_DECODING);
    assert_int_equal(s->warning, TUTTI_W_SPAN_SKIPPED);
    m = stage_give_worker();
    assert_int_equal(m->render.pos, 10 * AUDIO_FRAME_SAMPLES + RESCUE_SKIP_SAMPLES);
    assert_int_equal(m->render.exact, 0);
    maker_die(m, RING_WORKER_DECODING);
    assert_int_equal(feed_state(s->feed), FEED_LOST);
    assert_int_equal(s->n_refused, 1);
    stage_hear_frames(s, 0, 9); /* what is there is heard first */
    assert_int_equal(s->n_failed, 0);
    assert_int_equal(stage_next(s), -1);
    assert_int_equal(s->n_failed, 1);
    assert_int_equal(s->code, TUTTI_E_WORKER_CRASHED);
}

static void a_death_before_the_first_frame_is_tried_again(void **state)
{
    struct stage_feed *s = stage_add_feed("music/song.mp3", false);
    for (int i = 0; i < 2; i++) {
        stage_await_job();
        struct maker *m = stage_give_worker();
        assert_int_equal(feed_state(s->feed), FEED_OPENING);
        maker_die(m, RING_WORKER_OPENING);
        assert_int_equal(feed_state(s->feed), FEED_QUEUED);
    }
    stage_await_job();
    maker_die(stage_give_worker(), RING_WORKER_OPENING);
    assert_int_equal(s->n_failed, 1);
    assert_int_equal(s->code, TUTTI_E_WORKER_CRASHED);
}

/* A worker's text of the full length lost its last byte, and with it the event its message. */
static void a_text_of_full_length_is_told(void **state)
{
    char text[WMSG_TEXT_MAX + 8];
    for (size_t n = WMSG_TEXT_MAX - 4; n <= WMSG_TEXT_MAX; n++) {
        struct stage_feed *s;
        const char *why;
        (void)stage_begin(&s, 1);
        memset(text, 'a', sizeof text);
        memcpy(text + n, "\xe2\x82\xac", 4);
        feed_lose(s->feed, TUTTI_E_SOURCE_FAILED, text);
        assert_int_equal(feed_loss(s->feed, &why), TUTTI_E_SOURCE_FAILED);
        assert_int_equal(strlen(why), n + 3 <= WMSG_TEXT_MAX ? n + 3 : n);
        feed_free(s->feed);
        s->feed = NULL;
        stage_turn();
        for (struct maker *m = stage.makers; m < stage.makers + STAGE_MAKERS; m++)
            maker_clear(m);
    }
}

/* The source is lost while the worker lives: what lies ready is the last. */
static void nothing_can_be_changed_about_a_lost_source(void **state)
{
    struct stage_feed *s;
    uint32_t ticket;
    const char *why;
    (void)stage_begin(&s, 3);
    feed_lose_source(s->feed, TUTTI_E_NOT_FOUND, "it is gone");
    assert_int_equal(feed_seek(s->feed, (struct place){ 0 }, &ticket), FEED_REFUSED);
    /* Of what has been heard it is not said that there is nothing. */
    assert_int_equal(feed_loss(s->feed, &why), TUTTI_E_SOURCE_FAILED);
    assert_int_equal(feed_set_sound(s->feed, &(struct sound){ 0.5 }, &ticket), FEED_IN_FORCE);
    stage_hear_frames(s, 0, 2);
    assert_int_equal(stage_next(s), -1);
    assert_int_equal(s->n_failed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(what_a_dead_worker_left_is_heard),
        STAGE_TEST(a_complete_ring_needs_no_worker),
        STAGE_TEST(a_change_under_way_is_made_by_the_next_worker),
        STAGE_TEST(a_change_while_nobody_works_is_asked_for_at_once),
        STAGE_TEST(what_cannot_be_decoded_is_skipped_then_given_up),
        STAGE_TEST(a_death_before_the_first_frame_is_tried_again),
        STAGE_TEST(a_text_of_full_length_is_told),
        STAGE_TEST(nothing_can_be_changed_about_a_lost_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
