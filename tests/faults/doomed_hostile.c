/*
 * A worker in the hands of an enemy. Much of what it does is nearly right: the daemon must get past
 * its first checks for the later ones to be tried. How wild it is differs from life to life.
 */
#include "doomed.h"

#include "base/errors.h"
#include "base/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LIFE_MAX = 400000, /* mutations of one worker */
    PACKET_MAX = 1275,
    BREATH = 64, /* mutations between two looks at the socket */
};

static uint64_t dice_state;

static uint32_t dice(void)
{
    dice_state ^= dice_state << 13;
    dice_state ^= dice_state >> 7;
    dice_state ^= dice_state << 17;
    return (uint32_t)(dice_state >> 16);
}

static uint32_t below(uint32_t n)
{
    return dice() % n;
}

/* Numbers at the edges of everything. */
static uint64_t odd_number(void)
{
    static const uint64_t edges[] = {
        0,          1,          2,          15,         16,         17,           255,
        256,        959,        960,        961,        1274,       1275,         1276,
        4095,       4096,       65535,      65536,      0x7fffffff, 0x80000000,   0xffffffff,
        0xfffffffe, 1ull << 32, 1ull << 62, ~0ull >> 1, ~0ull,      ~0ull - 4095,
    };
    uint64_t n = edges[below(sizeof edges / sizeof edges[0])];
    return below(4) ? n : n + below(16) - 8;
}

static size_t ring_bytes(const struct doomed_peer *peer)
{
    return ring_size(&peer->ring->shape);
}

static void scribble_anywhere(const struct doomed_peer *peer)
{
    uint8_t *memory = (uint8_t *)peer->ring->header;
    size_t at = dice() % (ring_bytes(peer) - 8);
    uint64_t value = below(2) ? odd_number() : ((uint64_t)dice() << 32 | dice());
    memcpy(memory + at, &value, 1 + below(8));
}

static void scribble_header(const struct doomed_peer *peer)
{
    struct ring_header *h = peer->ring->header;
    struct ring_lane *lane = &h->lane[below(RING_LANES)];
    switch (below(8)) {
    case 0:
        atomic_fetch_add(&lane->write, below(4) ? below(20) : (uint32_t)odd_number());
        break;
    case 1:
        atomic_store(&lane->write, (uint32_t)odd_number());
        break;
    case 2:
        atomic_store(&lane->read, (uint32_t)odd_number());
        break;
    case 3:
        atomic_store(&h->producer_sleeps, dice());
        break;
    case 4:
        atomic_store(&h->wake_fill, (uint32_t)odd_number());
        break;
    case 5:
        atomic_store(&h->worker_state, (uint32_t)odd_number());
        break;
    case 6:
        atomic_store(&h->frames_made, (uint32_t)odd_number());
        break;
    default:
        atomic_store(&h->consumer_waits, dice());
        break;
    }
}

static void bend_record(struct ring_record *r)
{
    switch (below(8)) {
    case 0:
        r->gen = (uint32_t)odd_number();
        break;
    case 1:
        r->len = (uint16_t)odd_number();
        break;
    case 2:
        r->flags = (uint16_t)(below(2) ? below(8) : odd_number());
        break;
    case 3:
        r->offset = (uint32_t)odd_number();
        break;
    case 4:
        r->play = (uint32_t)odd_number();
        break;
    case 5:
        r->pos = (int64_t)odd_number();
        break;
    case 6:
        r->pos += (int64_t)below(4000) - 2000;
        break;
    default:
        r->hint = (struct ring_hint){ (int64_t)odd_number(), (int64_t)odd_number(), dice(), 0 };
        break;
    }
}

static void scribble_record(const struct doomed_peer *peer)
{
    struct ring_producer_lane *lane = &peer->ring->lane[below(RING_LANES)];
    bend_record(&lane->records[(lane->write - below(8)) & (peer->ring->shape.n_slots - 1)]);
}

/* A frame as it should be, or nearly: sound of nobody, but well wrapped. */
static void put_frame(const struct doomed_peer *peer, int64_t *pos)
{
    static uint8_t packet[PACKET_MAX];
    struct ring_record r = {
        .gen = peer->open.open.render.gen,
        .len = (uint16_t)(1 + below(PACKET_MAX)),
        .play = peer->open.play,
        .pos = *pos,
    };
    packet[0] = (uint8_t)dice();
    if (below(50) == 0)
        bend_record(&r);
    if (r.len > PACKET_MAX)
        r.len = PACKET_MAX;
    unsigned lane = below(40) ? peer->open.open.render.lane : below(RING_LANES);
    if (ring_put(peer->ring, lane, &r, packet) == 0)
        *pos += 960;
}

static void say(const struct doomed_peer *peer, unsigned wildness)
{
    uint8_t bytes[WMSG_MAX];
    struct wmsg m = { .type = WMSG_BELL, .play = peer->open.play };
    uint32_t kind = below(100);
    if (kind < 20 || below(100) < wildness)
        m.type = (enum wmsg_type)(1 + below(WMSG_TYPE_END - 1));
    if (m.type == WMSG_OPENED)
        m.opened = (struct wmsg_opened){ .duration = (int64_t)(odd_number() & 0xffffff),
                                         .seekable = (uint8_t)below(2) };
    else if (m.type == WMSG_FAILED || m.type == WMSG_RENDER_FAILED)
        m.failed = (struct wmsg_failed){ .code = 1 + below(TUTTI_ERROR_COUNT - 1) };
    else if (m.type == WMSG_WARNING)
        m.warning.code = 1 + below(TUTTI_WARNING_COUNT - 1);
    if (below(20) == 0)
        m.play = (uint32_t)odd_number();
    size_t len = wmsg_encode(&m, bytes, sizeof bytes);
    if (below(100) < wildness) {
        bytes[below((uint32_t)len)] = (uint8_t)dice();
        if (below(4) == 0)
            len = 1 + below(sizeof bytes);
    }
    int fds[FD_PASS_MAX] = { peer->sock, peer->sock, peer->sock, peer->sock };
    size_t n_fds = below(200) ? 0 : 1 + below(FD_PASS_MAX);
    int r = fd_send(peer->sock, bytes, len, fds, n_fds, MSG_DONTWAIT);
    if (r == -EPIPE || r == -ECONNRESET)
        _exit(0);
}

/* What the daemon says is heard, so that renders are answered under their generation. */
static void hear(struct doomed_peer *peer)
{
    uint8_t bytes[WMSG_MAX];
    int fds[1];
    size_t n_fds = 0;
    struct wmsg m;
    ssize_t len;
    while ((len = fd_recv(peer->sock, bytes, sizeof bytes, fds, 1, &n_fds, MSG_DONTWAIT)) > 0) {
        if (n_fds > 0)
            (void)close(fds[0]);
        if (wmsg_decode(bytes, (size_t)len, &m) == 0 && m.type == WMSG_RENDER)
            peer->open.open.render = m.render;
    }
    if (len == 0)
        _exit(0);
}

static void mutate(const struct doomed_peer *peer, unsigned wildness, int64_t *pos)
{
    uint32_t kind = below(100);
    if (kind >= wildness) {
        if (below(4))
            put_frame(peer, pos);
        else
            say(peer, 0);
        return;
    }
    switch (below(8)) {
    case 0:
        scribble_header(peer);
        break;
    case 1:
        say(peer, wildness);
        break;
    case 2:
        scribble_anywhere(peer);
        break;
    default:
        scribble_record(peer);
        break;
    }
}

void doomed_run_hostile(struct doomed_peer *peer, uint64_t *n_mutations)
{
    static const unsigned tempers[] = { 1, 3, 10, 40, 100 };
    if (getrandom(&dice_state, sizeof dice_state, 0) < 0 || dice_state == 0)
        dice_state = (uint64_t)getpid();
    unsigned wildness = tempers[below(sizeof tempers / sizeof tempers[0])];
    int64_t pos = peer->open.open.render.pos;
    struct wmsg opened = { .type = WMSG_OPENED, .play = peer->open.play };
    uint8_t bytes[WMSG_MAX];
    opened.opened = (struct wmsg_opened){ .duration = -1, .pos = pos, .seekable = 1 };
    if (below(10))
        (void)fd_send(peer->sock, bytes, wmsg_encode(&opened, bytes, sizeof bytes), NULL, 0, 0);
    for (unsigned i = 0; i < LIFE_MAX; i++) {
        mutate(peer, wildness, &pos);
        if (i % BREATH == 0) {
            if (n_mutations)
                __atomic_fetch_add(n_mutations, BREATH, __ATOMIC_RELAXED);
            hear(peer);
            if (below(8) == 0)
                (void)usleep(below(2000));
        }
    }
    abort();
}
