/*
 * The play that follows: its source is opened ahead of time, beside the current one's rendering. A
 * source from the network may take long to answer, so that one is opened in a fiber.
 */
#include "media/serve_parts.h"

#include "base/cleanup.h"
#include "media/fiber.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { STACK_BYTES = 512 * 1024 };

struct opening {
    const struct serve *serve;
    struct fiber *fiber;
    struct source *source; /* NULL once a track has it, or nobody */
    bool given_up;
    struct track *track;
    struct failure failure;
};

static int wait_in_fiber(struct source *source, int timeout_ms, void *arg)
{
    struct opening *o = arg;
    if (!o->given_up)
        fiber_yield(o->fiber);
    return o->given_up ? -EINTR : 0;
}

static void open_in_fiber(void *arg)
{
    struct opening *o = arg;
    o->track = serve_open_track(o->serve, o->source, &o->failure);
}

static void free_opening(struct opening *o)
{
    if (!o)
        return;
    o->given_up = true;
    while (!fiber_run(o->fiber))
        ;
    track_free(o->track);
    fiber_free(o->fiber);
    free(o);
}

void serve_drop_next(struct serve *s)
{
    /* What was made of it stays in the ring until the daemon asks for the current play anew. */
    if (serve_renders_next(s))
        s->step = STEP_ENDED;
    if (s->render)
        render_set_next(s->render, NULL, 0, NULL);
    free_opening(TAKE_PTR(s->opening));
    track_free(TAKE_PTR(s->next_track));
    s->next_play = 0;
}

static void next_failed(struct serve *s, const struct failure *f)
{
    uint32_t play = s->next_play;
    s->next_play = 0;
    serve_say_failed(s, play, f);
}

static void next_is_open(struct serve *s, struct track *track)
{
    struct source_wait wait = serve_source_wait(s);
    struct track_info info;
    track_get_info(track, &info);
    if (info.endless) /* it goes on at now, whatever place was asked for */
        s->next_how.pos = 0;
    if (serve_cannot_do(track, &s->next_how)) {
        struct failure failure;
        track_free(track);
        failure_set(&failure, TUTTI_E_NOT_SEEKABLE, error_text(TUTTI_E_NOT_SEEKABLE));
        next_failed(s, &failure);
        return;
    }
    source_set_wait(track_source(track), &wait);
    s->next_track = track;
    render_set_next(s->render, track, s->next_play, &s->next_how);
    serve_say_opened(s, track, s->next_play, s->next_how.pos, sound_is_plain(&s->next_how.sound),
                     render_is_late(s->render));
}

int serve_opening_fd(const struct serve *s)
{
    return s->opening ? source_poll_fd(s->opening->source) : -1;
}

void serve_go_on_opening(struct serve *s)
{
    if (!s->opening || !fiber_run(s->opening->fiber))
        return;
    struct opening *o = TAKE_PTR(s->opening);
    struct track *track = TAKE_PTR(o->track);
    if (track)
        next_is_open(s, track);
    else
        next_failed(s, &o->failure);
    free_opening(o);
}

bool serve_replace_next(struct serve *s, uint32_t play, int fd)
{
    if (play != s->next_play)
        return false;
    if (s->opening)
        source_replace(s->opening->source, fd);
    else if (s->next_track)
        source_replace(track_source(s->next_track), fd);
    else
        return false;
    return true;
}

static void open_now(struct serve *s, struct source *source)
{
    struct failure failure;
    struct track *track = serve_open_track(s, source, &failure);
    if (track)
        next_is_open(s, track);
    else
        next_failed(s, &failure);
}

static bool open_beside(struct serve *s, struct source *source)
{
    struct opening *o = calloc(1, sizeof *o);
    if (!o || fiber_new(STACK_BYTES, &o->fiber) < 0) {
        free(o);
        return false;
    }
    o->serve = s;
    o->source = source;
    source_set_wait(source, &(struct source_wait){ .fn = wait_in_fiber, .arg = o });
    fiber_begin(o->fiber, open_in_fiber, o);
    s->opening = o;
    return true;
}

void serve_take_next(struct serve *s, const struct wmsg *m, int fd)
{
    struct source_wait wait = serve_source_wait(s);
    struct source *source;
    struct failure failure;
    serve_drop_next(s);
    s->next_play = m->play;
    s->next_how = m->open.render;
    if (source_new(fd, &wait, &source) < 0) {
        (void)close(fd);
        failure_set(&failure, TUTTI_E_SOURCE_FAILED, error_text(TUTTI_E_SOURCE_FAILED));
        next_failed(s, &failure);
        return;
    }
    if (!source_is_remote(source)) {
        open_now(s, source);
    } else if (!open_beside(s, source)) {
        source_free(source);
        failure_set(&failure, TUTTI_E_INTERNAL, "out of memory");
        next_failed(s, &failure);
    }
}

/* The last frame before the join was delivered: there is no way back. If the next play failed
 * before that was heard, there is nothing left to render, and it is the one that will be closed. */
void serve_take_joined(struct serve *s, uint32_t play)
{
    if (play != s->next_play || !serve_renders_next(s)) {
        serve_end_play(s);
        s->play = play;
        return;
    }
    uint32_t gen = s->how.gen;
    int r = render_enter_next(s->render);
    track_free(s->track);
    s->track = TAKE_PTR(s->next_track);
    s->source = track_source(s->track);
    s->play = s->next_play;
    s->next_play = 0;
    s->shift = 0;
    s->how = s->next_how;
    s->how.gen = gen;
    if (r < 0) {
        s->resume_pos = s->how.pos;
        serve_render_failed(s, r);
    }
}
