#include "fetch/transfer.h"

#include "base/clock.h"
#include "fetch/connection.h"
#include "fetch/content.h"
#include "fetch/pace.h"
#include "fetch/readahead.h"

#include <errno.h>
#include <stdlib.h>

enum {
    SKIP_AHEAD_BYTES = 65536, /* a step forward so short is read through */
    READ_GAP_MAX_S = 60,
};

/* Sees to it that the window is being filled, if it should be. */
static void fill(struct transfer *t)
{
    bool hungry = t->is_wanted || readahead_bytes(t) <= readahead_limit(t) / 2;
    if (!t->is_active || !hungry)
        return;
    if (t->state == DORMANT)
        connection_open(t);
    else if (t->state == PAUSED)
        connection_resume(t);
    else if (t->state == WAITING && t->is_wanted)
        connection_hurry(t);
}

static void note_read(struct transfer *t)
{
    uint64_t now_ns = clock_now_ns();
    uint64_t gap = t->read_ns ? now_ns - t->read_ns : 0;
    t->read_ns = now_ns;
    if (gap < READ_GAP_MAX_S * NS_PER_S)
        t->read_gap_ns = gap;
}

bool transfer_covers(const struct transfer *t, int64_t at)
{
    if (at < t->window.begin)
        return false;
    if (at <= t->window.end)
        return true;
    bool comes = t->state == ASKING || t->state == FLOWING || t->state == PAUSED;
    return comes && at - t->window.end <= SKIP_AHEAD_BYTES;
}

bool transfer_seek(struct transfer *t, int64_t at)
{
    t->is_active = true;
    t->pos = at;
    note_read(t);
    bool is_there = at < t->window.end;
    if (!is_there && !t->is_wanted)
        t->wanted_ns = t->read_ns;
    if (is_there)
        pace_end_wait(t);
    else
        t->is_wanted = true;
    fill(t);
    return at < t->window.end;
}

void transfer_renumber(struct transfer *t, int64_t at)
{
    int64_t by = at - t->window.begin;
    t->window.begin += by;
    t->window.end += by;
    t->start_end += by;
    t->at += by;
    t->pos = at;
}

void transfer_consume(struct transfer *t, int64_t at)
{
    pace_end_wait(t);
    pace_judge(t);
    t->pos = at;
    readahead_trim(t);
    fill(t);
}

void transfer_rest(struct transfer *t)
{
    t->is_active = t->is_wanted = false;
    if (t->state == WAITING)
        connection_close(t);
}

void transfer_relink(struct transfer *t)
{
    if (t->state != EXPIRED)
        return;
    t->tries = 0;
    t->wanted_ns = clock_now_ns();
    t->state = DORMANT;
    fill(t);
}

void transfer_place(struct transfer *t, int64_t at)
{
    connection_close(t);
    readahead_restart(t, at);
    t->pos = at;
    t->end = NOT_OVER;
    t->lost_end = -1;
}

void transfer_start(struct transfer *t, int64_t at)
{
    transfer_place(t, at);
    t->is_active = t->is_wanted = true;
    t->wanted_ns = t->read_ns = clock_now_ns();
    connection_open(t);
}

int transfer_new(const struct transfer_context *context, struct resource *resource,
                 const struct transfer_ops *ops, struct transfer **ret_transfer)
{
    struct transfer *t = calloc(1, sizeof *t);
    if (!t)
        return -ENOMEM;
    t->context = context;
    t->resource = resource;
    t->ops = *ops;
    t->lost_end = -1;
    (void)uv_timer_init(context->loop, &t->timer);
    t->timer.data = t;
    *ret_transfer = t;
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void transfer_free(struct transfer *t)
{
    if (!t)
        return;
    connection_close(t);
    readahead_restart(t, 0);
    content_done(t);
    uv_close((uv_handle_t *)&t->timer, on_timer_closed);
}
