#include "feed/change.h"

#include <assert.h>

enum {
    LATE_MAX = 6,      /* then a change begins 64 frames ahead, or where the ring ends */
    CHANGE_FRAMES = 3, /* at the least between two changes of sound while frames leave */
    CALM_FRAMES = 25,  /* since the last change: the next one is made one step less ahead */
};

static const bool moves[CHANGE_STATE_COUNT][CHANGE_STATE_COUNT] = {
    [CHANGE_NONE] = { [CHANGE_WANTED] = true },
    [CHANGE_WANTED] = { [CHANGE_WANTED] = true, [CHANGE_SENT] = true, [CHANGE_NONE] = true },
    [CHANGE_SENT] = { [CHANGE_WANTED] = true, [CHANGE_SENT] = true, [CHANGE_NONE] = true },
};

static void go(struct change *c, enum change_state to)
{
    assert(c->state < CHANGE_STATE_COUNT && moves[c->state][to]);
    c->state = to;
}

struct place change_where(const struct change *c, const struct change_view *view)
{
    if (!view->is_paced || !view->ramps)
        return view->next;
    int64_t since = place_frames_between(c->changed_at, view->next);
    int64_t ahead = INT64_C(1) << c->n_late;
    if (since >= 0 && ahead < CHANGE_FRAMES - since)
        ahead = CHANGE_FRAMES - since;
    if (ahead >= view->fill)
        ahead = view->fill > 0 ? view->fill - 1 : 0;
    return place_after(view->next, ahead);
}

void change_want(struct change *c, const struct wmsg_render *render)
{
    c->displaced = change_is_under_way(c);
    go(c, CHANGE_WANTED);
    c->render = *render;
    c->number++;
}

void change_sent(struct change *c, uint32_t gen, unsigned lane)
{
    assert(lane < RING_LANES);
    go(c, CHANGE_SENT);
    c->render.gen = gen;
    c->render.lane = (uint8_t)lane;
}

void change_unsent(struct change *c)
{
    if (change_is_under_way(c))
        go(c, CHANGE_WANTED);
}

void change_move(struct change *c, struct place begin)
{
    assert(c->state == CHANGE_WANTED);
    c->render.pos = begin.samples;
}

void change_done(struct change *c, struct place at)
{
    go(c, CHANGE_NONE);
    c->changed_at = at;
}

void change_cancel(struct change *c)
{
    if (change_is_under_way(c))
        go(c, CHANGE_NONE);
}

void change_note_late(struct change *c)
{
    c->n_late += c->n_late < LATE_MAX;
}

void change_calm_down(struct change *c, struct place next)
{
    int64_t since = place_frames_between(c->changed_at, next) / CALM_FRAMES;
    c->n_late = since < 0 || since >= c->n_late ? 0 : c->n_late - (unsigned)since;
}

uint32_t change_ticket(const struct change *c, bool next)
{
    return c->number + next;
}

bool change_serves(const struct change *c, uint32_t ticket)
{
    return !change_is_under_way(c) || (int32_t)(c->number - ticket) > 0;
}
