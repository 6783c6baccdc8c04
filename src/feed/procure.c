/* A worker for a feed, and what it is told to render. */
#include "feed/parts.h"

#include "base/clock.h"

#include <errno.h>

struct wmsg feed_open_message(const struct feed *f)
{
    return (struct wmsg){
        .play = f->number,
        .open = {
            .render = {
                .pos = f->reader.place.samples,
                .sound = f->want.sound,
                .from = f->want.sound,
            },
            .hint = RING_NO_HINT,
            .depth_frames = f->want.make.depth_frames,
            .bitrate = f->want.make.bitrate,
            .complexity = f->want.make.complexity,
        },
    };
}

struct place feed_where(const struct feed *f)
{
    return change_where(&f->change, &(struct change_view){
                                        .next = f->reader.place,
                                        .fill = feed_is_ready(f) ? reader_fill(&f->reader) : 0,
                                        .is_paced = f->reader.is_paced,
                                        .ramps = !sound_is_same(&f->want.sound, &f->heard),
                                    });
}

/* The worker has begun with what it was opened with: a render of this generation. */
static void begin_with(struct feed *f, const struct wmsg_render *render)
{
    struct segment s = { lease_ring(f->lease), render->lane, render->gen };
    f->facts.is_opened = false;
    if (feed_is_ready(f)) { /* it takes over from a dead one */
        struct passage passage = f->reader.passage;
        change_sent(&f->change, render->gen, render->lane);
        if (passage.joint == JOINT_SAME_FRAME)
            passage.begin.samples = render->pos;
        reader_expect(&f->reader, &s, &passage);
        feed_move(f, FEED_READY);
        return;
    }
    change_cancel(&f->change);
    reader_begin(&f->reader, &s);
    f->heard = render->sound;
    feed_move(f, FEED_OPENING);
}

static void on_worker(struct worker *w, void *arg)
{
    struct feed *f = arg;
    f->job = NULL;
    if (!w) {
        feed_fail(f, TUTTI_E_INTERNAL, "no worker could be started");
        return;
    }
    struct wmsg m = feed_open_message(f);
    if (feed_is_ready(f)) {
        m.open.render = f->change.render;
        if (f->reader.passage.joint == JOINT_SAME_FRAME)
            m.open.render.pos = feed_where(f).samples;
        m.open.render.lane = 0;
        m.open.hint = f->hint;
    }
    rescue_take_worker(&f->rescue, ring_frames_made(worker_ring(w)));
    int r = lease_new(f->pool, w, f->lease_ops, f, &m, f->source.fd, &f->lease);
    if (r == 0)
        begin_with(f, &m.open.render);
    else if (r == -ENOMEM)
        feed_fail(f, TUTTI_E_INTERNAL, "out of memory");
    else if (rescue_may_restart(&f->rescue, clock_now_ns()))
        feed_procure(f); /* an idle worker that had died unnoticed says nothing about the feed */
    else
        feed_fail(f, TUTTI_E_WORKER_CRASHED, "the worker died");
}

void feed_procure(struct feed *f)
{
    bool ready = feed_is_ready(f);
    if (f->job || f->lease || (ready && !change_is_under_way(&f->change)))
        return;
    if (!ready)
        feed_move(f, FEED_QUEUED);
    uint64_t patience_ms = rescue_patience_ms(&f->rescue, ready, feed_buffered(f));
    f->job = pool_get_worker(f->pool, patience_ms, on_worker, f);
    if (!f->job) /* the caller has not done with the feed yet */
        feed_post(f, POST_STARVED);
}

void feed_plan(struct feed *f, struct place place, bool exact)
{
    if (feed_is_failing(f))
        return;
    exact = exact && feed_is_ready(f);
    struct wmsg_render render = {
        .pos = place.samples,
        .sound = f->want.sound,
        .from = exact ? f->heard : f->want.sound,
        .lane = (uint8_t)((f->reader.kept ? f->change.render.lane : f->reader.now.lane) ^ 1u),
        .exact = exact,
        .joins = f->facts.is_live && !exact,
    };
    struct segment unknown = { .lane = render.lane };
    struct passage passage = {
        .joint = exact ? JOINT_SAME_FRAME : JOINT_AT_ONCE,
        .on_grid = exact,
        .ramps = exact && !sound_is_same(&render.sound, &render.from),
        .begin = place,
    };
    f->drought.refills = false;
    change_want(&f->change, &render);
    reader_expect(&f->reader, &unknown, &passage);
    if (f->state == FEED_LOST)
        feed_move(f, FEED_RESCUING);
}

void feed_send(struct feed *f)
{
    if (!f->lease || f->change.state != CHANGE_WANTED)
        return;
    struct ring_consumer *ring = lease_ring(f->lease);
    struct wmsg_render render = f->change.render;
    int r = lease_render(f->lease, &render);
    if (r == -EAGAIN) { /* it does not read: told again when it is heard of */
        (void)ring_consumer_wait(ring, render.lane);
        return;
    }
    if (r < 0) {
        lease_kill(f->lease, "it does not listen");
        return;
    }
    struct passage passage = f->reader.passage;
    change_sent(&f->change, render.gen, render.lane);
    reader_expect(&f->reader, &(struct segment){ ring, render.lane, render.gen }, &passage);
    if (!reader_await(&f->reader, &f->reader.next)) /* it is there already: no bell will ring */
        feed_post(f, POST_LOOK);
    (void)lease_wake(f->lease, render.lane);
}

void feed_render(struct feed *f, struct place place, bool exact)
{
    if (feed_is_failing(f))
        return;
    feed_plan(f, place, exact);
    if (f->lease)
        feed_send(f);
    else
        feed_procure(f);
}

void feed_render_anew(struct feed *f)
{
    bool under_way = change_is_under_way(&f->change);
    if (under_way && !f->change.render.exact)
        feed_render(f, (struct place){ f->change.render.pos }, false);
    else if (under_way || feed_is_ready(f))
        feed_render(f, feed_where(f), true);
}
