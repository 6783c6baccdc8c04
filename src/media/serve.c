#include "media/serve.h"

#include "base/audio.h"
#include "base/clock.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "media/serve_parts.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    KEEP_BYTES_PER_FRAME = 300 * 1000 / 250, /* 0.3 MB at the default depth of 5 s */
    START_FRAMES = 8,                        /* made before the consumer is told of the first */
    RUN_FRAMES_MAX = 100,                    /* made in one run once the ring was full */
    FILL_STEP_FRAMES = 10,                   /* towards the depth, made in one go … */
    FILL_PAUSE_MS = 50,                      /* … then others may have the processor */
    BURST_FRAMES = 25,                       /* rendered at once while commands keep coming */
    QUIET_NS = 200 * 1000 * 1000,
    FORGET_EVERY_FRAMES = 50,
    LENGTH_EVERY_FRAMES = 50,
    VAIN_MAX = 8,              /* a demuxer that says so without end has failed */
    POLL_NS = 4 * 1000 * 1000, /* a command waits no longer than this for its reading */
};

bool serve_renders_next(const struct serve *s)
{
    return s->next_track && render_track(s->render) == s->next_track;
}

void serve_set_state(struct serve *s, enum ring_worker_state state)
{
    s->state = state;
    ring_set_state(&s->ring, state);
}

static void fail(struct serve *s, const struct failure *f)
{
    if (serve_renders_next(s)) {
        serve_say_failed(s, s->next_play, f);
        serve_drop_next(s);
        return;
    }
    s->step = STEP_IDLE;
    serve_say_failed(s, s->play, f);
}

void serve_end_play(struct serve *s)
{
    serve_drop_next(s);
    render_free(TAKE_PTR(s->render));
    track_free(TAKE_PTR(s->track));
    s->source = NULL;
    s->step = STEP_IDLE;
    s->has_render = s->frame_waits = s->in_burst = s->gave_up = false;
    s->announced = false;
    s->told_cut = 0;
    s->shift = 0;
    s->joins = false;
}

void serve_close_play(struct serve *s)
{
    serve_end_play(s);
    (void)malloc_trim(0);
    serve_set_state(s, RING_WORKER_IDLE);
    struct wmsg m = { .type = WMSG_IDLE, .play = s->play };
    s->play = 0;
    serve_send(s, &m);
}

static void announce(struct serve *s, const struct frame *first)
{
    s->announced = true;
    serve_say_opened(s, s->track, s->play, first->record.pos + s->shift,
                     (first->record.flags & RING_PASSTHROUGH) != 0, false);
}

static enum tutti_error error_for(int r)
{
    if (r == -EBADMSG || r == -ENODATA)
        return TUTTI_E_DECODE_FAILED;
    return r == -ENOMEM ? TUTTI_E_INTERNAL : TUTTI_E_SOURCE_FAILED;
}

static struct failure failure_of(const struct track *track, int r)
{
    struct failure failure = *source_failure(track_source(track));
    if (failure.code == TUTTI_OK && r == -ENOMEM)
        failure_set(&failure, TUTTI_E_INTERNAL, "out of memory");
    else if (failure.code == TUTTI_OK && r == -EBADMSG && !track_has_sound(track))
        failure_set(&failure, error_for(r), "its audio is broken: none of it can be decoded");
    else if (failure.code == TUTTI_OK)
        failure_set(&failure, error_for(r), error_text(error_for(r)));
    return failure;
}

/* The current play goes on to its end. */
static void fail_next(struct serve *s)
{
    int r = render_next_error(s->render);
    log_info("worker", "reading the next play failed: %s", strerror(-r));
    struct failure failure = failure_of(s->next_track, r);
    serve_say_failed(s, s->next_play, &failure);
    serve_drop_next(s);
}

/* A seek that cannot be done leaves the play where it is: the daemon plays what lies ready and asks
 * for what comes after that. Anything else ends the play. */
void serve_render_failed(struct serve *s, int r)
{
    s->n_vain = s->n_heard > 0 ? 0 : s->n_vain + 1;
    if (r == -EINTR && s->n_vain < VAIN_MAX) {
        s->gave_up = true; /* a command came, which may say what is rendered next */
        return;
    }
    if (render_next_error(s->render) < 0) {
        fail_next(s);
        s->gave_up = true;
        return;
    }
    log_info("worker", "rendering failed: %s", strerror(-r));
    const struct track *track = render_track(s->render);
    bool is_lost = source_failure(track_source(track))->code != TUTTI_OK;
    if (!is_lost && s->announced && !s->how.exact && s->n_made == 0) {
        serve_refuse_render(s, &s->how, error_for(r));
        s->step = STEP_ENDED;
        return;
    }
    struct failure failure = failure_of(track, r);
    fail(s, &failure);
}

struct track *serve_open_track(const struct serve *s, struct source *source,
                               struct failure *ret_failure)
{
    struct track *track;
    size_t keep = (size_t)s->open.depth_frames * KEEP_BYTES_PER_FRAME;
    if (keep < 250 * KEEP_BYTES_PER_FRAME)
        keep = 250 * KEEP_BYTES_PER_FRAME;
    return track_new(source, keep, &track, ret_failure) < 0 ? NULL : track;
}

static void open_source(struct serve *s, int fd, struct failure *ret_failure)
{
    struct source_wait wait = serve_source_wait(s);
    struct source *source;
    if (source_new(fd, &wait, &source) < 0) {
        (void)close(fd);
        failure_set(ret_failure, TUTTI_E_SOURCE_FAILED, error_text(TUTTI_E_SOURCE_FAILED));
        return;
    }
    s->source = source;
    s->is_opening = true;
    s->track = serve_open_track(s, source, ret_failure);
    s->is_opening = false;
    if (!s->track)
        s->source = NULL;
}

/* Whatever place is asked for, a live stream is joined at now: what comes is taken to be what the
 * listener has not heard yet. */
static void shift_if_live(struct serve *s, struct wmsg_render *how)
{
    struct track_info info;
    track_get_info(s->track, &info);
    if (!info.endless)
        return;
    s->shift = how->pos;
    how->pos = 0;
}

/* A render of a live stream that begins a new grid joins it anew; so does one that takes the place
 * of such a render before that has made anything. */
static int join_if_live(struct serve *s, struct wmsg_render *how)
{
    struct track_info info;
    track_get_info(s->track, &info);
    s->joins = info.endless && (s->joins || !how->exact);
    if (!s->joins) {
        how->pos = how->pos > s->shift ? how->pos - s->shift : 0;
        return 0;
    }
    shift_if_live(s, how);
    return track_join_again(s->track);
}

static void begin_first_render(struct serve *s)
{
    struct wmsg_render *how = &s->open.render;
    shift_if_live(s, how);
    s->lane = how->lane;
    s->how = *how;
    s->resume_pos = how->pos;
    s->n_made = 0;
    s->filled = false;
    s->step = STEP_RENDER;
    track_take_hint(s->track, &s->open.hint);
    if (serve_cannot_do(s->track, how)) {
        struct failure failure;
        failure_set(&failure, TUTTI_E_NOT_SEEKABLE, error_text(TUTTI_E_NOT_SEEKABLE));
        fail(s, &failure);
        return;
    }
    int r = render_begin(s->render, s->track, s->play, how);
    if (r < 0)
        serve_render_failed(s, r);
}

void serve_begin_open(struct serve *s, int fd)
{
    struct failure failure = { .code = TUTTI_OK };
    serve_set_state(s, RING_WORKER_OPENING);
    ring_producer_set_depth(&s->ring, s->open.depth_frames);
    open_source(s, fd, &failure);
    if (s->track && render_new(s->open.bitrate, s->open.complexity, &s->render) < 0) {
        track_free(TAKE_PTR(s->track));
        s->source = NULL;
        failure_set(&failure, TUTTI_E_INTERNAL, "out of memory");
    }
    if (s->track)
        begin_first_render(s);
    else if (failure.code != TUTTI_OK)
        fail(s, &failure); /* else it was given up for a command */
}

static void begin_render(struct serve *s, uint64_t now_ns)
{
    s->has_render = s->gave_up = false;
    s->in_burst = true;
    s->burst_until_ns = now_ns + QUIET_NS;
    struct track_info info;
    track_get_info(s->track, &info);
    if (serve_cannot_do(s->track, &s->next) && !(info.endless && s->next.joins)) {
        serve_refuse_render(s, &s->next, TUTTI_E_NOT_SEEKABLE);
        return;
    }
    int r = join_if_live(s, &s->next);
    if (s->next_track) /* a join that was made already is made anew */
        render_set_next(s->render, s->next_track, s->next_play, &s->next_how);
    s->how = s->next;
    s->resume_pos = s->next.pos;
    if (r == 0)
        r = render_begin(s->render, s->track, s->play, &s->next);
    s->frame_waits = false;
    s->lane = s->next.lane;
    s->n_made = 0;
    s->filled = false;
    s->step = STEP_RENDER;
    if (r < 0)
        serve_render_failed(s, r);
}

/* A frame was given up for a command that changes nothing about it: it is made anew. */
static void render_again(struct serve *s)
{
    bool is_next = serve_renders_next(s);
    struct wmsg_render how = is_next ? s->next_how : s->how;
    how.gen = s->how.gen;
    how.lane = (uint8_t)s->lane;
    how.exact = s->how.exact || s->n_made > 0;
    how.pos = s->resume_pos;
    if (s->n_made > 0)
        how.from = how.sound;
    s->gave_up = false;
    int r = s->joins ? track_join_again(s->track) : 0;
    if (r == 0)
        r = render_begin(s->render, render_track(s->render), is_next ? s->next_play : s->play,
                         &how);
    if (r < 0)
        serve_render_failed(s, r);
}

static uint32_t depth_now(const struct serve *s)
{
    if (s->in_burst && s->open.depth_frames > BURST_FRAMES)
        return BURST_FRAMES;
    return s->open.depth_frames;
}

/* A play starts with a few frames in hand: when dozens start at once, a worker that has made one
 * frame may have to wait for the processor longer than that frame lasts. */
static bool may_ring(const struct serve *s)
{
    return s->n_made >= START_FRAMES || s->n_made >= s->open.depth_frames || s->step == STEP_ENDED;
}

static void after_put(struct serve *s)
{
    s->n_made++;
    s->n_vain = 0;
    s->joins = false;
    if ((s->frame.record.flags & (RING_END | RING_JOIN)) == RING_END)
        s->step = STEP_ENDED;
    if (may_ring(s) && ring_consumer_waits(&s->ring))
        serve_send_plain(s, WMSG_BELL);
}

/* Makes one frame, or puts the one that had no room. Returns false when the ring has no room. */
static bool step_render(struct serve *s)
{
    if (!s->frame_waits) {
        int r = render_next(s->render, &s->frame);
        if (r <= 0) {
            if (r < 0)
                serve_render_failed(s, r);
            return true;
        }
        if (render_next_error(s->render) < 0)
            fail_next(s);
        s->resume_pos = render_pos(s->render);
        if (!s->announced)
            announce(s, &s->frame);
        else
            serve_tell_title(s);
        bool is_end = s->frame.record.flags & RING_END;
        if (is_end)
            serve_tell_cut(s, s->frame.record.play);
        if (is_end || s->n_made % LENGTH_EVERY_FRAMES == 0)
            serve_tell_length(s, s->frame.record.play);
    }
    struct ring_record record = s->frame.record;
    if (record.play == s->play)
        record.pos += s->shift;
    s->frame_waits = ring_put(&s->ring, s->lane, &record, s->frame.bytes) < 0;
    if (s->frame_waits)
        return false;
    after_put(s);
    return true;
}

/* What the consumer has taken will not be rendered again, nor the little before it that is in its
 * hands. */
static void forget_delivered(struct serve *s)
{
    if (serve_renders_next(s))
        return; /* what of the current play was delivered is not to be seen from here */
    int64_t waiting = ring_producer_fill(&s->ring, s->lane);
    int64_t pos = s->frame.record.pos - waiting * AUDIO_FRAME_SAMPLES;
    track_forget(s->track, pos - AUDIO_RATE / 2);
    log_debug("worker", "%zu bytes of packets are kept",
              packets_kept_bytes(track_packets(s->track)));
}

/* On the way to its depth for the first time; a consumer that takes everything at once never lets
 * it be reached. */
static bool is_filling(const struct serve *s)
{
    return !s->filled && s->n_made < s->open.depth_frames;
}

/* On that way a worker that has enough in hand gives way now and then: when dozens of plays start
 * at once, the last of them must not wait until the first have filled their rings. */
static bool gives_way(const struct serve *s, uint32_t fill)
{
    return is_filling(s) && fill >= BURST_FRAMES && s->n_made % FILL_STEP_FRAMES == 0;
}

/* Renders until the ring is full, a command comes, or the end. Returns false when it is time to
 * wait. */
static bool render_run(struct serve *s)
{
    serve_set_state(s, RING_WORKER_DECODING);
    while (!s->done && !s->has_render && !s->gave_up && s->step == STEP_RENDER && s->n_heard == 0) {
        uint32_t fill = ring_producer_fill(&s->ring, s->lane);
        if (fill >= depth_now(s) || !step_render(s)) {
            s->filled |= s->frame_waits || fill >= s->open.depth_frames;
            forget_delivered(s);
            return false;
        }
        /* Neither what comes only as fast as it is heard, nor a consumer that takes everything at
         * once, lets the ring ever be full. */
        if (s->n_made % FORGET_EVERY_FRAMES == 0)
            forget_delivered(s);
        if (gives_way(s, fill))
            return false;
        uint64_t now_ns = clock_now_ns();
        if (now_ns - s->polled_ns >= POLL_NS) {
            s->polled_ns = now_ns;
            serve_hear(s, 0);
        }
    }
    return true;
}

/* Room is announced when the ring holds no more than this: two fifths of the depth are made in one
 * run, at most two seconds, so that what the run needs is fetched into the processor's caches once.
 * A frame that found no room although the depth was not reached (its bytes did not fit) waits until
 * a quarter of what is there was taken. */
static uint32_t low_water(const struct serve *s)
{
    uint32_t depth = s->open.depth_frames;
    uint32_t run = 2 * depth / 5 < RUN_FRAMES_MAX ? 2 * depth / 5 : RUN_FRAMES_MAX;
    uint32_t low = depth - (run > 0 ? run : 1);
    uint32_t fill = ring_producer_fill(&s->ring, s->lane);
    if (s->frame_waits && fill > 0 && low > (fill - 1) - fill / 4)
        low = (fill - 1) - fill / 4;
    return low;
}

/* Sleeps until the bell rings, a command comes, or commands have been quiet for long enough. */
static void wait_for_room(struct serve *s)
{
    serve_set_state(s, RING_WORKER_WAITING_ROOM);
    if (ring_consumer_waits(&s->ring))
        serve_send_plain(s, WMSG_BELL); /* there may be fewer than a play starts with */
    if (ring_producer_fill(&s->ring, s->lane) > s->n_made) {
        /* What an earlier render left is in the way until the consumer has looked at it. */
        if (ring_producer_sleep(&s->ring, s->lane, s->n_made))
            serve_hear(s, -1);
        return;
    }
    if (!s->in_burst && is_filling(s) &&
        ring_producer_fill(&s->ring, s->lane) < s->open.depth_frames) {
        serve_hear(s, FILL_PAUSE_MS);
        return;
    }
    if (s->in_burst) {
        uint64_t now_ns = clock_now_ns();
        if (now_ns >= s->burst_until_ns) {
            s->in_burst = false;
            return;
        }
        serve_hear(s, (int)((s->burst_until_ns - now_ns) / NS_PER_MS) + 1);
        return;
    }
    if (s->step == STEP_RENDER && !ring_producer_sleep(&s->ring, s->lane, low_water(s)))
        return;
    serve_hear(s, -1);
}

static void serve_one(struct serve *s)
{
    if (s->n_heard > 0)
        serve_hear(s, 0);
    if (s->has_render)
        begin_render(s, clock_now_ns());
    else if (s->gave_up && s->step == STEP_RENDER)
        render_again(s);
    if (s->gave_up && s->step == STEP_RENDER)
        return; /* once more: there is another command */
    if (s->step == STEP_RENDER && render_run(s))
        return;
    if (s->step == STEP_RENDER) {
        wait_for_room(s);
        return;
    }
    serve_set_state(s, RING_WORKER_IDLE);
    serve_hear(s, -1);
}

int serve_run(int sock, int ring_fd, const struct ring_shape *shape)
{
    struct serve s = { .sock = sock };
    int r = ring_producer_init(&s.ring, ring_fd, shape);
    (void)close(ring_fd);
    if (r < 0) {
        (void)close(sock);
        return r;
    }
    serve_send_plain(&s, WMSG_IDLE);
    while (!s.done)
        serve_one(&s);
    serve_end_play(&s);
    ring_producer_done(&s.ring);
    (void)close(sock);
    return 0;
}
