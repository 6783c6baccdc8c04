/*
 * The frame ring with its two sides in two threads: random sizes, checksums, both lanes, both sides
 * asleep again and again with nothing but the doorbells to wake them. A bell that is lost shows as
 * a sleep that does not end.
 *
 * Both sides would map the memory at addresses of their own, and a race detector does not know that
 * these are the same bytes. So the second mapping of this program is the first one (meson.build
 * wraps mmap and munmap).
 */
#include "base/clock.h"
#include "ring/consumer.h"
#include "ring/producer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    DEPTH = 64,
    LOW_WATER = 20,
    TURN_RECORDS = 5000, /* after so many the lane changes */
    BELL_PATIENCE_MS = 20000,
    RECORDS_MAX = 3000000,
    RECORDS_MIN = 20000, /* on the slowest machine */
    BELLS_MIN = 20,
};

#define RUN_NS (4 * NS_PER_S)

static struct {
    int sock[2]; /* the consumer's, the producer's */
    struct ring_consumer *consumer;
    struct ring_producer producer;
    uint64_t until_ns;
    uint32_t made; /* written by the producer, read after it was joined */
    unsigned producer_slept, consumer_slept;
} stress;

static void check(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "stress_ring: %s\n", what);
    abort();
}

/* ---- one mapping for both sides ---- */

/* The name under which the ring's code finds mmap depends on the C library. */
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t len, int prot, int flags, int fd, off_t offset);
int __wrap_munmap(void *at, size_t len);

static struct {
    void *at;
    unsigned users;
} mapping;

void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
    if (mapping.users++ == 0)
        mapping.at = (void *)syscall(SYS_mmap, at, len, prot, flags, fd, offset);
    return mapping.at;
}

void *__wrap_mmap64(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
    return __wrap_mmap(at, len, prot, flags, fd, offset);
}

int __wrap_munmap(void *at, size_t len)
{
    check(at == mapping.at && mapping.users > 0, "a mapping that was not made");
    return --mapping.users == 0 ? (int)syscall(SYS_munmap, at, len) : 0;
}

/* ---- bells ---- */

static void ring_bell(int sock)
{
    ssize_t n = send(sock, "b", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    check(n == 1 || errno == EAGAIN, "a bell that cannot be rung");
}

static void await_bell(int sock, const char *who)
{
    char bells[64];
    struct pollfd p = { .fd = sock, .events = POLLIN };
    check(poll(&p, 1, BELL_PATIENCE_MS) == 1, who);
    check(recv(sock, bells, sizeof bells, MSG_DONTWAIT) > 0, "no bell after all");
}

/* ---- the two sides ---- */

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static unsigned lane_of(uint32_t number)
{
    return number / TURN_RECORDS % RING_LANES;
}

static uint32_t checksum(const uint8_t *bytes, size_t len)
{
    uint32_t sum = 2166136261u;
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ bytes[i]) * 16777619u;
    return sum;
}

static void make_record(uint32_t number, uint32_t *random, struct ring_record *r, uint8_t *bytes)
{
    uint32_t largest = number / 1000 % 3 == 0 ? 1275 : 40;
    uint32_t len = 1 + next_random(random) % largest;
    memset(bytes, (int)number, len);
    for (uint32_t i = 0; i + 4 <= len; i += 1 + len / 8) {
        uint32_t word = next_random(random);
        memcpy(bytes + i, &word, sizeof word);
    }
    *r = (struct ring_record){
        .gen = number,
        .len = (uint16_t)len,
        .pos = (int64_t)number * 960,
        .hint = { .byte = checksum(bytes, len), .packet = number },
    };
}

static void put_record(const struct ring_record *r, const uint8_t *bytes)
{
    struct ring_producer *p = &stress.producer;
    unsigned lane = lane_of(r->gen);
    for (;;) {
        uint32_t fill = ring_producer_fill(p, lane);
        check(fill <= p->shape.n_slots, "more records wait than there are");
        int e = fill < DEPTH ? ring_put(p, lane, r, bytes) : -EAGAIN;
        if (e == 0)
            break;
        check(e == -EAGAIN, "a record that is refused");
        if (ring_producer_sleep(p, lane, fill / 2 < LOW_WATER ? fill / 2 : LOW_WATER)) {
            stress.producer_slept++;
            await_bell(stress.sock[1], "the producer sleeps for ever");
        }
    }
    if (ring_consumer_waits(p))
        ring_bell(stress.sock[1]);
}

static void *produce(void *arg)
{
    uint32_t random = 4711, number = 0;
    struct ring_record r;
    uint8_t bytes[1275];
    while (number < RECORDS_MAX && clock_now_ns() < stress.until_ns) {
        make_record(number++, &random, &r, bytes);
        put_record(&r, bytes);
        if (number % 7919 == 0)
            (void)usleep(200); /* lets the consumer fall asleep */
    }
    stress.made = number;
    put_record(&(struct ring_record){ .gen = number, .flags = RING_END }, NULL);
    return NULL;
}

static void check_record(const struct ring_record *r, const uint8_t *packet, uint32_t number)
{
    check(r->gen == number && r->pos == (int64_t)number * 960 && r->hint.packet == number,
          "a record that was not written so");
    check(r->hint.byte == checksum(packet, r->len), "a packet that was not written so");
}

static void *consume(void *arg)
{
    struct ring_consumer *c = stress.consumer;
    uint32_t random = 815, number = 0;
    for (;;) {
        struct ring_record r;
        const uint8_t *packet;
        unsigned lane = lane_of(number);
        int n = ring_peek(c, lane, &r, &packet);
        check(n >= 0, "a ring that makes no sense");
        if (n == 0) {
            if (ring_consumer_wait(c, lane)) {
                stress.consumer_slept++;
                await_bell(stress.sock[0], "the consumer sleeps for ever");
            }
            continue;
        }
        if (r.flags & RING_END)
            break;
        check_record(&r, packet, number);
        ring_pop(c, lane);
        number++;
        if (ring_producer_wants_bell(c, lane))
            ring_bell(stress.sock[0]);
        if (next_random(&random) % 4093 == 0)
            (void)usleep(200); /* lets the producer fill the ring */
    }
    return (void *)(uintptr_t)number;
}

int main(void)
{
    struct ring_shape shape = ring_shape_for(DEPTH);
    pthread_t producer, consumer;
    void *taken;
    int fd;
    check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, stress.sock) == 0, "socketpair");
    check(ring_consumer_new(&shape, &stress.consumer, &fd) == 0, "ring_consumer_new");
    check(ring_producer_init(&stress.producer, fd, &shape) == 0, "ring_producer_init");
    check(mapping.users == 2, "both sides must use one mapping");
    stress.until_ns = clock_now_ns() + RUN_NS;
    check(pthread_create(&consumer, NULL, consume, NULL) == 0, "pthread_create");
    check(pthread_create(&producer, NULL, produce, NULL) == 0, "pthread_create");
    check(pthread_join(producer, NULL) == 0, "pthread_join");
    check(pthread_join(consumer, &taken) == 0, "pthread_join");
    printf("%u records; the producer slept %u times, the consumer %u times\n", stress.made,
           stress.producer_slept, stress.consumer_slept);
    check((uint32_t)(uintptr_t)taken == stress.made, "records were lost");
    check(stress.made >= RECORDS_MIN, "too few records in the time");
    check(stress.producer_slept >= BELLS_MIN && stress.consumer_slept >= BELLS_MIN,
          "too little sleep to say anything about bells");
    ring_producer_done(&stress.producer);
    ring_consumer_free(stress.consumer);
    (void)close(fd);
    (void)close(stress.sock[0]);
    (void)close(stress.sock[1]);
    return 0;
}
