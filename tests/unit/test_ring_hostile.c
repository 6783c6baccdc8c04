/* The daemon's side of the ring against a producer that writes whatever it likes. */
#include "ring_pair.h"

#include <errno.h>

static const struct ring_shape shape = { .n_slots = 16, .lane_bytes = 4096 };

static void write_index_out_of_range(void **state)
{
    static const struct {
        uint32_t read, write;
        int answer;
        uint32_t fill;
    } rows[] = {
        { 0, 17, -EPROTO, 16 },
        { 0, UINT32_MAX, -EPROTO, 16 },
        { 0, 0x80000000, -EPROTO, 16 },
        { 100, 99, -EPROTO, 16 }, /* behind what was read */
        { 100, 117, -EPROTO, 16 },
        { UINT32_MAX - 3, 13, -EPROTO, 16 },
        { UINT32_MAX - 3, UINT32_MAX - 4, -EPROTO, 16 },
        { 100, 100, 0, 0 },
        { UINT32_MAX, 0, 1, 1 },
        { 100, 116, 1, 16 },
        { UINT32_MAX - 3, 12, 1, 16 },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct ring_pair p;
        struct ring_record r = { .gen = 0xabcd };
        const uint8_t *packet = NULL;
        ring_pair_open(&p, shape);
        p.producer.header->lane[0].write = rows[i].read;
        ring_discard(p.consumer, 0);
        for (uint32_t k = 0; k < shape.n_slots; k++)
            p.producer.lane[0].records[k] = (struct ring_record){ .gen = 1, .len = 10 };
        p.producer.header->lane[0].write = rows[i].write;
        assert_int_equal(ring_peek(p.consumer, 0, &r, &packet), rows[i].answer);
        assert_int_equal(ring_consumer_fill(p.consumer, 0), rows[i].fill);
        if (rows[i].answer <= 0) {
            assert_int_equal(r.gen, 0xabcd); /* written on success only */
            assert_null(packet);
        }
        ring_pair_close(&p);
    }
}

static void record_out_of_range(void **state)
{
    static const struct {
        const char *label;
        uint16_t len, flags;
        uint32_t offset;
        int answer;
    } rows[] = {
        { "no packet and no end", 0, 0, 0, -EPROTO },
        { "no packet, passthrough", 0, RING_PASSTHROUGH, 0, -EPROTO },
        { "one byte too long", 1276, 0, 0, -EPROTO },
        { "as long as can be", 65535, 0, 0, -EPROTO },
        { "behind the bytes", 1, 0, 4096, -EPROTO },
        { "over the end by one", 1275, 0, 4096 - 1274, -EPROTO },
        { "offset that wraps", 1275, 0, UINT32_MAX, -EPROTO },
        { "offset that wraps to the front", 1275, 0, UINT32_MAX - 1274, -EPROTO },
        { "offset in the other half", 10, 0, 0x80000000, -EPROTO },
        { "an end with a packet", 1, RING_END, 0, -EPROTO },
        { "an end with everything", 65535, 0xffff, UINT32_MAX, -EPROTO },
        { "the very last bytes", 1275, 0, 4096 - 1275, 1 },
        { "the last byte", 1, 0, 4095, 1 },
        { "an end that lies nowhere", 0, RING_END, UINT32_MAX, 1 },
        { "flags of a later version", 1, 0xfffe, 0, 1 },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct ring_pair p;
        struct ring_record r;
        const uint8_t *packet;
        ring_pair_open(&p, shape);
        assert_int_equal(ring_pair_put(&p, 1, 0, 10), 0);
        struct ring_record *slot = &p.producer.lane[1].records[0];
        slot->len = rows[i].len;
        slot->flags = rows[i].flags;
        slot->offset = rows[i].offset;
        ROW_TRUE(rows[i].label, ring_peek(p.consumer, 1, &r, &packet) == rows[i].answer);
        ring_pair_close(&p);
    }
}

/* What ring_peek shows always lies inside the lane, whatever is in the memory. */
static void random_memory(void **state)
{
    struct ring_pair p;
    uint64_t seed = 7;
    unsigned shown = 0, refused = 0;
    ring_pair_open(&p, shape);
    for (int i = 0; i < 300000; i++) {
        unsigned lane = test_random(&seed) % RING_LANES;
        struct ring_record *slot = &p.producer.lane[lane].records[test_random(&seed) % 16];
        uint32_t bits = test_random(&seed);
        slot->len = (uint16_t)(test_random(&seed) % (bits & 1 ? 65536 : 1300));
        slot->offset = bits & 2 ? test_random(&seed) * 2 : test_random(&seed) % 4200;
        slot->flags = (uint16_t)(bits & 4 ? test_random(&seed) : 0);
        p.producer.header->lane[lane].write =
            p.producer.header->lane[lane].read + test_random(&seed) % (bits & 8 ? 20 : 16);
        struct ring_record r;
        const uint8_t *packet;
        int n = ring_peek(p.consumer, lane, &r, &packet);
        assert_true(n == 1 || n == 0 || n == -EPROTO);
        refused += n < 0;
        if (n == 1) {
            shown++;
            assert_true(r.len <= 1275);
            assert_true(r.len == 0 || (uint64_t)r.offset + r.len <= shape.lane_bytes);
            assert_true((r.len == 0) == ((r.flags & RING_END) != 0));
            ring_pop(p.consumer, lane);
        } else {
            ring_discard(p.consumer, lane);
        }
    }
    assert_true(shown > 10000);
    assert_true(refused > 10000);
    ring_pair_close(&p);
}

/* The consumer keeps its own index: a producer that changes the shared one moves nothing. */
static void shared_read_index_is_not_believed(void **state)
{
    struct ring_pair p;
    ring_pair_open(&p, shape);
    assert_int_equal(ring_pair_put(&p, 0, 0, 10), 0);
    assert_int_equal(ring_pair_put(&p, 0, 1, 10), 0);
    p.producer.header->lane[0].read = 12345;
    assert_true(ring_pair_take(&p, 0, 0));
    assert_int_equal(p.producer.header->lane[0].read, 1);
    assert_true(ring_pair_take(&p, 0, 1));
    ring_pair_close(&p);
}

/* Nor is the shape, once made. */
static void shared_shape_is_not_believed(void **state)
{
    struct ring_pair p;
    struct ring_record r;
    const uint8_t *packet;
    ring_pair_open(&p, shape);
    assert_int_equal(ring_pair_put(&p, 0, 0, 10), 0);
    p.producer.header->n_slots = UINT32_MAX;
    p.producer.header->lane_bytes = UINT32_MAX;
    p.producer.lane[0].records[0].offset = 5000;
    assert_int_equal(ring_peek(p.consumer, 0, &r, &packet), -EPROTO);
    p.producer.header->lane[0].write = 17;
    assert_int_equal(ring_peek(p.consumer, 0, &r, &packet), -EPROTO);
    ring_pair_close(&p);
}

/* Bells that mean nothing must not be rung for ever. */
static void bells_out_of_nothing(void **state)
{
    struct ring_pair p;
    ring_pair_open(&p, shape);
    p.producer.header->producer_sleeps = 0xffffffff;
    p.producer.header->wake_fill = UINT32_MAX;
    assert_true(ring_producer_wants_bell(p.consumer, 0));
    assert_false(ring_producer_wants_bell(p.consumer, 0));
    p.producer.header->producer_sleeps = 1;
    p.producer.header->wake_fill = 0;
    p.producer.header->lane[0].write = UINT32_MAX;
    assert_false(ring_producer_wants_bell(p.consumer, 0));
    assert_false(ring_consumer_wait(p.consumer, 0)); /* "there is one": peek finds the nonsense */
    ring_pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_index_out_of_range),
        cmocka_unit_test(record_out_of_range),
        cmocka_unit_test(random_memory),
        cmocka_unit_test(shared_read_index_is_not_believed),
        cmocka_unit_test(shared_shape_is_not_believed),
        cmocka_unit_test(bells_out_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
