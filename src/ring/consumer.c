#include "ring/consumer.h"

#include "base/audio.h"
#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

struct ring_consumer {
    struct ring_header *header;
    struct ring_shape shape;
    struct {
        const struct ring_record *records;
        const uint8_t *bytes;
        uint32_t read; /* our own index; the shared one is only written */
    } lane[RING_LANES];
};

static int make_sealed_memfd(size_t size)
{
    AUTO_FD int fd = memfd_create("tutti-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
        return -errno;
    /* A peer that could truncate shared memory could kill its reader with SIGBUS. */
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return -errno;
    return TAKE_FD(fd);
}

int ring_consumer_new(const struct ring_shape *shape, struct ring_consumer **ret_ring, int *ret_fd)
{
    AUTO_FD int fd = make_sealed_memfd(ring_size(shape));
    if (fd < 0)
        return fd;
    AUTO_FREE struct ring_consumer *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    void *map = mmap(NULL, ring_size(shape), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return -errno;
    c->header = map;
    c->shape = *shape;
    c->header->magic = RING_MAGIC;
    c->header->version = RING_VERSION;
    c->header->n_slots = shape->n_slots;
    c->header->lane_bytes = shape->lane_bytes;
    for (unsigned i = 0; i < RING_LANES; i++) {
        c->lane[i].records = (const void *)((char *)map + ring_records_offset(shape, i));
        c->lane[i].bytes = (const uint8_t *)map + ring_bytes_offset(shape, i);
    }
    *ret_fd = TAKE_FD(fd);
    *ret_ring = TAKE_PTR(c);
    return 0;
}

void ring_consumer_free(struct ring_consumer *c)
{
    if (!c)
        return;
    (void)munmap(c->header, ring_size(&c->shape));
    free(c);
}

const struct ring_shape *ring_consumer_shape(const struct ring_consumer *c)
{
    return &c->shape;
}

/* Acquire pairs with the producer's release in ring_put. The result is foreign and unchecked. */
static uint32_t claimed_fill(const struct ring_consumer *c, unsigned lane)
{
    return atomic_load_explicit(&c->header->lane[lane].write, memory_order_acquire) -
           c->lane[lane].read;
}

static bool record_is_sane(const struct ring_consumer *c, const struct ring_record *r)
{
    if (r->flags & RING_END)
        return r->len == 0;
    return r->len > 0 && r->len <= AUDIO_PACKET_MAX && r->offset <= c->shape.lane_bytes &&
           r->len <= c->shape.lane_bytes - r->offset;
}

int ring_peek(struct ring_consumer *c, unsigned lane, struct ring_record *ret_record,
              const uint8_t **ret_packet)
{
    assert(lane < RING_LANES);
    uint32_t fill = claimed_fill(c, lane);
    if (fill == 0)
        return 0;
    if (fill > c->shape.n_slots)
        return -EPROTO;
    struct ring_record r;
    const struct ring_record *slot =
        &c->lane[lane].records[c->lane[lane].read & (c->shape.n_slots - 1)];
    memcpy(&r, slot, sizeof r);
    /* The compiler must not read the slot again after the check. */
    atomic_signal_fence(memory_order_seq_cst);
    if (!record_is_sane(c, &r))
        return -EPROTO;
    *ret_record = r;
    *ret_packet = c->lane[lane].bytes + ((r.flags & RING_END) ? 0 : r.offset);
    return 1;
}

bool ring_may_end(const struct ring_consumer *c, unsigned lane)
{
    if (claimed_fill(c, lane) == 0)
        return false;
    uint32_t oldest = c->lane[lane].read & (c->shape.n_slots - 1);
    return (c->lane[lane].records[oldest].flags & RING_END) != 0;
}

static void publish_read(struct ring_consumer *c, unsigned lane, uint32_t read)
{
    c->lane[lane].read = read;
    /* Release pairs with the producer's acquire in lane_read_index: our copy is made first. */
    atomic_store_explicit(&c->header->lane[lane].read, read, memory_order_release);
}

void ring_pop(struct ring_consumer *c, unsigned lane)
{
    publish_read(c, lane, c->lane[lane].read + 1);
}

void ring_discard(struct ring_consumer *c, unsigned lane)
{
    uint32_t fill = claimed_fill(c, lane);
    publish_read(c, lane, c->lane[lane].read + fill);
}

bool ring_last_made(const struct ring_consumer *c, unsigned lane, struct ring_record *ret_record)
{
    uint32_t fill = claimed_fill(c, lane);
    if (fill > c->shape.n_slots)
        return false;
    struct ring_record r;
    uint32_t newest = c->lane[lane].read + fill - 1;
    memcpy(&r, &c->lane[lane].records[newest & (c->shape.n_slots - 1)], sizeof r);
    atomic_signal_fence(memory_order_seq_cst);
    if (!record_is_sane(c, &r))
        return false;
    *ret_record = r;
    return true;
}

bool ring_newest(const struct ring_consumer *c, unsigned lane, struct ring_record *ret_record)
{
    return claimed_fill(c, lane) > 0 && ring_last_made(c, lane, ret_record);
}

uint32_t ring_frames_made(const struct ring_consumer *c)
{
    return atomic_load_explicit(&c->header->frames_made, memory_order_relaxed);
}

uint32_t ring_consumer_fill(const struct ring_consumer *c, unsigned lane)
{
    uint32_t fill = claimed_fill(c, lane);
    return fill <= c->shape.n_slots ? fill : c->shape.n_slots;
}

bool ring_producer_wants_bell(struct ring_consumer *c, unsigned lane)
{
    /* The fence pairs with the one in ring_producer_sleep. */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&c->header->producer_sleeps, memory_order_relaxed) == 0)
        return false;
    uint32_t wake_fill = atomic_load_explicit(&c->header->wake_fill, memory_order_relaxed);
    if (claimed_fill(c, lane) > wake_fill)
        return false;
    return atomic_exchange_explicit(&c->header->producer_sleeps, 0, memory_order_relaxed) != 0;
}

bool ring_producer_has_time(const struct ring_consumer *c, unsigned lane)
{
    uint32_t wake_fill = atomic_load_explicit(&c->header->wake_fill, memory_order_relaxed);
    return claimed_fill(c, lane) > wake_fill - wake_fill / 4;
}

bool ring_consumer_wait(struct ring_consumer *c, unsigned lane)
{
    atomic_store_explicit(&c->header->consumer_waits, 1, memory_order_relaxed);
    /* The fence pairs with the one in ring_consumer_waits. */
    atomic_thread_fence(memory_order_seq_cst);
    /* Not taken back where there is one: the other lane may be waited for. */
    return claimed_fill(c, lane) == 0;
}

bool ring_producer_sleeps(const struct ring_consumer *c)
{
    return atomic_load_explicit(&c->header->producer_sleeps, memory_order_relaxed) != 0;
}

enum ring_worker_state ring_worker_state(const struct ring_consumer *c)
{
    uint32_t s = atomic_load_explicit(&c->header->worker_state, memory_order_relaxed);
    return s <= RING_WORKER_WAITING_SOURCE ? (enum ring_worker_state)s : RING_WORKER_IDLE;
}
