/*
 * A stage for feeds: the pool is this file's, the workers' sockets and rings are the real ones, and
 * the test plays the processes behind them. One program a test: what the pool exports is defined
 * here. Packets tell what they are: the frame's number in the source and the volume.
 */
#ifndef TUTTI_TESTS_FEED_STAGE_H
#define TUTTI_TESTS_FEED_STAGE_H

#include "base/fd.h"
#include "feed/parts.h"
#include "loop.h"
#include "ring_pair.h"
#include "tree.h"

#include <utlist.h>

enum { STAGE_SLOTS = 64, STAGE_MAKERS = 4, STAGE_FEEDS = 2, STAGE_DEPTH = 50 };

/* What lies in a packet. */
struct stage_packet {
    int64_t frame;
    double volume;
};

/* A worker process, as far as the daemon sees it. */
struct maker {
    struct worker *worker; /* NULL: not there, or dead for the daemon */
    struct ring_producer ring;
    int sock;
    uint32_t play, next_play; /* 0: none */
    struct wmsg_render render;
    struct ring_hint hint; /* as OPEN said it */
    int64_t frame;         /* the next one to be made */
    unsigned n_opened, n_bells;
    bool closed;
};

/* A feed and its owner. */
struct stage_feed {
    struct feed *feed; /* NULL: none, or it has failed */
    unsigned n_found, n_ready, n_news, n_in_force, n_refused, n_failed, n_warnings, n_titles;
    unsigned n_durations;
    enum tutti_error code;
    enum tutti_warning warning;
    struct place in_force;
    struct ordinal ordinal;
    bool must_look;
};

struct pool_job {
    struct pool_job *prev, *next;
    pool_got_fn got;
    void *arg;
};

static struct {
    uv_loop_t loop;
    struct tree tree;
    struct roots *roots;
    struct locator *locator;
    struct pool_job *jobs;
    struct maker makers[STAGE_MAKERS];
    struct stage_feed feeds[STAGE_FEEDS];
    uint32_t n_workers;
    bool no_workers; /* the pool has no memory */
} stage;

/* ---- the pool ---- */

struct pool_job *pool_get_worker(struct pool *p, uint64_t patience_ms, pool_got_fn got, void *arg)
{
    struct pool_job *job = stage.no_workers ? NULL : calloc(1, sizeof *job);
    if (!job)
        return NULL;
    *job = (struct pool_job){ .got = got, .arg = arg };
    DL_APPEND(stage.jobs, job);
    return job;
}

void pool_cancel(struct pool *p, struct pool_job *job)
{
    DL_DELETE(stage.jobs, job);
    free(job);
}

void pool_release_worker(struct pool *p, struct worker *w)
{
    worker_close(w);
}

/* ---- makers ---- */

static inline void maker_say(struct maker *m, const struct wmsg *msg)
{
    uint8_t bytes[WMSG_MAX];
    size_t len = wmsg_encode(msg, bytes, sizeof bytes);
    assert_int_equal(fd_send(m->sock, bytes, len, NULL, 0, MSG_DONTWAIT), 0);
}

static inline void stage_turn(void)
{
    for (int i = 0; i < 3; i++)
        (void)uv_run(&stage.loop, UV_RUN_NOWAIT);
}

static inline void maker_take(struct maker *m, const struct wmsg *msg)
{
    switch (msg->type) {
    case WMSG_OPEN:
        m->play = msg->play;
        m->render = msg->open.render;
        m->hint = msg->open.hint;
        m->frame = m->render.pos / AUDIO_FRAME_SAMPLES;
        m->n_opened++;
        break;
    case WMSG_RENDER:
        m->render = msg->render;
        m->frame = m->render.pos / AUDIO_FRAME_SAMPLES;
        break;
    case WMSG_NEXT:
        m->next_play = msg->play;
        break;
    case WMSG_DROP_NEXT:
        m->next_play = 0;
        break;
    case WMSG_JOINED:
        m->play = m->next_play;
        m->next_play = 0;
        break;
    case WMSG_CLOSE:
        m->closed = true;
        break;
    case WMSG_BELL:
        m->n_bells++;
        break;
    default:
        break;
    }
}

/* Takes what the daemon has said. */
static inline void maker_hear(struct maker *m)
{
    uint8_t bytes[WMSG_MAX];
    int fds[1];
    size_t n_fds;
    ssize_t len;
    while ((len = fd_recv(m->sock, bytes, sizeof bytes, fds, 1, &n_fds, MSG_DONTWAIT)) > 0) {
        struct wmsg msg;
        if (n_fds > 0)
            (void)close(fds[0]);
        assert_int_equal(wmsg_decode(bytes, (size_t)len, &msg), 0);
        maker_take(m, &msg);
    }
}

static inline void maker_on_idle(struct worker *w, void *arg)
{
}

static inline void maker_on_gone(struct worker *w, void *arg)
{
    struct maker *m = arg;
    worker_free(w);
    m->worker = NULL;
}

static inline void maker_clear(struct maker *m)
{
    if (m->worker)
        worker_free(m->worker);
    if (m->sock > 0) {
        (void)close(m->sock);
        ring_producer_done(&m->ring);
    }
    memset(m, 0, sizeof *m);
}

/* A new worker for the feed that has waited longest; the maker has heard what it is to open. */
static inline struct maker *stage_give_worker(void)
{
    struct ring_shape shape = ring_shape_for(STAGE_SLOTS);
    struct pool_job job = *stage.jobs;
    struct maker *m = stage.makers;
    int ring_fd;
    while (m->worker)
        m++;
    assert_true(m < stage.makers + STAGE_MAKERS);
    maker_clear(m);
    struct worker_pool_ops ops = { .idle = maker_on_idle, .gone = maker_on_gone, .arg = m };
    assert_int_equal(
        worker_new(&stage.loop, ++stage.n_workers, &shape, &ops, &m->worker, &m->sock, &ring_fd),
        0);
    assert_int_equal(ring_producer_init(&m->ring, ring_fd, &shape), 0);
    assert_int_equal(close(ring_fd), 0);
    worker_spawned(m->worker, 1 << 23); /* no process has that number */
    maker_say(m, &(struct wmsg){ .type = WMSG_IDLE });
    stage_turn();
    pool_cancel(NULL, stage.jobs);
    job.got(m->worker, job.arg);
    maker_hear(m);
    return m;
}

static inline void maker_put_record(struct maker *m, const struct ring_record *r)
{
    struct stage_packet packet = { r->pos / AUDIO_FRAME_SAMPLES, m->render.sound.volume };
    struct ring_record record = *r;
    record.gen = m->render.gen;
    record.len = (r->flags & RING_END) ? 0 : sizeof packet;
    assert_int_equal(ring_put(&m->ring, m->render.lane, &record, &packet), 0);
}

/* Makes so many frames of what it was asked for last. */
static inline void maker_put(struct maker *m, unsigned n)
{
    for (; n > 0 && ring_producer_fill(&m->ring, m->render.lane) < STAGE_DEPTH; n--) {
        struct ring_record r = { .pos = m->frame++ * AUDIO_FRAME_SAMPLES,
                                 .play = m->play,
                                 .hint = { m->frame, m->frame } };
        maker_put_record(m, &r);
    }
}

/* The same, and rings if that was asked for. */
static inline void maker_make(struct maker *m, unsigned n)
{
    maker_put(m, n);
    if (ring_consumer_waits(&m->ring))
        maker_say(m, &(struct wmsg){ .type = WMSG_BELL });
    stage_turn();
}

static inline void maker_end(struct maker *m, unsigned flags)
{
    maker_put_record(m, &(struct ring_record){ .pos = m->frame * AUDIO_FRAME_SAMPLES,
                                               .play = m->play,
                                               .flags = (uint16_t)(RING_END | flags) });
}

static inline void maker_say_opened(struct maker *m, uint32_t play)
{
    struct wmsg opened = { .type = WMSG_OPENED, .play = play };
    opened.opened.length.duration = -1;
    opened.opened.seekable = 1;
    maker_say(m, &opened);
    stage_turn();
}

static inline void maker_say_failed(struct maker *m, enum wmsg_type type, enum tutti_error code)
{
    struct wmsg failed = { .type = type, .play = m->play };
    failed.failed.code = code;
    failed.failed.gen = m->render.gen;
    (void)snprintf(failed.text, sizeof failed.text, "because");
    maker_say(m, &failed);
    stage_turn();
}

static inline void maker_die(struct maker *m, enum ring_worker_state doing)
{
    ring_set_state(&m->ring, doing);
    (void)shutdown(m->sock, SHUT_RDWR);
    stage_turn();
    assert_null(m->worker);
}

/* ---- feeds and their owner ---- */

static inline void stage_on_found(void *arg)
{
    ((struct stage_feed *)arg)->n_found++;
}

static inline void stage_on_ready(void *arg)
{
    ((struct stage_feed *)arg)->n_ready++;
}

static inline void stage_on_news(void *arg)
{
    ((struct stage_feed *)arg)->n_news++;
}

static inline void stage_on_look_soon(void *arg)
{
    ((struct stage_feed *)arg)->must_look = true;
}

static inline void stage_on_in_force(struct place place, struct ordinal ordinal, void *arg)
{
    struct stage_feed *s = arg;
    s->n_in_force++;
    s->in_force = place;
    s->ordinal = ordinal;
}

static inline void stage_on_refused(enum tutti_error code, const char *why, void *arg)
{
    struct stage_feed *s = arg;
    assert_true(why[0] != '\0');
    s->n_refused++;
    s->code = code;
}

static inline void stage_on_failed(enum tutti_error code, const char *why, void *arg)
{
    struct stage_feed *s = arg;
    assert_true(why[0] != '\0');
    s->n_failed++;
    s->code = code;
    feed_free(s->feed);
    s->feed = NULL;
}

static inline void stage_on_warning(enum tutti_warning code, const char *why, void *arg)
{
    struct stage_feed *s = arg;
    s->n_warnings++;
    s->warning = code;
}

static inline void stage_on_title(void *arg)
{
    ((struct stage_feed *)arg)->n_titles++;
}

static inline void stage_on_duration(void *arg)
{
    ((struct stage_feed *)arg)->n_durations++;
}

static const struct feed_ops stage_ops = {
    .found = stage_on_found,
    .ready = stage_on_ready,
    .news = stage_on_news,
    .look_soon = stage_on_look_soon,
    .in_force = stage_on_in_force,
    .refused = stage_on_refused,
    .failed = stage_on_failed,
    .warning = stage_on_warning,
    .title = stage_on_title,
    .duration = stage_on_duration,
};

static inline struct stage_feed *stage_add_feed(const char *file, bool waits_turn)
{
    struct stage_feed *s = stage.feeds;
    char why[LOCATE_WHY_MAX];
    while (s->feed)
        s++;
    assert_true(s < stage.feeds + STAGE_FEEDS);
    memset(s, 0, sizeof *s);
    struct feed_deps deps = { .locator = stage.locator };
    struct want want = { .sound = SOUND_PLAIN, .make = { .depth_frames = STAGE_DEPTH } };
    s->feed = feed_new(&stage_ops, s, &deps, tree_path(&stage.tree, file), &want);
    assert_non_null(s->feed);
    assert_int_equal(feed_start(s->feed, waits_turn, why), TUTTI_OK);
    return s;
}

/* As the loop does when the frames have left. */
static inline void stage_run(struct stage_feed *s)
{
    while (s->feed && s->must_look) {
        s->must_look = false;
        if (!feed_run(s->feed))
            return;
        for (struct maker *m = stage.makers; m < stage.makers + STAGE_MAKERS; m++)
            if (m->worker)
                maker_hear(m);
    }
}

static inline bool stage_has_job(void *arg)
{
    return stage.jobs != NULL;
}

static inline void stage_await_job(void)
{
    assert_true(loop_until(&stage.loop, stage_has_job, NULL));
}

/* A feed with a worker that has made so many frames. */
static inline struct maker *stage_begin(struct stage_feed **ret, unsigned n_frames)
{
    *ret = stage_add_feed("music/song.mp3", false);
    stage_await_job();
    struct maker *m = stage_give_worker();
    ring_set_state(&m->ring, RING_WORKER_DECODING);
    maker_say_opened(m, m->play);
    maker_make(m, n_frames);
    stage_run(*ret);
    return m;
}

/* Delivers a frame. Returns false when there is none. */
static inline bool stage_hear(struct stage_feed *s, struct stage_packet *ret)
{
    const uint8_t *packet;
    uint32_t len;
    if (feed_peek(s->feed, &packet, &len) != FEED_FRAME)
        return false;
    assert_int_equal(len, sizeof *ret);
    memcpy(ret, packet, sizeof *ret);
    feed_took(s->feed);
    return true;
}

/* The number of the next frame; −1 where there is none. What it entails is done. */
static inline int64_t stage_next(struct stage_feed *s)
{
    struct stage_packet p;
    bool heard = stage_hear(s, &p);
    stage_run(s);
    return heard ? p.frame : -1;
}

static inline void stage_hear_frames(struct stage_feed *s, int64_t first, int64_t last)
{
    for (int64_t i = first; i <= last; i++)
        assert_int_equal(stage_next(s), i);
}

static inline int stage_up(void **state)
{
    size_t bad;
    memset(&stage, 0, sizeof stage);
    tree_make(&stage.tree);
    const char *dirs[] = { tree_path(&stage.tree, "music") };
    assert_int_equal(uv_loop_init(&stage.loop), 0);
    assert_int_equal(roots_new(dirs, 1, &stage.roots, &bad), 0);
    struct locator_config config = { .loop = &stage.loop, .roots = stage.roots };
    stage.locator = locator_new(&config);
    assert_non_null(stage.locator);
    return 0;
}

static inline int stage_down(void **state)
{
    for (struct stage_feed *s = stage.feeds; s < stage.feeds + STAGE_FEEDS; s++)
        feed_free(s->feed);
    assert_null(stage.jobs);
    for (struct maker *m = stage.makers; m < stage.makers + STAGE_MAKERS; m++)
        maker_clear(m);
    locator_free(stage.locator);
    loop_end(&stage.loop);
    roots_free(stage.roots);
    tree_remove(&stage.tree);
    return 0;
}

#define STAGE_TEST(fn) cmocka_unit_test_setup_teardown(fn, stage_up, stage_down)

#endif
