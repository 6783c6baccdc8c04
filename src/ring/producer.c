#include "ring/producer.h"

#include "base/audio.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct ring_shape ring_shape_for(uint32_t n_frames)
{
    assert(n_frames > 0 && n_frames <= RING_FRAMES_MAX);
    uint32_t n_slots = 16;
    while (n_slots < n_frames + 2) /* one for the end marker, one so that depth alone decides */
        n_slots *= 2;
    uint32_t bytes = (n_frames + 2) * AUDIO_PACKET_MAX;
    return (struct ring_shape){ .n_slots = n_slots, .lane_bytes = (bytes + 4095) / 4096 * 4096 };
}

int ring_producer_init(struct ring_producer *p, int fd, const struct ring_shape *shape)
{
    /* Not fstat: glibc makes it a call that takes paths, too, which a worker may not make. */
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0)
        return -errno;
    if ((size_t)size != ring_size(shape))
        return -EPROTO;
    void *map = mmap(NULL, ring_size(shape), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return -errno;
    struct ring_header *h = map;
    if (h->magic != RING_MAGIC || h->version != RING_VERSION || h->n_slots != shape->n_slots ||
        h->lane_bytes != shape->lane_bytes) {
        (void)munmap(map, ring_size(shape));
        return -EPROTO;
    }
    *p = (struct ring_producer){ .header = h, .shape = *shape };
    for (unsigned i = 0; i < RING_LANES; i++) {
        p->lane[i].records = (void *)((char *)map + ring_records_offset(shape, i));
        p->lane[i].bytes = (uint8_t *)map + ring_bytes_offset(shape, i);
    }
    return 0;
}

void ring_producer_done(struct ring_producer *p)
{
    if (p->header)
        (void)munmap(p->header, ring_size(&p->shape));
    p->header = NULL;
}

/* Acquire pairs with the consumer's release in ring_pop: what it has read may be overwritten. */
static uint32_t lane_read_index(const struct ring_producer *p, unsigned lane)
{
    return atomic_load_explicit(&p->header->lane[lane].read, memory_order_acquire);
}

uint32_t ring_producer_fill(const struct ring_producer *p, unsigned lane)
{
    return p->lane[lane].write - lane_read_index(p, lane);
}

void ring_producer_set_depth(struct ring_producer *p, uint32_t depth)
{
    p->depth = depth;
}

/* True if the packets that are still to come until the depth is reached will fit in front of the
 * oldest one, by the size of those that wait and a quarter. */
static bool rest_fits_in_front(const struct ring_producer *p, const struct ring_producer_lane *l,
                               uint32_t fill, uint32_t oldest)
{
    if (p->depth == 0 || fill == 0)
        return false;
    uint32_t to_come = p->depth > fill ? p->depth - fill + 1 : 1;
    uint64_t mean = (l->at - oldest) / fill + 1;
    return to_come * mean * 5 / 4 < oldest;
}

/*
 * Finds room for `len` bytes. Packets are laid one behind the other and start again at 0 as soon as
 * that leaves room for what is to come, not at the end of the memory: a page that is never written
 * is never paid for, and most lanes hold packets far below the largest size.
 */
static int place_packet(struct ring_producer *p, struct ring_producer_lane *l, uint32_t fill,
                        uint32_t len, uint32_t *ret_offset)
{
    if (fill == 0) {
        l->at = 0;
        l->wrapped = false;
    }
    uint32_t oldest = fill > 0 ? l->records[(l->write - fill) & (p->shape.n_slots - 1)].offset : 0;
    if (l->wrapped && oldest < l->at)
        l->wrapped = false; /* the consumer has followed us over the end */
    if (!l->wrapped) {
        bool must_wrap = l->at + len > p->shape.lane_bytes;
        if (oldest >= len && (must_wrap || rest_fits_in_front(p, l, fill, oldest))) {
            l->wrapped = true;
            l->at = 0;
        } else if (must_wrap) {
            return -EAGAIN;
        }
    }
    if (l->wrapped && l->at + len > oldest)
        return -EAGAIN;
    *ret_offset = l->at;
    l->at += len;
    return 0;
}

int ring_put(struct ring_producer *p, unsigned lane, const struct ring_record *record,
             const void *bytes)
{
    assert(lane < RING_LANES && record->len <= AUDIO_PACKET_MAX);
    struct ring_producer_lane *l = &p->lane[lane];
    uint32_t fill = ring_producer_fill(p, lane);
    if (fill >= p->shape.n_slots)
        return -EAGAIN;
    uint32_t offset = 0;
    int r = place_packet(p, l, fill, record->len, &offset);
    if (r < 0)
        return r;
    if (record->len > 0)
        memcpy(l->bytes + offset, bytes, record->len);
    struct ring_record *slot = &l->records[l->write & (p->shape.n_slots - 1)];
    *slot = *record;
    slot->offset = offset;
    l->write++;
    /* Release pairs with the consumer's acquire in ring_peek: record and bytes are there first. */
    atomic_store_explicit(&p->header->lane[lane].write, l->write, memory_order_release);
    atomic_fetch_add_explicit(&p->header->frames_made, 1, memory_order_relaxed);
    return 0;
}

bool ring_consumer_waits(struct ring_producer *p)
{
    /* The fence pairs with the one in ring_consumer_wait: either we see its flag, or it our frame.
     */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&p->header->consumer_waits, memory_order_relaxed) == 0)
        return false;
    return atomic_exchange_explicit(&p->header->consumer_waits, 0, memory_order_relaxed) != 0;
}

bool ring_producer_sleep(struct ring_producer *p, unsigned lane, uint32_t wake_fill)
{
    atomic_store_explicit(&p->header->wake_fill, wake_fill, memory_order_relaxed);
    atomic_store_explicit(&p->header->producer_sleeps, 1, memory_order_relaxed);
    /* The fence pairs with the one in ring_producer_wants_bell: either it sees us asleep, or we see
     * what it has taken. */
    atomic_thread_fence(memory_order_seq_cst);
    if (ring_producer_fill(p, lane) > wake_fill)
        return true;
    atomic_store_explicit(&p->header->producer_sleeps, 0, memory_order_relaxed);
    return false;
}

void ring_set_state(struct ring_producer *p, enum ring_worker_state state)
{
    atomic_store_explicit(&p->header->worker_state, state, memory_order_relaxed);
}
