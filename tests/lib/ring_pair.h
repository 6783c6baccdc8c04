/* A ring with both its sides in one test, and the packets that go through it: a packet's bytes
 * follow from its number, so that the other side can tell whether it got them right. */
#ifndef TUTTI_TESTS_RING_PAIR_H
#define TUTTI_TESTS_RING_PAIR_H

#include "ring/consumer.h"
#include "ring/producer.h"
#include "unit.h"

struct ring_pair {
    struct ring_consumer *consumer;
    struct ring_producer producer;
    int fd;
};

static inline void ring_pair_open(struct ring_pair *p, struct ring_shape shape)
{
    assert_int_equal(ring_consumer_new(&shape, &p->consumer, &p->fd), 0);
    assert_int_equal(ring_producer_init(&p->producer, p->fd, &shape), 0);
}

static inline void ring_pair_close(struct ring_pair *p)
{
    ring_producer_done(&p->producer);
    ring_consumer_free(p->consumer);
    assert_int_equal(close(p->fd), 0);
}

static inline void packet_fill(uint8_t *bytes, size_t len, uint32_t number)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(number * 31u + (uint32_t)i * 7u + (number >> 8));
}

static inline bool packet_is(const uint8_t *bytes, size_t len, uint32_t number)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != (uint8_t)(number * 31u + (uint32_t)i * 7u + (number >> 8)))
            return false;
    }
    return true;
}

/* Puts packet `number`, of `len` bytes, into the lane. */
static inline int ring_pair_put(struct ring_pair *p, unsigned lane, uint32_t number, uint16_t len)
{
    uint8_t bytes[1275];
    struct ring_record r = { .gen = number, .len = len, .pos = (int64_t)number * 960 };
    packet_fill(bytes, len, number);
    return ring_put(&p->producer, lane, &r, bytes);
}

/* Takes one record and says whether it is packet `number`, whole. */
static inline bool ring_pair_take(struct ring_pair *p, unsigned lane, uint32_t number)
{
    struct ring_record r;
    const uint8_t *packet;
    if (ring_peek(p->consumer, lane, &r, &packet) != 1)
        return false;
    bool right =
        r.gen == number && r.pos == (int64_t)number * 960 && packet_is(packet, r.len, number);
    ring_pop(p->consumer, lane);
    return right;
}

#endif
