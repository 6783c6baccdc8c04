/*
 * A worker in the hands of an enemy. Much of what it does is nearly right: the daemon must get past
 * its first checks for the later ones to be tried. How wild it is differs from life to life.
 */
#include "hostile.h"

#include "base/errors.h"
#include "base/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PACKET_MAX = 1275 };

static uint32_t dice(struct hostile *h)
{
    h->dice ^= h->dice << 13;
    h->dice ^= h->dice >> 7;
    h->dice ^= h->dice << 17;
    return (uint32_t)(h->dice >> 16);
}

uint32_t hostile_below(struct hostile *h, uint32_t n)
{
    return dice(h) % n;
}

/* Numbers at the edges of everything. */
static uint64_t odd_number(struct hostile *h)
{
    static const uint64_t edges[] = {
        0,          1,          2,          15,         16,         17,           255,
        256,        959,        960,        961,        1274,       1275,         1276,
        4095,       4096,       65535,      65536,      0x7fffffff, 0x80000000,   0xffffffff,
        0xfffffffe, 1ull << 32, 1ull << 62, ~0ull >> 1, ~0ull,      ~0ull - 4095,
    };
    uint32_t which = hostile_below(h, sizeof edges / sizeof edges[0] + 4);
    if (which < 4)
        return (which < 2 ? h->ring->shape.lane_bytes : h->ring->shape.n_slots) -
               hostile_below(h, which % 2 ? 4 : 1280);
    uint64_t n = edges[which - 4];
    return hostile_below(h, 4) ? n : n + hostile_below(h, 16) - 8;
}

static size_t ring_bytes(struct hostile *h)
{
    return ring_size(&h->ring->shape);
}

static void scribble_anywhere(struct hostile *h)
{
    uint8_t *memory = (uint8_t *)h->ring->header;
    size_t at = dice(h) % (ring_bytes(h) - 8);
    uint64_t value = hostile_below(h, 2) ? odd_number(h) : ((uint64_t)dice(h) << 32 | dice(h));
    memcpy(memory + at, &value, 1 + hostile_below(h, 8));
}

static void scribble_header(struct hostile *h)
{
    struct ring_header *head = h->ring->header;
    struct ring_lane *lane = &head->lane[hostile_below(h, RING_LANES)];
    switch (hostile_below(h, 8)) {
    case 0:
        atomic_fetch_add(&lane->write,
                         hostile_below(h, 4) ? hostile_below(h, 20) : (uint32_t)odd_number(h));
        break;
    case 1:
        atomic_store(&lane->write, (uint32_t)odd_number(h));
        break;
    case 2:
        atomic_store(&lane->read, (uint32_t)odd_number(h));
        break;
    case 3:
        atomic_store(&head->producer_sleeps, dice(h));
        break;
    case 4:
        atomic_store(&head->wake_fill, (uint32_t)odd_number(h));
        break;
    case 5:
        atomic_store(&head->worker_state, (uint32_t)odd_number(h));
        break;
    case 6:
        atomic_store(&head->frames_made, (uint32_t)odd_number(h));
        break;
    default:
        atomic_store(&head->consumer_waits, dice(h));
        break;
    }
}

static void bend_record(struct hostile *h, struct ring_record *r)
{
    switch (hostile_below(h, 8)) {
    case 0:
        r->gen = (uint32_t)odd_number(h);
        break;
    case 1:
        r->len = (uint16_t)odd_number(h);
        break;
    case 2:
        r->flags = (uint16_t)(hostile_below(h, 2) ? hostile_below(h, 8) : odd_number(h));
        break;
    case 3:
        r->offset = (uint32_t)odd_number(h);
        break;
    case 4:
        r->play = (uint32_t)odd_number(h);
        break;
    case 5:
        r->pos = (int64_t)odd_number(h);
        break;
    case 6:
        r->pos = (int64_t)((uint64_t)r->pos + hostile_below(h, 4000) - 2000);
        break;
    default:
        r->hint = (struct ring_hint){ (int64_t)odd_number(h), (int64_t)odd_number(h) };
        break;
    }
}

/* Not ring_put: that believes what stands in the ring, which it alone is meant to write. */
static void put(struct hostile *h, unsigned lane, const struct ring_record *r)
{
    const struct ring_shape *shape = &h->ring->shape;
    struct ring_producer_lane *l = &h->ring->lane[lane];
    _Atomic uint32_t *write = &h->ring->header->lane[lane].write;
    uint32_t at = atomic_load(write);
    struct ring_record *slot = &l->records[at & (shape->n_slots - 1)];
    *slot = *r;
    if (hostile_below(h, 50) != 0) {
        l->at = l->at + PACKET_MAX <= shape->lane_bytes ? l->at : 0;
        slot->offset = l->at;
        l->bytes[l->at] = (uint8_t)dice(h);
        l->at += r->len;
    }
    atomic_store(write, at + 1);
}

static uint32_t fill_of(const struct hostile *h, unsigned lane)
{
    struct ring_lane *l = &h->ring->header->lane[lane];
    return atomic_load(&l->write) - atomic_load(&l->read);
}

/* A frame as it should be, or nearly: sound of nobody, but well wrapped. */
static void put_frame(struct hostile *h)
{
    struct ring_record r = {
        .gen = h->open.open.render.gen,
        .len = (uint16_t)(1 + hostile_below(h, PACKET_MAX)),
        .play = h->open.play,
        .pos = h->pos,
    };
    unsigned lane = hostile_below(h, 40) ? h->open.open.render.lane : hostile_below(h, RING_LANES);
    if (fill_of(h, lane) >= h->ring->shape.n_slots)
        return;
    if (hostile_below(h, 100) < h->wildness)
        bend_record(h, &r);
    else if (hostile_below(h, 2000) == 0)
        r = (struct ring_record){ .gen = r.gen, .flags = RING_END, .play = r.play, .pos = h->pos };
    put(h, lane, &r);
    h->pos += 960;
}

static void scribble_record(struct hostile *h)
{
    unsigned lane = hostile_below(h, RING_LANES);
    uint32_t at = atomic_load(&h->ring->header->lane[lane].write) - hostile_below(h, 8);
    bend_record(h, &h->ring->lane[lane].records[at & (h->ring->shape.n_slots - 1)]);
}

static struct wmsg_length some_length(struct hostile *h)
{
    if (hostile_below(h, 2))
        return (struct wmsg_length){ .duration = -1, .is_live = (uint8_t)hostile_below(h, 2) };
    return (struct wmsg_length){ .duration = (int64_t)(odd_number(h) & 0xffffff),
                                 .kind = DURATION_ESTIMATED };
}

static void fill_in(struct hostile *h, struct wmsg *m)
{
    switch (m->type) {
    case WMSG_OPENED:
        m->opened = (struct wmsg_opened){ .seekable = (uint8_t)hostile_below(h, 2) };
        m->opened.length = some_length(h);
        break;
    case WMSG_LENGTH:
        m->length = some_length(h);
        break;
    case WMSG_FAILED:
    case WMSG_RENDER_FAILED:
        m->failed.code = 1 + hostile_below(h, TUTTI_ERROR_COUNT - 1);
        m->failed.gen = h->open.open.render.gen;
        break;
    case WMSG_WARNING:
        m->warning.code = 1 + hostile_below(h, TUTTI_WARNING_COUNT - 1);
        break;
    default:
        break;
    }
}

static void say(struct hostile *h, bool wild)
{
    static const enum wmsg_type usual[] = { WMSG_BELL, WMSG_BELL, WMSG_TITLE, WMSG_WARNING,
                                            WMSG_RENDER_FAILED };
    uint8_t bytes[WMSG_MAX];
    struct wmsg m = { .type = usual[hostile_below(h, 5)], .play = h->open.play };
    if (hostile_below(h, 10) != 0)
        m.type = WMSG_BELL;
    if (wild)
        m.type = (enum wmsg_type)(1 + hostile_below(h, WMSG_TYPE_END - 1));
    fill_in(h, &m);
    if (wild && hostile_below(h, 4) == 0)
        m.play = (uint32_t)odd_number(h);
    size_t len = wmsg_encode(&m, bytes, sizeof bytes);
    if (wild && hostile_below(h, 2) == 0) {
        bytes[hostile_below(h, (uint32_t)len)] = (uint8_t)dice(h);
        if (hostile_below(h, 4) == 0)
            len = 1 + hostile_below(h, sizeof bytes);
    }
    int fds[FD_PASS_MAX] = { h->sock, h->sock, h->sock, h->sock };
    size_t n_fds = wild && hostile_below(h, 10) == 0 ? 1 + hostile_below(h, FD_PASS_MAX) : 0;
    int r = fd_send(h->sock, bytes, len, fds, n_fds, MSG_DONTWAIT);
    h->cut_off |= r == -EPIPE || r == -ECONNRESET;
}

void hostile_refill(struct hostile *h, unsigned lane)
{
    const struct wmsg_render *render = &h->open.open.render;
    uint32_t n_slots = h->ring->shape.n_slots;
    if (h->greed == 0)
        return;
    for (uint32_t i = 0; i < n_slots && h->greed > 1; i++) {
        struct ring_record *r = &h->ring->lane[lane].records[i];
        *r = (struct ring_record){ .gen = render->gen + (h->greed == 2), .len = 1 };
    }
    struct ring_lane *l = &h->ring->header->lane[lane];
    atomic_store(&l->write, atomic_load(&l->read) + n_slots);
}

void hostile_hear(struct hostile *h)
{
    uint8_t bytes[WMSG_MAX];
    int fds[1];
    size_t n_fds = 0;
    struct wmsg m;
    ssize_t len;
    while ((len = fd_recv(h->sock, bytes, sizeof bytes, fds, 1, &n_fds, MSG_DONTWAIT)) > 0) {
        if (n_fds > 0)
            (void)close(fds[0]);
        if (wmsg_decode(bytes, (size_t)len, &m) < 0)
            continue;
        if (m.type == WMSG_OPEN)
            h->open = m;
        else if (m.type == WMSG_RENDER)
            h->open.open.render = m.render;
        if (m.type == WMSG_OPEN || m.type == WMSG_RENDER)
            h->pos = h->open.open.render.pos;
    }
    h->cut_off |= len == 0;
}

void hostile_mutate(struct hostile *h)
{
    if (hostile_below(h, 100) >= h->wildness) {
        if (hostile_below(h, 8))
            put_frame(h);
        else
            say(h, false);
        return;
    }
    switch (hostile_below(h, 8)) {
    case 0:
        scribble_header(h);
        break;
    case 1:
        say(h, true);
        break;
    case 2:
        scribble_anywhere(h);
        break;
    default:
        scribble_record(h);
        break;
    }
}

void hostile_begin(struct hostile *h, uint64_t seed)
{
    static const unsigned tempers[] = { 1, 1, 3, 10, 40, 100 };
    uint8_t bytes[WMSG_MAX];
    struct wmsg opened = { .type = WMSG_OPENED, .play = h->open.play };
    h->dice = seed;
    for (int i = 0; i < 8; i++) /* seeds that are alike begin alike */
        (void)dice(h);
    h->cut_off = false;
    h->pos = h->open.open.render.pos;
    h->wildness = tempers[hostile_below(h, sizeof tempers / sizeof tempers[0])];
    h->greed = hostile_below(h, 8) ? 0 : 1 + hostile_below(h, 3);
    opened.opened = (struct wmsg_opened){ .length.duration = -1, .pos = h->pos, .seekable = 1 };
    if (hostile_below(h, 10) != 0)
        (void)fd_send(h->sock, bytes, wmsg_encode(&opened, bytes, sizeof bytes), NULL, 0,
                      MSG_DONTWAIT);
}
