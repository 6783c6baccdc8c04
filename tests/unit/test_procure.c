/* A worker for a feed: asked for, had, and told what to render. */
#include "feed_stage.h"

static void a_worker_opens_what_was_asked_for_until_then(void **state)
{
    struct stage_feed *s = stage_add_feed("music/song.mp3", false);
    uint32_t ticket;
    assert_int_equal(feed_state(s->feed), FEED_FINDING);
    assert_int_equal(feed_set_sound(s->feed, &(struct sound){ 0.5 }, &ticket), FEED_IN_FORCE);
    assert_int_equal(feed_seek(s->feed, (struct place){ 48000 }, &ticket), FEED_PENDING);
    stage_await_job();
    assert_int_equal(feed_state(s->feed), FEED_QUEUED);
    struct maker *m = stage_give_worker();
    assert_int_equal(m->render.pos, 48000);
    assert_true(m->render.sound.volume == 0.5 && m->render.from.volume == 0.5);
    assert_int_equal(m->hint.packet, -1);
    assert_true(feed_serves(s->feed, ticket));
}

/* What is asked for while the worker opens the source takes the place of what it was told. */
static void an_early_seek_takes_the_place_of_the_first_render(void **state)
{
    struct stage_feed *s = stage_add_feed("music/song.mp3", false);
    uint32_t ticket;
    stage_await_job();
    struct maker *m = stage_give_worker();
    assert_int_equal(feed_seek(s->feed, (struct place){ 96000 }, &ticket), FEED_PENDING);
    maker_put(m, 3); /* of the render that nobody wants any more */
    maker_hear(m);
    assert_int_equal(m->render.pos, 96000);
    maker_say_opened(m, m->play);
    assert_int_equal(s->n_ready, 0);
    maker_make(m, 3);
    assert_int_equal(s->n_ready, 1);
    stage_hear_frames(s, 100, 102);
}

static void without_memory_for_a_job_the_feed_fails_from_the_loop(void **state)
{
    stage.no_workers = true;
    struct stage_feed *s = stage_add_feed("music/song.mp3", false);
    while (!s->must_look)
        (void)uv_run(&stage.loop, UV_RUN_ONCE);
    assert_int_equal(s->n_failed, 0);
    stage_run(s);
    assert_int_equal(s->n_failed, 1);
    assert_int_equal(s->code, TUTTI_E_INTERNAL);
}

static void no_worker_can_be_made(void **state)
{
    struct stage_feed *s = stage_add_feed("music/song.mp3", false);
    stage_await_job();
    struct pool_job job = *stage.jobs;
    pool_cancel(NULL, stage.jobs);
    job.got(NULL, job.arg);
    assert_int_equal(s->n_failed, 1);
    assert_int_equal(s->code, TUTTI_E_INTERNAL);
}

/* Seeks until its socket is full and the last one cannot be told. */
static void fill_the_socket(struct stage_feed *s)
{
    uint32_t ticket;
    for (int i = 0; s->feed->change.state != CHANGE_WANTED && i < 5000; i++)
        (void)feed_seek(s->feed, (struct place){ 960000 + i * 960 }, &ticket);
    assert_int_equal(s->feed->change.state, CHANGE_WANTED);
}

static void a_worker_that_does_not_read_is_told_with_a_later_frame(void **state)
{
    struct stage_feed *s;
    struct stage_packet p;
    struct maker *m = stage_begin(&s, 40);
    feed_set_paced(s->feed, true);
    fill_the_socket(s);
    assert_true(stage_hear(s, &p) && feed_run(s->feed));
    assert_int_equal(s->feed->change.state, CHANGE_WANTED);
    maker_hear(m);
    stage_hear_frames(s, 1, 1);
    assert_int_equal(s->feed->change.state, CHANGE_SENT);
    assert_int_equal(m->render.pos, s->feed->change.render.pos);
}

/* Without a pacer the loop must not spin until the worker reads; it is told when it rings. */
static void a_worker_that_does_not_read_is_told_when_it_rings(void **state)
{
    struct stage_feed *s;
    struct stage_packet p;
    struct maker *m = stage_begin(&s, 40);
    fill_the_socket(s);
    s->must_look = false;
    assert_true(stage_hear(s, &p) && feed_run(s->feed));
    assert_false(s->must_look);
    assert_int_equal(s->feed->change.state, CHANGE_WANTED);
    maker_hear(m);
    maker_say(m, &(struct wmsg){ .type = WMSG_BELL });
    stage_turn();
    assert_int_equal(s->feed->change.state, CHANGE_SENT);
}

static void it_waits_for_its_turn(void **state)
{
    struct stage_feed *s = stage_add_feed("music/song.mp3", true);
    while (s->n_found == 0)
        (void)uv_run(&stage.loop, UV_RUN_ONCE);
    assert_int_equal(feed_state(s->feed), FEED_WAITING);
    assert_null(stage.jobs);
    feed_promote(s->feed);
    assert_non_null(stage.jobs);
    assert_int_equal(feed_state(s->feed), FEED_QUEUED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_worker_opens_what_was_asked_for_until_then),
        STAGE_TEST(an_early_seek_takes_the_place_of_the_first_render),
        STAGE_TEST(without_memory_for_a_job_the_feed_fails_from_the_loop),
        STAGE_TEST(no_worker_can_be_made),
        STAGE_TEST(a_worker_that_does_not_read_is_told_with_a_later_frame),
        STAGE_TEST(a_worker_that_does_not_read_is_told_when_it_rings),
        STAGE_TEST(it_waits_for_its_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
