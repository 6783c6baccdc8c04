/*
 * The daemon's side of the frame ring. The input is a program for both sides: bytes that a hostile
 * worker writes anywhere into the shared memory, and the daemon's calls in between.
 */
#include "base/cleanup.h"
#include "fuzz.h"
#include "ring/consumer.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static const struct ring_shape shape = { .n_slots = 16, .lane_bytes = 4096 };

struct input {
    const uint8_t *at, *end;
};

static uint32_t take(struct input *in, size_t n)
{
    uint32_t value = 0;
    for (; n > 0 && in->at < in->end; n--)
        value = value << 8 | *in->at++;
    return value;
}

static void look(struct ring_consumer *c, unsigned lane)
{
    static volatile uint32_t sum;
    struct ring_record r;
    const uint8_t *packet;
    int n = ring_peek(c, lane, &r, &packet);
    MUST(n <= 1);
    if (n <= 0)
        return;
    MUST(r.len <= 1275 && (r.len == 0) == ((r.flags & RING_END) != 0));
    MUST(r.len == 0 || (uint64_t)r.offset + r.len <= shape.lane_bytes);
    for (uint32_t i = 0; i < r.len; i++)
        sum = sum + packet[i]; /* must be there */
}

/* One step: what the worker writes (0–3) or what the daemon does. */
static void step(struct ring_consumer *c, uint8_t *memory, struct input *in)
{
    struct ring_header *h = (void *)memory;
    uint32_t op = take(in, 1);
    unsigned lane = op >> 7;
    struct ring_record *records = (void *)(memory + ring_records_offset(&shape, lane));
    switch (op & 15) {
    case 0:
        h->lane[lane].write = take(in, 4);
        break;
    case 1:
        h->lane[lane].write += take(in, 1);
        break;
    case 2: {
        struct ring_record *r = &records[take(in, 1) % shape.n_slots];
        r->len = (uint16_t)take(in, 2);
        r->flags = (uint16_t)take(in, 2);
        r->offset = take(in, 4);
        break;
    }
    case 3:
        memory[take(in, 4) % ring_size(&shape)] = (uint8_t)take(in, 1);
        break;
    case 4:
        look(c, lane);
        break;
    case 5:
        look(c, lane);
        ring_pop(c, lane);
        break;
    case 6:
        ring_discard(c, lane);
        break;
    case 7:
        MUST(ring_consumer_fill(c, lane) <= shape.n_slots);
        break;
    case 8:
        (void)ring_producer_wants_bell(c, lane);
        break;
    case 9:
        (void)ring_consumer_wait(c, lane);
        break;
    default:
        MUST(ring_worker_state(c) <= RING_WORKER_WAITING_SOURCE);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ring_consumer *c;
    struct input in = { data, data + size };
    int ring_fd;
    if (ring_consumer_new(&shape, &c, &ring_fd) < 0)
        return 0;
    AUTO_FD int fd = ring_fd;
    struct stat st;
    MUST(fstat(fd, &st) == 0 && (size_t)st.st_size == ring_size(&shape));
    uint8_t *memory = mmap(NULL, ring_size(&shape), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    MUST(memory != MAP_FAILED);
    while (in.at < in.end)
        step(c, memory, &in);
    (void)munmap(memory, ring_size(&shape));
    ring_consumer_free(c);
    return 0;
}
