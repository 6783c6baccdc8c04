/*
 * One cursor over segments: both sides of two rings in one test. What is asked each time is what a
 * listener hears: which frames, in which order, and from which render.
 */
#include "feed/reader.h"

#include "ring_pair.h"

#include <errno.h>

enum { N_SLOTS = 64 };

static struct ring_pair a, b; /* a worker's ring, and another worker's */

static int open_rings(void **state)
{
    ring_pair_open(&a, ring_shape_for(N_SLOTS));
    ring_pair_open(&b, ring_shape_for(N_SLOTS));
    return 0;
}

static int close_rings(void **state)
{
    ring_pair_close(&a);
    ring_pair_close(&b);
    return 0;
}

static void put_record(struct ring_pair *pair, unsigned lane, uint32_t gen, int64_t frame,
                       uint16_t flags)
{
    uint8_t byte = (uint8_t)frame;
    struct ring_record r = { .gen = gen,
                             .len = (flags & RING_END) ? 0 : 1,
                             .flags = flags,
                             .pos = frame * AUDIO_FRAME_SAMPLES };
    assert_int_equal(ring_put(&pair->producer, lane, &r, &byte), 0);
}

/* Frames first … last of a render. */
static void put(struct ring_pair *pair, unsigned lane, uint32_t gen, int64_t first, int64_t last)
{
    for (int64_t i = first; i <= last; i++)
        put_record(pair, lane, gen, i, 0);
}

static struct segment segment_of(const struct ring_pair *pair, unsigned lane, uint32_t gen)
{
    return (struct segment){ .ring = pair ? pair->consumer : NULL, .lane = lane, .gen = gen };
}

static struct reader begin(struct ring_pair *pair, unsigned lane, uint32_t gen)
{
    struct reader r = { .is_paced = true, .has_begun = true };
    struct segment s = segment_of(pair, lane, gen);
    reader_begin(&r, &s);
    return r;
}

static void expect_next(struct reader *r, const struct ring_pair *pair, unsigned lane, uint32_t gen,
                        struct passage passage)
{
    struct segment s = segment_of(pair, lane, gen);
    reader_expect(r, &s, &passage);
}

static struct place frame_place(int64_t frame)
{
    return place_after((struct place){ 0 }, frame);
}

static struct passage at_frame(int64_t frame, bool ramps)
{
    return (struct passage){
        .joint = JOINT_SAME_FRAME, .on_grid = true, .ramps = ramps, .begin = frame_place(frame)
    };
}

/* Delivers a frame as a feed does. Returns its number in the source + 1000 × its generation; −1 if
 * there is none, −2 if it is late for a ramp. */
static int64_t hear(struct reader *r)
{
    struct ring_record record;
    const uint8_t *packet;
    enum reader_turn turn = reader_turn(r);
    assert_int_not_equal(turn, READER_BROKEN);
    if (turn == READER_LATE)
        return -2;
    if (reader_peek(r, &record, &packet) != 1 || (record.flags & RING_END))
        return -1;
    r->place = (struct place){ record.pos };
    reader_take(r);
    return record.pos / AUDIO_FRAME_SAMPLES + 1000 * (int64_t)record.gen;
}

static void hear_frames(struct reader *r, uint32_t gen, int64_t first, int64_t last)
{
    for (int64_t i = first; i <= last; i++)
        assert_int_equal(hear(r), i + 1000 * (int64_t)gen);
}

static void one_segment_is_read_in_order(void **state)
{
    struct reader r = begin(&a, 0, 1);
    put(&a, 0, 1, 0, 9);
    assert_int_equal(reader_fill(&r), 10);
    hear_frames(&r, 1, 0, 9);
    assert_int_equal(hear(&r), -1);
    assert_int_equal(r.taken.n, 10);
    assert_int_equal(r.place.samples, 10 * AUDIO_FRAME_SAMPLES);
    put_record(&a, 0, 1, 10, RING_END);
    assert_true(reader_is_complete(&r));
}

static void records_of_another_render_are_stale(void **state)
{
    struct reader r = begin(&a, 0, 2);
    put(&a, 0, 1, 0, 5);
    put(&a, 0, 2, 40, 42);
    hear_frames(&r, 2, 40, 42);
}

/* As long as the change has less to go on with than what plays, that is played. */
static void a_full_segment_is_not_left_for_one_frame(void **state)
{
    struct reader r = begin(&a, 0, 1);
    put(&a, 0, 1, 0, 49);
    hear_frames(&r, 1, 0, 4);
    expect_next(&r, &a, 1, 2, at_frame(5, false));
    put(&a, 1, 2, 5, 5);
    hear_frames(&r, 1, 5, 9);
    put(&a, 1, 2, 6, 8); /* delivered already, all of them */
    hear_frames(&r, 1, 10, 10);
    put(&a, 1, 2, 9, 11 + READER_CUSHION - 1);
    hear_frames(&r, 2, 11, 11 + READER_CUSHION - 1);
    assert_int_equal(ring_consumer_fill(a.consumer, 0), 0); /* what was left is gone */
}

static void a_segment_is_left_for_one_that_has_as_much(void **state)
{
    struct reader r = begin(&a, 0, 1);
    put(&a, 0, 1, 0, 9);
    hear_frames(&r, 1, 0, 4);
    expect_next(&r, &a, 1, 2, at_frame(5, true));
    put(&a, 1, 2, 5, 9);
    hear_frames(&r, 2, 5, 9);
}

static void the_end_is_enough_to_go_on_with(void **state)
{
    struct reader r = begin(&a, 0, 1);
    put(&a, 0, 1, 0, 49);
    hear_frames(&r, 1, 0, 4);
    expect_next(&r, &a, 1, 2, at_frame(5, true));
    put(&a, 1, 2, 5, 6);
    put_record(&a, 1, 2, 7, RING_END);
    hear_frames(&r, 2, 5, 6);
    assert_true(reader_is_complete(&r));
}

static void without_a_pacer_one_frame_is_enough(void **state)
{
    struct reader r = begin(&a, 0, 1);
    r.is_paced = false;
    put(&a, 0, 1, 0, 49);
    hear_frames(&r, 1, 0, 4);
    expect_next(&r, &a, 1, 2, at_frame(5, true));
    put(&a, 1, 2, 5, 5);
    hear_frames(&r, 2, 5, 5);
}

static void what_plays_goes_on_until_the_change_begins(void **state)
{
    struct reader r = begin(&a, 0, 1);
    put(&a, 0, 1, 0, 49);
    expect_next(&r, &a, 1, 2, at_frame(3, true));
    put(&a, 1, 2, 3, 3 + READER_CUSHION);
    hear_frames(&r, 1, 0, 2);
    hear_frames(&r, 2, 3, 5);
}

static void a_ramp_whose_frame_has_left_is_late(void **state)
{
    struct reader r = begin(&a, 0, 1);
    put(&a, 0, 1, 0, 49);
    expect_next(&r, &a, 1, 2, at_frame(3, true));
    hear_frames(&r, 1, 0, 3); /* its first frame did not come in time */
    put(&a, 1, 2, 3, 30);
    assert_int_equal(hear(&r), -2);
    expect_next(&r, &a, 1, 3, at_frame(6, true)); /* made anew, farther ahead */
    put(&a, 1, 3, 6, 6 + READER_CUSHION);
    hear_frames(&r, 1, 4, 5);
    hear_frames(&r, 3, 6, 9);
}

static void a_seek_leaves_at_once(void **state)
{
    struct reader r = begin(&a, 0, 1);
    put(&a, 0, 1, 100, 149);
    hear_frames(&r, 1, 100, 101);
    expect_next(&r, &a, 1, 2, (struct passage){ .joint = JOINT_AT_ONCE });
    hear_frames(&r, 1, 102, 103); /* there is nothing else yet */
    put(&a, 1, 2, 7, 7 + READER_START - 1);
    hear_frames(&r, 2, 7, 7 + READER_START - 1);
}

/* A change of sound where nothing lies ready: what the old render still makes is not wanted. */
static void nothing_is_read_from_a_segment_that_was_left(void **state)
{
    struct reader r = begin(&a, 0, 1);
    put(&a, 0, 1, 0, 0);
    hear_frames(&r, 1, 0, 0);
    expect_next(&r, &a, 1, 2, at_frame(1, false));
    reader_leave(&r);
    put(&a, 0, 1, 1, 3);
    assert_int_equal(hear(&r), -1);
    put(&a, 1, 2, 1, 1);
    hear_frames(&r, 2, 1, 1);
}

static void a_dead_workers_ring_is_read_to_its_end(void **state)
{
    struct reader r = begin(&a, 0, 1);
    put(&a, 0, 1, 0, 9);
    hear_frames(&r, 1, 0, 4);
    reader_keep(&r, a.consumer);
    expect_next(
        &r, NULL, 0, 0,
        (struct passage){ .joint = JOINT_AT_END, .on_grid = true, .begin = frame_place(10) });
    hear_frames(&r, 1, 5, 6); /* another worker is not there yet */
    struct passage passage = r.passage;
    expect_next(&r, &b, 0, 7, passage);
    put(&b, 0, 7, 10, 12);
    hear_frames(&r, 1, 7, 9);
    hear_frames(&r, 7, 10, 12);
    assert_null(r.kept);
    ring_producer_done(&a.producer); /* the reader has freed the other side */
    assert_int_equal(close(a.fd), 0);
    ring_pair_open(&a, ring_shape_for(N_SLOTS));
}

static void a_dead_workers_ring_that_makes_no_sense_counts_as_empty(void **state)
{
    struct reader r = begin(&a, 0, 1);
    put_record(&a, 0, 1, -5, 0);
    reader_keep(&r, a.consumer);
    expect_next(
        &r, &b, 0, 2,
        (struct passage){ .joint = JOINT_AT_END, .on_grid = true, .begin = frame_place(0) });
    assert_int_equal(hear(&r), -1);
    put(&b, 0, 2, 0, 1);
    hear_frames(&r, 2, 0, 1);
    ring_producer_done(&a.producer);
    assert_int_equal(close(a.fd), 0);
    ring_pair_open(&a, ring_shape_for(N_SLOTS));
}

static void nonsense_of_a_living_worker_is_an_error(void **state)
{
    struct reader r = begin(&a, 0, 1);
    struct ring_record record;
    const uint8_t *packet;
    put_record(&a, 0, 1, -5, 0);
    assert_int_equal(reader_peek(&r, &record, &packet), -EPROTO);
}

/* A worker that never writes what it was told to is at fault, however fast it writes. */
static void stale_records_without_end_are_an_error(void **state)
{
    struct reader r = begin(&a, 0, 2);
    struct ring_record record;
    const uint8_t *packet;
    int n = 0;
    for (int i = 0; i < 100 && n == 0; i++) {
        put(&a, 0, 1, 0, N_SLOTS - 1);
        n = reader_peek(&r, &record, &packet);
    }
    assert_int_equal(n, -EPROTO);
}

static void a_bell_is_asked_for_where_nothing_is(void **state)
{
    struct reader r = begin(&a, 0, 2);
    put(&a, 0, 1, 0, 3); /* stale: not what is waited for */
    assert_true(reader_await(&r, &r.now));
    assert_true(ring_consumer_waits(&a.producer));
    put(&a, 0, 2, 4, 4);
    assert_false(reader_await(&r, &r.now));
}

/*
 * Random renders and deliveries. Changes of sound, each with its ramp, begin at random places, come
 * late or in pieces. What is heard has every frame of the source once, in order, and each change
 * that came in force begins with the frame that bears its ramp.
 */
struct model {
    uint64_t dice;
    struct reader reader;
    uint32_t gen;
    unsigned lane;
    int64_t made, next; /* of the render under way: the next frame to be made; the next of `now` */
    int64_t begin;
    bool changing;
};

static void ask_for_a_change(struct model *m)
{
    int64_t heard = m->reader.place.samples / AUDIO_FRAME_SAMPLES;
    m->lane = m->reader.now.lane ^ 1u;
    m->made = m->begin = heard + (int64_t)test_random(&m->dice) % 6;
    m->changing = true;
    expect_next(&m->reader, &a, m->lane, ++m->gen, at_frame(m->begin, true));
}

static void make_some(struct model *m)
{
    unsigned lane = m->changing ? m->lane : m->reader.now.lane;
    int64_t *next = m->changing ? &m->made : &m->next;
    for (uint32_t n = test_random(&m->dice) % 12; n > 0; n--) {
        if (ring_producer_fill(&a.producer, lane) < 40)
            put_record(&a, lane, m->gen, (*next)++, 0);
    }
}

static void every_frame_is_heard_once(void **state)
{
    struct model m = { .dice = 7, .gen = 1 };
    m.reader = begin(&a, 0, 1);
    int64_t expected = 0;
    uint32_t gen = 1;
    unsigned n_changes = 0;
    for (int i = 0; i < 200000; i++) {
        if (!m.changing && test_random(&m.dice) % 40 == 0)
            ask_for_a_change(&m);
        make_some(&m);
        if (test_random(&m.dice) % 3 == 0)
            continue;
        int64_t heard = hear(&m.reader);
        if (heard == -2)
            ask_for_a_change(&m);
        if (heard < 0)
            continue;
        uint32_t from = m.reader.now.gen;
        assert_int_equal(m.reader.place.samples, (expected + 1) * AUDIO_FRAME_SAMPLES);
        if (from != gen) {
            assert_int_equal(from, m.gen);
            assert_int_equal(expected, m.begin);
            m.changing = false;
            m.next = m.made;
            gen = from;
            n_changes++;
        }
        expected++;
    }
    assert_int_equal(m.reader.taken.n, expected);
    assert_true(n_changes > 500 && expected > 20000);
}

#define RING_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_rings, close_rings)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RING_TEST(one_segment_is_read_in_order),
        RING_TEST(records_of_another_render_are_stale),
        RING_TEST(a_full_segment_is_not_left_for_one_frame),
        RING_TEST(a_segment_is_left_for_one_that_has_as_much),
        RING_TEST(the_end_is_enough_to_go_on_with),
        RING_TEST(without_a_pacer_one_frame_is_enough),
        RING_TEST(what_plays_goes_on_until_the_change_begins),
        RING_TEST(a_ramp_whose_frame_has_left_is_late),
        RING_TEST(a_seek_leaves_at_once),
        RING_TEST(nothing_is_read_from_a_segment_that_was_left),
        RING_TEST(a_dead_workers_ring_is_read_to_its_end),
        RING_TEST(a_dead_workers_ring_that_makes_no_sense_counts_as_empty),
        RING_TEST(nonsense_of_a_living_worker_is_an_error),
        RING_TEST(stale_records_without_end_are_an_error),
        RING_TEST(a_bell_is_asked_for_where_nothing_is),
        RING_TEST(every_frame_is_heard_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
