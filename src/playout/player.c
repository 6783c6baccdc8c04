#include "playout/player.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>

enum { SLOTS_A_WAKE = 64 };

struct player {
    struct player_ops ops;
    uv_poll_t poll;
    int fd;
    struct {
        struct pacer pacer;
        struct lateness lateness;
        uint64_t armed_ns; /* what the timer is set to; PACER_NEVER when it is off */
    } rt;
};

/* Setting the timer also clears its expiry, so that it need not be read. */
static void arm(struct player *p)
{
    uint64_t next_ns = pacer_next_ns(&p->rt.pacer);
    if (next_ns == p->rt.armed_ns)
        return;
    struct itimerspec at = { 0 };
    if (next_ns != PACER_NEVER) {
        at.it_value.tv_sec = (time_t)(next_ns / NS_PER_S);
        at.it_value.tv_nsec = (long)(next_ns % NS_PER_S);
    }
    (void)timerfd_settime(p->fd, TFD_TIMER_ABSTIME, &at, NULL);
    p->rt.armed_ns = next_ns;
}

/* Frames that make up for a late tick have deadlines of their own, 20 ms apart. */
static void count_lateness(struct player *p, const struct pacer_due *due, uint64_t sent_ns,
                           const uint64_t delivered[PACER_CATCH_UP_MAX])
{
    assert(due->n_frames <= PACER_CATCH_UP_MAX);
    for (unsigned i = 0; i < due->n_frames; i++) {
        uint64_t deadline_ns = due->deadline_ns + i * AUDIO_FRAME_NS;
        if (delivered[i] > 0)
            lateness_add(&p->rt.lateness, sent_ns > deadline_ns ? sent_ns - deadline_ns : 0,
                         delivered[i]);
    }
}

/* A session wants somebody woken every two seconds, once in a hundred passes: one wake-up a pass
 * for every sixty-four of them keeps up with that, and leaves those of few sessions time to be
 * done. */
static void run_after(struct player *p, unsigned phase)
{
    struct pacer_slot *slot;
    unsigned n_woken = 0;
    unsigned n_enough = 1 + p->rt.pacer.phase[phase].n_slots / SLOTS_A_WAKE;
    pacer_walk_again(&p->rt.pacer, phase);
    while ((slot = pacer_next_slot(&p->rt.pacer)) != NULL)
        n_woken += p->ops.after(slot, n_woken >= n_enough, p->ops.arg);
}

static void run_phase(struct player *p, const struct pacer_due *due)
{
    uint64_t delivered[PACER_CATCH_UP_MAX] = { 0 };
    struct pacer_slot *slot;
    if (p->ops.begin)
        p->ops.begin(p->ops.arg);
    while ((slot = pacer_next_slot(&p->rt.pacer)) != NULL) {
        unsigned n = p->ops.deliver(slot, due->n_frames, p->ops.arg);
        for (unsigned i = 0; i < n; i++)
            delivered[i]++;
    }
    p->ops.flush(p->ops.arg);
    count_lateness(p, due, clock_now_ns(), delivered);
    if (p->ops.after)
        run_after(p, due->phase);
    if (p->ops.done)
        p->ops.done(p->ops.arg);
}

static void on_timer(uv_poll_t *handle, int status, int events)
{
    struct player *p = handle->data;
    struct pacer_due due;
    p->rt.armed_ns = 0; /* it has expired: the next arm() must set it whatever it was */
    uint64_t now_ns = clock_now_ns();
    while (pacer_take_due(&p->rt.pacer, now_ns, &due)) {
        run_phase(p, &due);
        now_ns = clock_now_ns();
    }
    arm(p);
}

int player_new(uv_loop_t *loop, const struct player_ops *ops, struct player **ret_player)
{
    assert(ops->deliver && ops->flush);
    AUTO_FREE struct player *p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    AUTO_FD int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    p->ops = *ops;
    p->rt.armed_ns = PACER_NEVER;
    pacer_init(&p->rt.pacer, clock_now_ns());
    int r = uv_poll_init(loop, &p->poll, fd);
    if (r < 0)
        return r;
    p->poll.data = p;
    p->fd = TAKE_FD(fd);
    (void)uv_poll_start(&p->poll, UV_READABLE, on_timer);
    *ret_player = TAKE_PTR(p);
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct player *p = handle->data;
    (void)close(p->fd);
    free(p);
}

void player_free(struct player *p)
{
    if (p)
        uv_close((uv_handle_t *)&p->poll, on_closed);
}

void player_join(struct player *p, struct pacer_slot *slot)
{
    if (slot->joined)
        return;
    pacer_join(&p->rt.pacer, slot, clock_now_ns());
    arm(p);
}

void player_leave(struct player *p, struct pacer_slot *slot)
{
    if (!slot->joined)
        return;
    pacer_leave(&p->rt.pacer, slot);
    arm(p);
}

const struct lateness *player_lateness(const struct player *p)
{
    return &p->rt.lateness;
}

uint64_t player_stalls(const struct player *p)
{
    return p->rt.pacer.n_stalls;
}
