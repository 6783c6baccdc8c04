/* The daemon's side of the frame ring, with a producer that keeps to the rules. Hostile producers:
 * test_ring_hostile. */
#include "ring_pair.h"

#include <errno.h>
#include <fcntl.h>

static const struct ring_shape small = { .n_slots = 16, .lane_bytes = 4096 };

static void a_record_comes_out_as_it_went_in(void **state)
{
    struct ring_pair p;
    struct ring_record in = {
        .gen = 7,
        .len = 3,
        .flags = RING_PASSTHROUGH,
        .offset = 99, /* the producer's to fill in, whatever was there */
        .play = 2,
        .pos = INT64_C(1) << 40,
        .hint = { .byte = 12345678901, .packet = 42 },
    };
    struct ring_record out;
    const uint8_t *packet;
    ring_pair_open(&p, small);
    assert_int_equal(ring_peek(p.consumer, 0, &out, &packet), 0);
    assert_int_equal(ring_put(&p.producer, 0, &in, "abc"), 0);
    assert_int_equal(ring_peek(p.consumer, 1, &out, &packet), 0);
    assert_int_equal(ring_peek(p.consumer, 0, &out, &packet), 1);
    assert_memory_equal(packet, "abc", 3);
    in.offset = out.offset;
    assert_memory_equal(&out, &in, sizeof in);
    /* Looking takes nothing. */
    assert_int_equal(ring_peek(p.consumer, 0, &out, &packet), 1);
    ring_pop(p.consumer, 0);
    assert_int_equal(ring_peek(p.consumer, 0, &out, &packet), 0);
    assert_int_equal(p.producer.header->frames_made, 1);
    assert_int_equal(ring_consumer_shape(p.consumer)->n_slots, small.n_slots);
    ring_pair_close(&p);
}

static void the_last_record_outlasts_its_taking(void **state)
{
    struct ring_pair p;
    struct ring_record in = { .gen = 7, .len = 3, .play = 2, .hint = { .byte = 5, .packet = 1 } };
    struct ring_record out;
    ring_pair_open(&p, small);
    assert_false(ring_newest(p.consumer, 0, &out));
    assert_false(ring_last_made(p.consumer, 0, &out));
    assert_int_equal(ring_put(&p.producer, 0, &in, "abc"), 0);
    in.pos = 960;
    assert_int_equal(ring_put(&p.producer, 0, &in, "def"), 0);
    assert_true(ring_newest(p.consumer, 0, &out));
    assert_int_equal(out.pos, 960);
    ring_pop(p.consumer, 0);
    ring_pop(p.consumer, 0);
    assert_false(ring_newest(p.consumer, 0, &out));
    assert_true(ring_last_made(p.consumer, 0, &out));
    assert_int_equal(out.pos, 960);
    assert_int_equal(out.hint.byte, 5);
    assert_false(ring_last_made(p.consumer, 1, &out));
    p.producer.header->lane[0].write += 2 * small.n_slots; /* nonsense */
    assert_false(ring_last_made(p.consumer, 0, &out));
    ring_pair_close(&p);
}

static void an_end_record_has_no_packet(void **state)
{
    struct ring_pair p;
    struct ring_record end = { .gen = 1, .flags = RING_END, .pos = 4711 };
    struct ring_record out;
    const uint8_t *packet;
    ring_pair_open(&p, small);
    assert_int_equal(ring_pair_put(&p, 1, 5, 100), 0);
    assert_int_equal(ring_put(&p.producer, 1, &end, NULL), 0);
    assert_true(ring_pair_take(&p, 1, 5));
    assert_int_equal(ring_peek(p.consumer, 1, &out, &packet), 1);
    assert_int_equal(out.flags, RING_END);
    assert_int_equal(out.len, 0);
    assert_int_equal(out.pos, 4711);
    ring_pair_close(&p);
}

static void lanes_do_not_touch_each_other(void **state)
{
    struct ring_pair p;
    ring_pair_open(&p, small);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(ring_pair_put(&p, 0, i, 1275), 0);
        assert_int_equal(ring_pair_put(&p, 1, 100 + i, 1275), 0);
    }
    assert_int_equal(ring_consumer_fill(p.consumer, 0), 3);
    ring_discard(p.consumer, 0);
    assert_int_equal(ring_consumer_fill(p.consumer, 0), 0);
    assert_int_equal(ring_producer_fill(&p.producer, 0), 0);
    assert_int_equal(ring_consumer_fill(p.consumer, 1), 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(ring_pair_take(&p, 1, 100 + i));
    ring_pair_close(&p);
}

static void discard_makes_room(void **state)
{
    struct ring_pair p;
    ring_pair_open(&p, small);
    for (uint32_t round = 0; round < 50; round++) {
        for (uint32_t i = 0; i < 3; i++)
            assert_int_equal(ring_pair_put(&p, 0, i, 1275), 0);
        ring_discard(p.consumer, 0);
        assert_int_equal(ring_pair_put(&p, 0, 77, 10), 0);
        assert_true(ring_pair_take(&p, 0, 77));
    }
    ring_pair_close(&p);
}

static void consumer_is_rung(void **state)
{
    struct ring_pair p;
    ring_pair_open(&p, small);
    assert_false(ring_consumer_waits(&p.producer));
    assert_true(ring_consumer_wait(p.consumer, 0));
    assert_int_equal(ring_pair_put(&p, 0, 1, 10), 0);
    assert_true(ring_consumer_waits(&p.producer));
    assert_false(ring_consumer_waits(&p.producer)); /* one bell is enough */
    /* The other lane is empty and can be waited for; a record that lies in this one must not take
     * that bell away. */
    assert_true(ring_consumer_wait(p.consumer, 1));
    assert_false(ring_consumer_wait(p.consumer, 0));
    assert_true(ring_consumer_waits(&p.producer));
    ring_pair_close(&p);
}

static void memory_is_sealed(void **state)
{
    struct ring_pair p;
    ring_pair_open(&p, small);
    assert_int_equal(ftruncate(p.fd, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(p.fd, 1 << 20), -1);
    assert_int_equal(fcntl(p.fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    assert_true(fcntl(p.fd, F_GETFD) & FD_CLOEXEC);
    ring_pair_close(&p);
}

static void worker_state_is_a_hint(void **state)
{
    struct ring_pair p;
    ring_pair_open(&p, small);
    assert_int_equal(ring_worker_state(p.consumer), RING_WORKER_IDLE);
    ring_set_state(&p.producer, RING_WORKER_WAITING_SOURCE);
    assert_int_equal(ring_worker_state(p.consumer), RING_WORKER_WAITING_SOURCE);
    p.producer.header->worker_state = 0xffffffff;
    assert_int_equal(ring_worker_state(p.consumer), RING_WORKER_IDLE);
    ring_pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_comes_out_as_it_went_in),
        cmocka_unit_test(the_last_record_outlasts_its_taking),
        cmocka_unit_test(an_end_record_has_no_packet),
        cmocka_unit_test(lanes_do_not_touch_each_other),
        cmocka_unit_test(discard_makes_room),
        cmocka_unit_test(consumer_is_rung),
        cmocka_unit_test(memory_is_sealed),
        cmocka_unit_test(worker_state_is_a_hint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
