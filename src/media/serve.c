#include "media/serve.h"

#include "base/audio.h"
#include "base/clock.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "media/render.h"
#include "proto/wmsg.h"
#include "ring/producer.h"

#include <malloc.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum {
    KEEP_BYTES_PER_FRAME = 300 * 1000 / 250, /* 0.3 MB at the default depth of 5 s */
    START_FRAMES = 8,                        /* made before the consumer is told of the first */
    RUN_FRAMES_MAX = 100,                    /* made in one run once the ring was full */
    FILL_STEP_FRAMES = 10,                   /* towards the depth, made in one go … */
    FILL_PAUSE_MS = 50,                      /* … then others may have the processor */
    FORGET_EVERY_FRAMES = 50,
    BURST_FRAMES = 25, /* rendered at once while commands keep coming */
    QUIET_NS = 200 * 1000 * 1000,
    POLL_NS = 4 * 1000 * 1000, /* a command waits no longer than this for its reading */
};

enum step {
    STEP_IDLE,   /* no play, or one that failed */
    STEP_RENDER, /* frames are to be made */
    STEP_ENDED,  /* the end marker is in the ring */
};

struct serve {
    int sock;
    struct ring_producer ring;
    bool done;
    /* the play */
    uint32_t play;
    struct wmsg_open open;
    struct track *track;
    struct render *render;
    /* the play that follows */
    uint32_t next_play;
    struct track *next_track; /* NULL: none */
    struct wmsg_render next_how;
    enum step step;
    bool announced;    /* OPENED has been sent */
    uint32_t told_cut; /* the play of which it was said that its source is incomplete */
    unsigned lane;
    uint32_t n_made;    /* frames of this render */
    bool filled;        /* the depth was reached once */
    struct frame frame; /* made, but there was no room for it */
    bool frame_waits;
    /* commands */
    bool has_render; /* the newest, not begun yet */
    struct wmsg_render next;
    struct wmsg_render how; /* the one that is being rendered */
    bool in_burst;
    uint64_t burst_until_ns;
    uint64_t polled_ns;
};

static void send_message(struct serve *s, const struct wmsg *m)
{
    uint8_t bytes[WMSG_MAX];
    size_t len = wmsg_encode(m, bytes, sizeof bytes);
    int r = fd_send(s->sock, bytes, len, NULL, 0, 0);
    if (r < 0)
        s->done = true; /* the daemon is gone */
}

static void send_plain(struct serve *s, enum wmsg_type type)
{
    struct wmsg m = { .type = type, .play = s->play };
    send_message(s, &m);
}

static void put_text(struct wmsg *m, const char *text)
{
    (void)text_sanitise(m->text, sizeof m->text, text);
}

static void say_failed(struct serve *s, uint32_t play, enum tutti_error code, const char *text)
{
    struct wmsg m = { .type = WMSG_FAILED, .play = play };
    m.failed.code = (uint32_t)code;
    put_text(&m, text);
    send_message(s, &m);
}

static bool renders_next(const struct serve *s)
{
    return s->next_track && render_track(s->render) == s->next_track;
}

static void drop_next(struct serve *s)
{
    /* What was made of it stays in the ring until the daemon asks for the current play anew. */
    if (renders_next(s))
        s->step = STEP_ENDED;
    render_set_next(s->render, NULL, 0, NULL);
    track_free(TAKE_PTR(s->next_track));
    s->next_play = 0;
}

static void fail(struct serve *s, enum tutti_error code, const char *text)
{
    if (renders_next(s)) {
        say_failed(s, s->next_play, code, text);
        drop_next(s);
        return;
    }
    s->step = STEP_IDLE;
    say_failed(s, s->play, code, text);
}

static void refuse_render(struct serve *s, enum tutti_error code)
{
    struct wmsg m = { .type = WMSG_RENDER_FAILED, .play = s->play };
    m.failed.code = (uint32_t)code;
    m.failed.gen = s->how.gen;
    put_text(&m, error_text(code));
    send_message(s, &m);
}

static void end_play(struct serve *s)
{
    render_free(TAKE_PTR(s->render));
    track_free(TAKE_PTR(s->track));
    track_free(TAKE_PTR(s->next_track));
    s->next_play = 0;
    s->step = STEP_IDLE;
    s->has_render = s->frame_waits = s->in_burst = false;
    s->announced = false;
    s->told_cut = 0;
}

static void close_play(struct serve *s)
{
    end_play(s);
    (void)malloc_trim(0);
    ring_set_state(&s->ring, RING_WORKER_IDLE);
    struct wmsg m = { .type = WMSG_IDLE, .play = s->play };
    s->play = 0;
    send_message(s, &m);
}

static void say_opened(struct serve *s, struct track *track, uint32_t play, int64_t pos,
                       bool passes, bool late)
{
    struct track_info info;
    track_get_info(track, &info);
    struct wmsg m = { .type = WMSG_OPENED, .play = play };
    m.opened.duration = info.duration;
    m.opened.pos = pos;
    m.opened.lag = info.lag;
    m.opened.passthrough = passes && info.passable;
    m.opened.seekable = info.seekable;
    m.opened.late = late;
    char title[DEMUX_TITLE_BYTES];
    if (packets_new_title(track_packets(track), title))
        put_text(&m, title);
    send_message(s, &m);
}

static void announce(struct serve *s, const struct frame *first)
{
    s->announced = true;
    say_opened(s, s->track, s->play, first->record.pos,
               (first->record.flags & RING_PASSTHROUGH) != 0, false);
}

static void tell_title(struct serve *s)
{
    struct wmsg m = { .type = WMSG_TITLE, .play = renders_next(s) ? s->next_play : s->play };
    char title[DEMUX_TITLE_BYTES];
    if (!packets_new_title(track_packets(render_track(s->render)), title))
        return;
    put_text(&m, title);
    send_message(s, &m);
}

/* Once for each play, before its end marker. */
static void tell_cut(struct serve *s, uint32_t play)
{
    const struct track *track = play == s->play ? s->track : s->next_track;
    if (s->told_cut == play || !track || !track_was_cut(track))
        return;
    s->told_cut = play;
    struct wmsg m = { .type = WMSG_WARNING, .play = play };
    m.warning.code = TUTTI_W_SOURCE_TRUNCATED;
    put_text(&m, "the source ends before its time");
    send_message(s, &m);
}

static enum tutti_error error_for(int r)
{
    if (r == -EBADMSG || r == -ENODATA)
        return TUTTI_E_DECODE_FAILED;
    return r == -ENOMEM ? TUTTI_E_INTERNAL : TUTTI_E_SOURCE_FAILED;
}

/* A seek that cannot be done leaves the play where it is: the daemon plays what lies ready and asks
 * for what comes after that. Anything else ends the play. */
static void render_failed(struct serve *s, int r)
{
    enum tutti_error code = error_for(r);
    log_info("worker", "rendering failed: %s", strerror(-r));
    if (s->announced && !s->how.exact && s->n_made == 0) {
        refuse_render(s, code);
        s->step = STEP_ENDED;
    } else {
        fail(s, code, code == TUTTI_E_INTERNAL ? "out of memory" : error_text(code));
    }
}

/* Opens the source that was handed over. Returns the track, or NULL with what to tell the client.
 */
static struct track *open_track(int fd, uint32_t depth_frames, enum tutti_error *ret_code,
                                const char **ret_text)
{
    struct source *source;
    struct track *track;
    *ret_code = TUTTI_E_INTERNAL;
    *ret_text = "out of memory";
    if (source_new(fd, &source) < 0) {
        (void)close(fd);
        *ret_code = TUTTI_E_SOURCE_FAILED;
        *ret_text = error_text(TUTTI_E_SOURCE_FAILED);
        return NULL;
    }
    size_t keep = (size_t)depth_frames * KEEP_BYTES_PER_FRAME;
    if (keep < 250 * KEEP_BYTES_PER_FRAME)
        keep = 250 * KEEP_BYTES_PER_FRAME;
    return track_new(source, keep, &track, ret_code, ret_text) < 0 ? NULL : track;
}

static void begin_open(struct serve *s, int fd)
{
    enum tutti_error code;
    const char *text;
    ring_set_state(&s->ring, RING_WORKER_OPENING);
    ring_producer_set_depth(&s->ring, s->open.depth_frames);
    s->track = open_track(fd, s->open.depth_frames, &code, &text);
    if (s->track && render_new(s->open.bitrate, s->open.complexity, &s->render) < 0) {
        track_free(TAKE_PTR(s->track));
        code = TUTTI_E_INTERNAL;
        text = "out of memory";
    }
    if (!s->track) {
        fail(s, code, text);
        return;
    }
    s->lane = s->open.render.lane;
    s->how = s->open.render;
    s->n_made = 0;
    s->filled = false;
    int r = render_begin(s->render, s->track, s->play, &s->open.render, &s->open.hint);
    if (r == -ESPIPE)
        fail(s, TUTTI_E_NOT_SEEKABLE, error_text(TUTTI_E_NOT_SEEKABLE));
    else if (r < 0)
        render_failed(s, r);
    else
        s->step = STEP_RENDER;
}

/* The next source is opened ahead of time; the current play hears nothing of it. */
static void take_next(struct serve *s, const struct wmsg *m, int fd)
{
    enum tutti_error code;
    const char *text;
    drop_next(s);
    struct track *track = open_track(fd, s->open.depth_frames, &code, &text);
    if (!track) {
        say_failed(s, m->play, code, text);
        return;
    }
    s->next_track = track;
    s->next_play = m->play;
    s->next_how = m->open.render;
    render_set_next(s->render, track, m->play, &s->next_how);
    say_opened(s, track, m->play, s->next_how.pos, s->next_how.gain == 1,
               render_is_late(s->render));
}

/* The last frame before the join was delivered: there is no way back. */
static void take_joined(struct serve *s)
{
    track_free(s->track);
    s->track = TAKE_PTR(s->next_track);
    s->play = s->next_play;
    s->next_play = 0;
}

static void take_message(struct serve *s, const struct wmsg *m, int fd)
{
    switch (m->type) {
    case WMSG_OPEN:
        end_play(s);
        s->play = m->play;
        s->open = m->open;
        if (fd >= 0)
            begin_open(s, fd);
        else
            fail(s, TUTTI_E_INTERNAL, "a source came without its descriptor");
        return;
    case WMSG_RENDER:
        if (m->play != s->play || s->step == STEP_IDLE)
            break;
        s->next = m->render;
        s->has_render = true;
        break;
    case WMSG_NEXT:
        if (fd < 0 || s->step == STEP_IDLE)
            break;
        take_next(s, m, fd);
        return;
    case WMSG_DROP_NEXT:
        if (m->play == s->next_play && s->next_track)
            drop_next(s);
        break;
    case WMSG_JOINED:
        if (m->play == s->next_play && renders_next(s))
            take_joined(s);
        break;
    case WMSG_CLOSE:
        if (m->play == s->play)
            close_play(s);
        break;
    default:
        break;
    }
    if (fd >= 0)
        (void)close(fd);
}

/* Takes one message. Returns false if there was none. */
static bool hear_one(struct serve *s, int flags)
{
    uint8_t bytes[WMSG_MAX];
    int fds[1] = { -1 };
    size_t n_fds = 0;
    ssize_t len = fd_recv(s->sock, bytes, sizeof bytes, fds, 1, &n_fds, flags);
    if (len == -EAGAIN)
        return false;
    struct wmsg m;
    if (len <= 0) {
        if (len < 0)
            log_error("worker", "socket: %s", strerror((int)-len));
        s->done = true;
        return false;
    }
    int fd = n_fds > 0 ? fds[0] : -1;
    if (wmsg_decode(bytes, (size_t)len, &m) < 0) {
        log_error("worker", "an ill-formed message");
        if (fd >= 0)
            (void)close(fd);
        s->done = true;
        return false;
    }
    take_message(s, &m, fd);
    return true;
}

/* Of several changes that wait only the newest is rendered. */
static void hear_all(struct serve *s)
{
    while (!s->done && hear_one(s, MSG_DONTWAIT))
        ;
}

static void begin_render(struct serve *s, uint64_t now_ns)
{
    s->has_render = false;
    s->how = s->next;
    s->in_burst = true;
    s->burst_until_ns = now_ns + QUIET_NS;
    struct track_info info;
    track_get_info(s->track, &info);
    if (!info.seekable && s->next.pos > 0 && !s->next.exact) {
        refuse_render(s, TUTTI_E_NOT_SEEKABLE);
        return;
    }
    if (s->next_track) /* a join that was made already is made anew */
        render_set_next(s->render, s->next_track, s->next_play, &s->next_how);
    int r = render_begin(s->render, s->track, s->play, &s->next, NULL);
    s->frame_waits = false;
    s->lane = s->next.lane;
    s->n_made = 0;
    s->filled = false;
    s->step = STEP_RENDER;
    if (r < 0)
        render_failed(s, r);
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
    if ((s->frame.record.flags & (RING_END | RING_JOIN)) == RING_END)
        s->step = STEP_ENDED;
    if (may_ring(s) && ring_consumer_waits(&s->ring))
        send_plain(s, WMSG_BELL);
}

/* Makes one frame, or puts the one that had no room. Returns false when the ring has no room. */
static bool step_render(struct serve *s)
{
    if (!s->frame_waits) {
        int r = render_next(s->render, &s->frame);
        if (r <= 0) {
            if (r < 0)
                render_failed(s, r);
            return true;
        }
        if (!s->announced)
            announce(s, &s->frame);
        else
            tell_title(s);
        if (s->frame.record.flags & RING_END)
            tell_cut(s, s->frame.record.play);
    }
    s->frame_waits = ring_put(&s->ring, s->lane, &s->frame.record, s->frame.bytes) < 0;
    if (s->frame_waits)
        return false;
    after_put(s);
    return true;
}

/* What the consumer has taken will not be rendered again, nor the little before it that is in its
 * hands. */
static void forget_delivered(struct serve *s)
{
    if (renders_next(s))
        return; /* what of the current play was delivered is not to be seen from here */
    int64_t waiting = ring_producer_fill(&s->ring, s->lane);
    int64_t pos = s->frame.record.pos - waiting * AUDIO_FRAME_SAMPLES;
    track_forget(s->track, pos - AUDIO_RATE / 2);
    log_debug("worker", "%zu bytes of packets are kept",
              packets_kept_bytes(track_packets(s->track)));
}

/* On the way to its depth a worker that has enough in hand gives way now and then: when dozens of
 * plays start at once, the last of them must not wait until the first have filled their rings. */
static bool gives_way(const struct serve *s, uint32_t fill)
{
    return !s->filled && fill >= BURST_FRAMES && s->n_made % FILL_STEP_FRAMES == 0;
}

/* Renders until the ring is full, a command comes, or the end. Returns false when it is time to
 * wait. */
static bool render_run(struct serve *s)
{
    ring_set_state(&s->ring, RING_WORKER_DECODING);
    while (!s->done && !s->has_render && s->step == STEP_RENDER) {
        uint32_t fill = ring_producer_fill(&s->ring, s->lane);
        if (fill >= depth_now(s) || !step_render(s)) {
            s->filled |= s->frame_waits || fill >= s->open.depth_frames;
            forget_delivered(s);
            return false;
        }
        if (s->n_made % FORGET_EVERY_FRAMES == 0)
            forget_delivered(s); /* a consumer that takes everything at once never lets us rest */
        if (gives_way(s, fill))
            return false;
        uint64_t now_ns = clock_now_ns();
        if (now_ns - s->polled_ns >= POLL_NS) {
            s->polled_ns = now_ns;
            hear_all(s);
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

/* Sleeps unless a command comes. */
static void pause_for(struct serve *s, int ms)
{
    struct pollfd p = { .fd = s->sock, .events = POLLIN };
    if (poll(&p, 1, ms) > 0)
        hear_all(s);
}

/* Sleeps until the bell rings, a command comes, or commands have been quiet for long enough. */
static void wait_for_room(struct serve *s)
{
    ring_set_state(&s->ring, RING_WORKER_WAITING_ROOM);
    if (!s->in_burst && !s->filled &&
        ring_producer_fill(&s->ring, s->lane) < s->open.depth_frames) {
        pause_for(s, FILL_PAUSE_MS);
        return;
    }
    if (s->in_burst) {
        uint64_t now_ns = clock_now_ns();
        if (now_ns >= s->burst_until_ns) {
            s->in_burst = false;
            return;
        }
        pause_for(s, (int)((s->burst_until_ns - now_ns) / NS_PER_MS) + 1);
        return;
    }
    if (s->step == STEP_RENDER && !ring_producer_sleep(&s->ring, s->lane, low_water(s)))
        return;
    (void)hear_one(s, 0);
    hear_all(s);
}

static void serve_one(struct serve *s)
{
    if (s->has_render)
        begin_render(s, clock_now_ns());
    if (s->step == STEP_RENDER && render_run(s))
        return;
    if (s->step == STEP_RENDER) {
        wait_for_room(s);
        return;
    }
    ring_set_state(&s->ring, RING_WORKER_IDLE);
    (void)hear_one(s, 0);
    hear_all(s);
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
    send_plain(&s, WMSG_IDLE);
    while (!s.done)
        serve_one(&s);
    end_play(&s);
    ring_producer_done(&s.ring);
    (void)close(sock);
    return 0;
}
