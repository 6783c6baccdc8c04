/* The life of a feed, and what must hold whatever is asked of it and whichever worker dies. */
#include "feed_stage.h"

static void a_file_that_is_not_there(void **state)
{
    struct stage_feed *s = stage_add_feed("music/none", false);
    while (s->feed)
        (void)uv_run(&stage.loop, UV_RUN_ONCE);
    assert_int_equal(s->n_failed, 1);
    assert_int_equal(s->code, TUTTI_E_NOT_FOUND);
}

/* At every point of its way, nothing is left behind. */
static void a_feed_is_freed_on_its_way(void **state)
{
    struct stage_feed *s = stage_add_feed("music/song.mp3", false);
    feed_free(s->feed); /* its source is looked for */
    s->feed = NULL;
    s = stage_add_feed("music/song.mp3", false);
    stage_await_job();
    feed_free(s->feed); /* it waits for a worker */
    s->feed = NULL;
    assert_null(stage.jobs);
    s = stage_add_feed("music/song.mp3", false);
    stage_await_job();
    struct maker *m = stage_give_worker();
    feed_free(s->feed); /* a worker has it */
    s->feed = NULL;
    maker_hear(m);
    assert_true(m->closed);
    m = stage_begin(&s, 5);
    maker_die(m, RING_WORKER_DECODING);
    feed_free(s->feed); /* a dead worker's ring is read */
    s->feed = NULL;
}

static void what_a_worker_says_of_the_source_is_known(void **state)
{
    struct stage_feed *s;
    struct maker *m = stage_begin(&s, 1);
    struct wmsg title = { .type = WMSG_TITLE, .play = m->play, .text = "A song" };
    maker_say(m, &title);
    struct wmsg length = { .type = WMSG_LENGTH, .play = m->play };
    length.length = (struct wmsg_length){ .duration = 48000, .kind = DURATION_EXACT };
    feed_tell_found(s->feed); /* before that its length is no news */
    maker_say(m, &length);
    stage_turn();
    assert_int_equal(s->n_titles, 1);
    assert_string_equal(feed_facts(s->feed)->title, "A song");
    assert_int_equal(s->n_durations, 1);
    assert_int_equal(feed_facts(s->feed)->duration.samples, 48000);
    assert_true(feed_facts(s->feed)->seekable);
}

static void a_source_cannot_be_opened_twice(void **state)
{
    struct stage_feed *s;
    struct maker *m = stage_begin(&s, 1);
    maker_say_opened(m, m->play);
    stage_turn();
    assert_null(m->worker);
}

/* The reason is the worker's, and where it gives none there is a sentence all the same. */
static void a_worker_that_cannot_go_on_ends_the_feed(void **state)
{
    struct stage_feed *s;
    struct maker *m = stage_begin(&s, 1);
    maker_say_failed(m, WMSG_FAILED, TUTTI_E_DECODE_FAILED);
    assert_int_equal(s->n_failed, 1);
    assert_int_equal(s->code, TUTTI_E_DECODE_FAILED);
    assert_null(s->feed);
}

/* It ended the worker, and is not tried again; what is heard goes on. */
static void a_follower_whose_opening_kills_is_to_blame(void **state)
{
    struct stage_feed *s;
    struct maker *m = stage_begin(&s, 10);
    struct stage_feed *next = stage_add_feed("music/sub/deep.mp3", true);
    while (next->n_found == 0)
        (void)uv_run(&stage.loop, UV_RUN_ONCE);
    feed_host(s->feed, next->feed);
    maker_die(m, RING_WORKER_OPENING);
    assert_int_equal(next->n_failed, 1);
    assert_int_equal(next->code, TUTTI_E_WORKER_CRASHED);
    assert_int_equal(s->n_failed, 0);
    m = stage_give_worker();
    maker_say_opened(m, m->play);
    maker_make(m, 5);
    stage_hear_frames(s, 0, 14);
}

static void a_follower_leaves_when_its_sound_changes(void **state)
{
    struct stage_feed *s;
    uint32_t ticket;
    struct maker *m = stage_begin(&s, 10);
    struct stage_feed *next = stage_add_feed("music/sub/deep.mp3", true);
    while (next->n_found == 0)
        (void)uv_run(&stage.loop, UV_RUN_ONCE);
    feed_host(s->feed, next->feed);
    assert_int_equal(feed_set_sound(next->feed, &(struct sound){ 0.5 }, &ticket), FEED_IN_FORCE);
    maker_hear(m);
    assert_int_equal(m->next_play, 0);
    feed_host(s->feed, next->feed);
    maker_hear(m);
    assert_int_not_equal(m->next_play, 0);
}

/*
 * Random sounds, seeks, deaths and bells, in both flows. Each frame is delivered once and in order;
 * places go on by one frame, or to where was sought last; each ticket is answered once; and when
 * all is quiet the sound is the one that was asked for last.
 */
enum { TURNS = 60000, TICKETS = 64, FAR = 1000000 };

struct chance {
    uint64_t dice;
    struct stage_feed *s;
    struct maker *m;         /* NULL: no worker */
    int64_t expected;        /* the next frame */
    int64_t sought[TICKETS]; /* and where it may be instead, the oldest seek first */
    unsigned n_sought;
    uint32_t tickets[TICKETS];
    unsigned n_tickets, n_asked, n_answered, n_frames, n_deaths, n_seen;
    double volume;
};

static uint32_t below(struct chance *c, uint32_t n)
{
    return test_random(&c->dice) % n;
}

static void answer(struct chance *c)
{
    unsigned left = 0;
    if (c->n_seen == c->s->n_in_force)
        return;
    c->n_seen = c->s->n_in_force;
    for (unsigned i = 0; i < c->n_tickets; i++) {
        if (feed_serves(c->s->feed, c->tickets[i]))
            c->n_answered++;
        else
            c->tickets[left++] = c->tickets[i];
    }
    c->n_tickets = left;
}

static void wait_for(struct chance *c, enum feed_answer a, uint32_t ticket)
{
    if (a != FEED_PENDING)
        return;
    assert_true(c->n_tickets < TICKETS);
    c->tickets[c->n_tickets++] = ticket;
    c->n_asked++;
}

static void ask(struct chance *c)
{
    uint32_t ticket;
    if (c->n_tickets == TICKETS || c->n_sought == TICKETS)
        return;
    if (below(c, 3) == 0) {
        int64_t frame = c->sought[c->n_sought++] = below(c, FAR);
        struct place to = place_after((struct place){ 0 }, frame);
        wait_for(c, feed_seek(c->s->feed, to, &ticket), ticket);
        return;
    }
    c->volume = (double)below(c, 5) / 4;
    wait_for(c, feed_set_sound(c->s->feed, &(struct sound){ c->volume }, &ticket), ticket);
}

static void die(struct chance *c)
{
    static const enum ring_worker_state states[] = { RING_WORKER_DECODING, RING_WORKER_WAITING_ROOM,
                                                     RING_WORKER_OPENING };
    if (!c->m)
        return;
    memset(&c->s->feed->rescue, 0, sizeof c->s->feed->rescue); /* none is the medium's fault */
    maker_die(c->m, states[below(c, LENGTH_OF(states))]);
    c->m = NULL;
    c->n_deaths++;
}

/* What was sought before that will not be heard any more. */
static void go_where_was_sought(struct chance *c, int64_t frame)
{
    unsigned i = 0;
    while (i < c->n_sought && c->sought[i] != frame)
        i++;
    assert_true(i < c->n_sought);
    c->n_sought -= i + 1;
    memmove(c->sought, c->sought + i + 1, c->n_sought * sizeof c->sought[0]);
}

static double hear_one(struct chance *c)
{
    struct stage_packet p = { 0 };
    if (!stage_hear(c->s, &p))
        return -1;
    if (p.frame != c->expected)
        go_where_was_sought(c, p.frame);
    c->expected = p.frame + 1;
    c->n_frames++;
    assert_int_equal(feed_taken(c->s->feed).n, c->n_frames);
    return p.volume;
}

static void work(struct chance *c)
{
    if (stage.jobs) {
        c->m = stage_give_worker();
        ring_set_state(&c->m->ring, RING_WORKER_DECODING);
        maker_say_opened(c->m, c->m->play);
    }
    if (!c->m)
        return;
    maker_hear(c->m);
    maker_make(c->m, below(c, 12));
}

static void happen(struct chance *c)
{
    switch (below(c, 24)) {
    case 0:
        ask(c);
        break;
    case 1:
        if (below(c, 12) == 0)
            die(c);
        break;
    case 2:
        feed_set_paced(c->s->feed, below(c, 3) != 0);
        break;
    case 3:
        if (c->m)
            maker_say(c->m, &(struct wmsg){ .type = WMSG_BELL });
        stage_turn();
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        work(c);
        break;
    default:
        (void)hear_one(c);
        break;
    }
    if (below(c, 3) != 0)
        stage_run(c->s);
    answer(c);
}

static void whatever_happens_each_frame_is_heard_once(void **state)
{
    struct chance c = { .dice = 11, .volume = 1 };
    c.m = stage_begin(&c.s, 20);
    for (int i = 0; i < TURNS; i++) {
        happen(&c);
        assert_non_null(c.s->feed);
    }
    double volume = -1;
    for (int i = 0; i < 400; i++) {
        work(&c);
        stage_run(c.s);
        answer(&c);
        double heard = hear_one(&c);
        volume = heard >= 0 ? heard : volume;
    }
    assert_true(volume == c.volume);
    assert_int_equal(c.n_tickets, 0);
    assert_int_equal(c.n_answered, c.n_asked);
    assert_int_equal(c.s->n_refused, 0);
    assert_true(c.n_frames > 5000 && c.n_deaths > 50 && c.n_asked > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_file_that_is_not_there),
        STAGE_TEST(a_feed_is_freed_on_its_way),
        STAGE_TEST(what_a_worker_says_of_the_source_is_known),
        STAGE_TEST(a_source_cannot_be_opened_twice),
        STAGE_TEST(a_worker_that_cannot_go_on_ends_the_feed),
        STAGE_TEST(a_follower_whose_opening_kills_is_to_blame),
        STAGE_TEST(a_follower_leaves_when_its_sound_changes),
        STAGE_TEST(whatever_happens_each_frame_is_heard_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
