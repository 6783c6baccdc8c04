#include "voice/sender.h"

#include "base/clock.h"
#include "base/fd.h"
#include "voice/outbox.h"
#include "voice/rtp.h"
#include "voice/seal.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uthash.h>
#include <utlist.h>

enum {
    STACK_BYTES = 128 * 1024,
    /* A frame later than this is of the past: three at once are what a listener's jitter buffer
     * takes. */
    LATE_MAX_NS = 60 * 1000 * 1000,
    HELD_MAX = 3,
    TICK_NS = 20 * 1000 * 1000,
};

enum wire_state { WIRE_QUIET, WIRE_ASKS, WIRE_TALKS, WIRE_RESTS, WIRE_STATES };

struct wire {
    uint32_t id;
    enum wire_state state;
    int fd;
    union udp_address to;
    struct seal *seal;
    uint64_t next_tick; /* the first that was never used */
    struct held {
        uint64_t tick;
        uint16_t len;
        uint8_t packet[VMSG_PACKET_MAX];
    } held[HELD_MAX]; /* ASKS: the newest frames, oldest first */
    unsigned n_held;
    uint64_t rest_due_ns; /* RESTS: of the next packet of silence */
    uint64_t rest_end;    /* RESTS: the tick behind the silence */
    struct wire *prev_rest, *next_rest;
    bool has_news;
    struct wire *prev_news, *next_news;
    UT_hash_handle hh;
};

struct sender {
    void (*wake)(void *arg);
    void *arg;
    int audio; /* −1: it has not begun */
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows, down to the line */
    struct wire *wires;   /* uthash */
    struct wire *resting; /* utlist */
    struct wire *news;    /* utlist */
    struct vmsg_counts counts;
    /* ---- the sending thread's own ---- */
    uint8_t in[VMSG_BATCH_MAX];
    struct outbox outbox;
};

/* ---- states ---- */

static void move(struct sender *s, struct wire *w, enum wire_state to)
{
    static const bool allowed[WIRE_STATES][WIRE_STATES] = {
        [WIRE_QUIET] = { [WIRE_ASKS] = true },
        [WIRE_ASKS] = { [WIRE_TALKS] = true, [WIRE_QUIET] = true },
        [WIRE_TALKS] = { [WIRE_RESTS] = true },
        [WIRE_RESTS] = { [WIRE_TALKS] = true, [WIRE_QUIET] = true },
    };
    assert(allowed[w->state][to]);
    if (w->state == WIRE_RESTS)
        DL_DELETE2(s->resting, w, prev_rest, next_rest);
    if (to == WIRE_RESTS)
        DL_APPEND2(s->resting, w, prev_rest, next_rest);
    w->state = to;
}

static void add_news(struct sender *s, struct wire *w)
{
    if (w->has_news)
        return;
    w->has_news = true;
    DL_APPEND2(s->news, w, prev_news, next_news);
    s->wake(s->arg);
}

static struct wire *find(struct sender *s, uint32_t id)
{
    struct wire *w = NULL;
    HASH_FIND(hh, s->wires, &id, sizeof id, w);
    return w;
}

/* ---- what leaves ---- */

/* A tick is used once: nonce and sequence are made of it. */
static bool use_tick(struct sender *s, struct wire *w, uint64_t tick)
{
    if (tick < w->next_tick) {
        s->counts.repeated++;
        return false;
    }
    w->next_tick = tick + 1;
    return true;
}

static void put_out(struct sender *s, struct wire *w, uint64_t tick, const uint8_t *opus,
                    size_t len)
{
    uint8_t *room = outbox_room(&s->outbox, len + SEAL_OVERHEAD);
    size_t n = room ? seal_packet(w->seal, tick, opus, len, room) : 0;
    if (n > 0)
        outbox_add(&s->outbox, w->fd, &w->to, n);
    else
        s->counts.failed++;
}

static void send_outgoing(struct sender *s)
{
    unsigned n = s->outbox.n, sent = outbox_send(&s->outbox);
    (void)pthread_mutex_lock(&s->lock);
    s->counts.packets += sent;
    s->counts.failed += n - sent;
    (void)pthread_mutex_unlock(&s->lock);
}

/* ---- what the daemon hands over ---- */

/* The main thread may take longer than a tick to tell the server: then what is newest is kept. */
static void hold(struct wire *w, const struct vmsg_record *r, const uint8_t *packet)
{
    if (w->n_held == HELD_MAX)
        memmove(w->held, w->held + 1, --w->n_held * sizeof w->held[0]);
    struct held *h = &w->held[w->n_held++];
    h->tick = r->tick;
    h->len = r->len;
    memcpy(h->packet, packet, r->len);
}

static void take_frame(struct sender *s, struct wire *w, const struct vmsg_record *r,
                       const uint8_t *packet)
{
    if (!use_tick(s, w, r->tick))
        return;
    switch (w->state) {
    case WIRE_QUIET:
        hold(w, r, packet);
        move(s, w, WIRE_ASKS);
        add_news(s, w);
        break;
    case WIRE_ASKS:
        hold(w, r, packet);
        break;
    case WIRE_RESTS:
        move(s, w, WIRE_TALKS);
        put_out(s, w, r->tick, packet, r->len);
        break;
    default:
        put_out(s, w, r->tick, packet, r->len);
        break;
    }
}

static void take_rest(struct sender *s, struct wire *w, uint64_t tick, uint64_t now_ns)
{
    if (w->state == WIRE_ASKS) {
        w->n_held = 0;
        move(s, w, WIRE_QUIET);
    }
    if (w->state != WIRE_TALKS)
        return;
    assert(w->n_held == 0);
    w->next_tick = tick > w->next_tick ? tick : w->next_tick;
    w->rest_end = tick + VMSG_REST_TICKS;
    w->rest_due_ns = now_ns;
    move(s, w, WIRE_RESTS);
}

static void take_batch(struct sender *s, size_t len, uint64_t now_ns)
{
    struct vmsg_batch head;
    struct vmsg_record r;
    const uint8_t *packet;
    size_t at = sizeof head;
    if (len < sizeof head)
        return;
    memcpy(&head, s->in, sizeof head);
    bool is_late = now_ns > head.due_ns && now_ns - head.due_ns > LATE_MAX_NS;
    while (vmsg_batch_next(s->in, len, &at, &r, &packet) > 0) {
        struct wire *w = find(s, r.id);
        if (!w)
            continue;
        if (r.kind == VMSG_REST)
            take_rest(s, w, r.tick, now_ns);
        else if (is_late)
            s->counts.late++;
        else
            take_frame(s, w, &r, packet);
    }
}

/* One packet of silence of each wire whose time has come. Returns when the next is due, or 0. */
static uint64_t send_silence(struct sender *s, uint64_t now_ns)
{
    uint64_t next_ns = 0;
    struct wire *w, *other;
    DL_FOREACH_SAFE2(s->resting, w, other, next_rest)
    {
        if (w->rest_due_ns <= now_ns) {
            uint64_t tick = w->next_tick;
            if (tick < w->rest_end && use_tick(s, w, tick))
                put_out(s, w, tick, rtp_silence, sizeof rtp_silence);
            w->rest_due_ns += TICK_NS;
            if (tick + 1 >= w->rest_end) {
                move(s, w, WIRE_QUIET);
                add_news(s, w);
                continue;
            }
        }
        if (next_ns == 0 || w->rest_due_ns < next_ns)
            next_ns = w->rest_due_ns;
    }
    return next_ns;
}

/* ---- the thread ---- */

/* Waits for a batch, at most until `until_ns` (0: for as long as it takes). Returns its length, 0
 * if none came, or −1 when the daemon is gone. */
static ssize_t next_batch(struct sender *s, uint64_t until_ns)
{
    if (until_ns != 0) {
        uint64_t now_ns = clock_now_ns();
        uint64_t wait_ns = until_ns > now_ns ? until_ns - now_ns : 0;
        struct timespec ts = { .tv_sec = (time_t)(wait_ns / NS_PER_S),
                               .tv_nsec = (long)(wait_ns % NS_PER_S) };
        struct pollfd p = { .fd = s->audio, .events = POLLIN };
        if (ppoll(&p, 1, &ts, NULL) <= 0)
            return 0;
    }
    ssize_t len = recv(s->audio, s->in, sizeof s->in, 0);
    if (len < 0 && errno == EINTR)
        return 0;
    return len > 0 ? len : -1;
}

static void *run(void *arg)
{
    struct sender *s = arg;
    uint64_t silence_ns = 0;
    ssize_t len;
    while ((len = next_batch(s, silence_ns)) >= 0) {
        uint64_t now_ns = clock_now_ns();
        (void)pthread_mutex_lock(&s->lock);
        take_batch(s, (size_t)len, now_ns);
        silence_ns = send_silence(s, now_ns);
        (void)pthread_mutex_unlock(&s->lock);
        if (s->outbox.n > 0)
            send_outgoing(s);
    }
    return NULL;
}

static int make_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attr;
    int r = pthread_mutexattr_init(&attr);
    if (r == 0) {
        (void)pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
        r = pthread_mutex_init(lock, &attr);
        (void)pthread_mutexattr_destroy(&attr);
    }
    return -r;
}

int sender_new(void (*wake)(void *arg), void *arg, struct sender **ret_sender)
{
    struct sender *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->wake = wake;
    s->arg = arg;
    s->audio = -1;
    int r = make_lock(&s->lock);
    if (r < 0) {
        free(s);
        return r;
    }
    *ret_sender = s;
    return 0;
}

int sender_start(struct sender *s, int audio)
{
    assert(s->audio < 0);
    pthread_attr_t attr;
    sigset_t all, before;
    int r = pthread_attr_init(&attr);
    if (r != 0)
        return -r;
    (void)pthread_attr_setstacksize(&attr, STACK_BYTES);
    (void)sigfillset(&all);
    (void)sigdelset(&all, SIGXCPU); /* the guard of its precedence */
    (void)sigdelset(&all, SIGSYS);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    s->audio = audio;
    r = pthread_create(&s->thread, &attr, run, s);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attr);
    if (r != 0)
        s->audio = -1;
    return -r;
}

static void forget(struct sender *s, struct wire *w)
{
    if (w->state == WIRE_RESTS)
        DL_DELETE2(s->resting, w, prev_rest, next_rest);
    if (w->has_news)
        DL_DELETE2(s->news, w, prev_news, next_news);
    HASH_DEL(s->wires, w);
    seal_free(w->seal);
    free(w);
}

void sender_free(struct sender *s)
{
    if (!s)
        return;
    if (s->audio >= 0) {
        (void)shutdown(s->audio, SHUT_RDWR);
        (void)pthread_join(s->thread, NULL);
        (void)close(s->audio);
    }
    struct wire *w, *next;
    HASH_ITER(hh, s->wires, w, next) forget(s, w);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- the main thread's calls ---- */

static struct wire *make_wire(uint32_t id, const struct wire_config *config)
{
    struct wire *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->id = id;
    w->fd = config->fd;
    w->to = config->to;
    w->state = config->is_speaking ? WIRE_TALKS : WIRE_QUIET;
    if (seal_new(config->mode, config->key, config->ssrc, &w->seal) < 0) {
        free(w);
        return NULL;
    }
    return w;
}

int sender_put(struct sender *s, uint32_t id, const struct wire_config *config)
{
    assert(config->fd >= 0);
    struct wire *w = make_wire(id, config);
    if (!w)
        return -ENOMEM;
    (void)pthread_mutex_lock(&s->lock);
    struct wire *old = find(s, id);
    if (old) {
        w->next_tick = old->next_tick;
        forget(s, old);
    }
    HASH_ADD(hh, s->wires, id, sizeof w->id, w);
    bool is_added = w->hh.tbl != NULL;
    (void)pthread_mutex_unlock(&s->lock);
    if (is_added)
        return 0;
    seal_free(w->seal);
    free(w);
    return -ENOMEM;
}

void sender_drop(struct sender *s, uint32_t id)
{
    (void)pthread_mutex_lock(&s->lock);
    struct wire *w = find(s, id);
    if (w)
        forget(s, w);
    (void)pthread_mutex_unlock(&s->lock);
}

static void send_one(struct sender *s, struct wire *w, const struct held *h)
{
    assert(h->len > 0 && h->len <= VMSG_PACKET_MAX);
    uint8_t packet[VMSG_PACKET_MAX + SEAL_OVERHEAD];
    size_t len = seal_packet(w->seal, h->tick, h->packet, h->len, packet);
    bool sent = len > 0 && sendto(w->fd, packet, len, MSG_DONTWAIT | MSG_NOSIGNAL, &w->to.any,
                                  outbox_address_len(&w->to)) >= 0;
    s->counts.packets += sent;
    s->counts.failed += !sent;
}

void sender_allow(struct sender *s, uint32_t id)
{
    (void)pthread_mutex_lock(&s->lock);
    struct wire *w = find(s, id);
    if (w && w->state == WIRE_ASKS) {
        for (unsigned i = 0; i < w->n_held; i++)
            send_one(s, w, &w->held[i]);
        w->n_held = 0;
        move(s, w, WIRE_TALKS);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

bool sender_take_news(struct sender *s, uint32_t *ret_id, enum sender_news *ret_news)
{
    (void)pthread_mutex_lock(&s->lock);
    struct wire *w = s->news;
    if (w) {
        DL_DELETE2(s->news, w, prev_news, next_news);
        w->has_news = false;
        *ret_id = w->id;
        *ret_news = w->state == WIRE_QUIET ? SENDER_RESTED : SENDER_ASKS;
    }
    (void)pthread_mutex_unlock(&s->lock);
    return w != NULL;
}

bool sender_is_speaking(struct sender *s, uint32_t id)
{
    (void)pthread_mutex_lock(&s->lock);
    struct wire *w = find(s, id);
    bool speaks = w && w->state != WIRE_QUIET && w->state != WIRE_ASKS;
    (void)pthread_mutex_unlock(&s->lock);
    return speaks;
}

struct vmsg_counts sender_counts(struct sender *s)
{
    (void)pthread_mutex_lock(&s->lock);
    struct vmsg_counts counts = s->counts;
    (void)pthread_mutex_unlock(&s->lock);
    return counts;
}
