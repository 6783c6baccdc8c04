/* The worker's side of the frame ring: room for records and bytes, bells. */
#include "ring_pair.h"

#include <errno.h>

static const struct ring_shape small = { .n_slots = 16, .lane_bytes = 4096 };

static void shapes(void **state)
{
    static const struct {
        uint32_t n_frames, n_slots;
    } rows[] = { { 1, 16 }, { 14, 16 }, { 15, 32 }, { 250, 256 }, { 255, 512 }, { 3000, 4096 } };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct ring_shape s = ring_shape_for(rows[i].n_frames);
        assert_int_equal(s.n_slots, rows[i].n_slots);
        assert_int_equal(s.lane_bytes % 4096, 0);
        assert_true(s.lane_bytes >= rows[i].n_frames * 1275);
        assert_true(ring_records_offset(&s, 0) >= sizeof(struct ring_header));
        assert_int_equal(ring_records_offset(&s, 1) - ring_records_offset(&s, 0),
                         s.n_slots * sizeof(struct ring_record));
        assert_true(ring_bytes_offset(&s, 0) >= ring_records_offset(&s, RING_LANES));
        assert_int_equal(ring_bytes_offset(&s, 1) - ring_bytes_offset(&s, 0), s.lane_bytes);
        assert_int_equal(ring_size(&s), ring_bytes_offset(&s, 1) + s.lane_bytes);
    }
}

static void records_run_out(void **state)
{
    struct ring_pair p;
    ring_pair_open(&p, small);
    for (uint32_t i = 0; i < small.n_slots; i++)
        assert_int_equal(ring_pair_put(&p, 0, i, 1), 0);
    assert_int_equal(ring_consumer_fill(p.consumer, 0), small.n_slots);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ring_pair_put(&p, 0, 999, 1), -EAGAIN);
    assert_int_equal(ring_consumer_fill(p.consumer, 0), small.n_slots);
    assert_int_equal(p.producer.header->frames_made, small.n_slots);
    assert_true(ring_pair_take(&p, 0, 0));
    assert_int_equal(ring_pair_put(&p, 0, small.n_slots, 1), 0);
    for (uint32_t i = 1; i <= small.n_slots; i++)
        assert_true(ring_pair_take(&p, 0, i));
    assert_int_equal(ring_consumer_fill(p.consumer, 0), 0);
    ring_pair_close(&p);
}

static void bytes_run_out(void **state)
{
    struct ring_pair p;
    struct ring_record end = { .gen = 9, .flags = RING_END };
    ring_pair_open(&p, small);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(ring_pair_put(&p, 0, i, 1275), 0);
    assert_int_equal(ring_pair_put(&p, 0, 3, 1275), -EAGAIN);
    assert_int_equal(ring_pair_put(&p, 0, 3, 271), 0); /* 4096 exactly */
    assert_int_equal(ring_pair_put(&p, 0, 4, 1), -EAGAIN);
    assert_int_equal(ring_put(&p.producer, 0, &end, NULL), 0); /* needs no bytes */
    assert_true(ring_pair_take(&p, 0, 0));
    assert_int_equal(ring_pair_put(&p, 0, 4, 1275), 0); /* in the place of the one taken */
    assert_int_equal(ring_pair_put(&p, 0, 5, 1), -EAGAIN);
    for (uint32_t i = 1; i < 4; i++)
        assert_true(ring_pair_take(&p, 0, i));
    ring_pop(p.consumer, 0);
    assert_true(ring_pair_take(&p, 0, 4));
    ring_pair_close(&p);
}

/* Sizes and the distance between the sides change all the time: whatever lies in the ring must stay
 * what it was, however often the bytes wrap. */
static void bytes_wrap(void **state)
{
    struct ring_pair p;
    uint64_t seed = 1;
    uint32_t put = 0, taken = 0, wraps = 0, full = 0, last_offset = 0;
    ring_pair_open(&p, small);
    while (put < 200000) {
        uint32_t burst = test_random(&seed) % 20;
        uint16_t largest = (uint16_t)(put / 20000 % 2 ? 1275 : 60);
        while (burst-- > 0) {
            uint16_t len = (uint16_t)(1 + test_random(&seed) % largest);
            if (ring_pair_put(&p, 0, put, len) < 0) {
                full++;
                break;
            }
            uint32_t at = p.producer.lane[0].records[put % small.n_slots].offset;
            wraps += at < last_offset;
            last_offset = at;
            put++;
        }
        burst = test_random(&seed) % 20;
        while (burst-- > 0 && taken < put)
            assert_true(ring_pair_take(&p, 0, taken++));
    }
    assert_true(wraps > 1000);
    assert_true(full > 1000);
    ring_pair_close(&p);
}

/* A page that is never written is never paid for: few small packets use few bytes. */
static void small_packets_stay_in_front(void **state)
{
    struct ring_pair p;
    uint32_t farthest = 0;
    ring_pair_open(&p, ring_shape_for(250));
    ring_producer_set_depth(&p.producer, 12);
    for (uint32_t i = 0; i < 10000; i++) {
        assert_int_equal(ring_pair_put(&p, 0, i, 100), 0);
        uint32_t at = p.producer.lane[0].records[i & 255].offset;
        farthest = at > farthest ? at : farthest;
        if (i >= 10)
            assert_true(ring_pair_take(&p, 0, i - 10));
    }
    assert_true(farthest < 3 * 10 * 100);
    ring_pair_close(&p);
}

/* The indices run freely and pass 2^32. The consumer is brought there by a discard. */
static void indices_wrap(void **state)
{
    const uint32_t start = UINT32_MAX - 40;
    struct ring_pair p;
    ring_pair_open(&p, small);
    p.producer.lane[0].write = start;
    p.producer.header->lane[0].write = start;
    ring_discard(p.consumer, 0);
    assert_int_equal(p.producer.header->lane[0].read, start);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(ring_consumer_fill(p.consumer, 0), 0);
        for (uint32_t k = 0; k < small.n_slots; k++)
            assert_int_equal(ring_pair_put(&p, 0, i + k, 20), 0);
        assert_int_equal(ring_pair_put(&p, 0, 0, 20), -EAGAIN);
        assert_int_equal(ring_producer_fill(&p.producer, 0), small.n_slots);
        for (uint32_t k = 0; k < small.n_slots; k++)
            assert_true(ring_pair_take(&p, 0, i + k));
    }
    assert_true(p.producer.header->lane[0].write < start);
    ring_pair_close(&p);
}

static void producer_is_rung(void **state)
{
    struct ring_pair p;
    ring_pair_open(&p, small);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(ring_pair_put(&p, 0, i, 10), 0);
    assert_false(ring_producer_wants_bell(p.consumer, 0));
    assert_false(ring_producer_sleep(&p.producer, 0, 8)); /* room enough already */
    assert_false(ring_producer_wants_bell(p.consumer, 0));
    assert_true(ring_producer_sleep(&p.producer, 0, 5));
    for (uint32_t i = 0; i < 2; i++) {
        assert_false(ring_producer_wants_bell(p.consumer, 0));
        assert_true(ring_pair_take(&p, 0, i));
    }
    assert_false(ring_producer_wants_bell(p.consumer, 0)); /* 6 wait */
    assert_true(ring_pair_take(&p, 0, 2));
    assert_true(ring_producer_wants_bell(p.consumer, 0));
    assert_false(ring_producer_wants_bell(p.consumer, 0));
    ring_pair_close(&p);
}

/* It has time while more than three quarters of what it wants to be woken at are there. */
static void producer_has_time(void **state)
{
    struct ring_pair p;
    ring_pair_open(&p, small);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(ring_pair_put(&p, 0, i, 10), 0);
    assert_true(ring_producer_sleep(&p.producer, 0, 8));
    for (uint32_t fill = 10; fill > 0; fill--) {
        assert_int_equal(ring_producer_has_time(p.consumer, 0), fill > 6);
        assert_true(ring_pair_take(&p, 0, 10 - fill));
    }
    assert_false(ring_producer_has_time(p.consumer, 0));
    ring_pair_close(&p);
}

static void producer_refuses_what_is_no_ring(void **state)
{
    struct ring_pair p;
    struct ring_producer other = { 0 };
    struct ring_shape shape = { .n_slots = 32, .lane_bytes = 4096 };
    ring_pair_open(&p, small);
    assert_int_equal(ring_producer_init(&other, p.fd, &shape), -EPROTO);
    assert_int_equal(ring_producer_init(&other, -1, &small), -EBADF);
    p.producer.header->magic++;
    assert_int_equal(ring_producer_init(&other, p.fd, &small), -EPROTO);
    p.producer.header->magic--;
    p.producer.header->version++;
    assert_int_equal(ring_producer_init(&other, p.fd, &small), -EPROTO);
    p.producer.header->version--;
    p.producer.header->n_slots = 32;
    assert_int_equal(ring_producer_init(&other, p.fd, &small), -EPROTO);
    ring_producer_done(&other);
    ring_consumer_free(NULL);
    ring_pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),
        cmocka_unit_test(records_run_out),
        cmocka_unit_test(bytes_run_out),
        cmocka_unit_test(bytes_wrap),
        cmocka_unit_test(small_packets_stay_in_front),
        cmocka_unit_test(indices_wrap),
        cmocka_unit_test(producer_is_rung),
        cmocka_unit_test(producer_has_time),
        cmocka_unit_test(producer_refuses_what_is_no_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
