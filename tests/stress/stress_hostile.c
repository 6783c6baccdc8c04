/*
 * The daemon's sessions against workers that write anything at all, in one process and thus fast:
 * the sessions, the worker's socket and the ring are the real ones, the pool makes enemies.
 *
 *   stress_hostile [MUTATIONS]
 */
#include "base/fd.h"
#include "base/log.h"
#include "hostile.h"
#include "session/sessions.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <utlist.h>

enum {
    SEATS = 6,
    USUAL_MUTATIONS = 3000000,
    TURN = 24,            /* mutations of each enemy between two turns of the loop */
    NO_PROCESS = 1 << 23, /* above any real one: nobody is hurt */
};

struct enemy {
    struct enemy *prev, *next;
    struct worker *worker; /* NULL when it is dead for the daemon */
    struct hostile hostile;
    struct ring_producer ring;
    bool opened;
};

struct pool_job {
    struct pool_job *prev, *next;
    pool_got_fn got;
    void *arg;
};

static struct {
    uv_loop_t loop;
    struct sessions *sessions;
    struct roots *roots;
    struct locator *locator;
    struct outlet outlets[SEATS + 1]; /* by channel */
    struct enemy *enemies;
    struct pool_job *jobs;
    unsigned seats;
    uint32_t n_workers;
    struct hostile dice;
    uint64_t n_mutations, n_plays, n_ends, n_frames, n_events, n_asked, n_answered;
    volatile unsigned sum; /* of every byte that was heard: each is read */
    bool stopped;
} f;

/* Thousands die; nobody wants to read of it. */
void __wrap_log_line(enum log_level level, const char *topic, const char *fmt, ...);
void __wrap_log_line(enum log_level level, const char *topic, const char *fmt, ...)
{
}

/* ---- the pool, in place of the real one ---- */

int pool_take_seat(struct pool *p)
{
    if (f.seats >= SEATS)
        return -EBUSY;
    f.seats++;
    return 0;
}

void pool_give_seat(struct pool *p)
{
    f.seats--;
}

struct pool_job *pool_get_worker(struct pool *p, uint64_t patience_ms, pool_got_fn got, void *arg)
{
    struct pool_job *job = calloc(1, sizeof *job);
    assert(job);
    job->got = got;
    job->arg = arg;
    DL_APPEND(f.jobs, job);
    return job;
}

void pool_cancel(struct pool *p, struct pool_job *job)
{
    DL_DELETE(f.jobs, job);
    free(job);
}

void pool_release_worker(struct pool *p, struct worker *w)
{
    worker_close(w);
}

unsigned pool_active_count(const struct pool *p)
{
    return f.seats;
}

struct pool_counts pool_counts(const struct pool *p)
{
    return (struct pool_counts){ .max = SEATS };
}

/* ---- the enemies ---- */

static void drop_enemy(struct enemy *e)
{
    DL_DELETE(f.enemies, e);
    if (e->worker)
        worker_free(e->worker);
    (void)close(e->hostile.sock);
    ring_producer_done(&e->ring);
    free(e);
}

static void on_idle(struct worker *w, void *arg)
{
}

static void on_gone(struct worker *w, void *arg)
{
    struct enemy *e = arg;
    worker_free(w);
    e->worker = NULL;
}

static void make_enemy(void)
{
    struct ring_shape shape = ring_shape_for(25);
    struct enemy *e = calloc(1, sizeof *e);
    assert(e);
    struct worker_pool_ops ops = { .idle = on_idle, .gone = on_gone, .arg = e };
    int ring_fd;
    int r =
        worker_new(&f.loop, ++f.n_workers, &shape, &ops, &e->worker, &e->hostile.sock, &ring_fd);
    assert(r == 0);
    r = ring_producer_init(&e->ring, ring_fd, &shape);
    assert(r == 0);
    (void)close(ring_fd);
    e->hostile.ring = &e->ring;
    DL_APPEND(f.enemies, e);
    worker_spawned(e->worker, NO_PROCESS);
    uint8_t bytes[WMSG_MAX];
    struct wmsg idle = { .type = WMSG_IDLE };
    (void)fd_send(e->hostile.sock, bytes, wmsg_encode(&idle, bytes, sizeof bytes), NULL, 0, 0);
}

static void serve_jobs(void)
{
    struct enemy *e, *tmp;
    DL_FOREACH_SAFE(f.enemies, e, tmp)
    {
        struct pool_job *job = f.jobs;
        if (!job)
            return;
        if (!e->worker || worker_state(e->worker) != WORKER_IDLE)
            continue;
        pool_got_fn got = job->got;
        void *arg = job->arg;
        pool_cancel(NULL, job);
        got(e->worker, arg);
    }
    if (f.jobs)
        make_enemy();
}

static void act(struct enemy *e)
{
    if (!e->opened) {
        hostile_hear(&e->hostile);
        if (e->hostile.open.type != WMSG_OPEN)
            return;
        e->opened = true;
        hostile_begin(&e->hostile, ((uint64_t)f.n_workers << 32) + 0x9e3779b9);
    }
    for (unsigned i = 0; i < TURN && !e->hostile.cut_off; i++, f.n_mutations++)
        hostile_mutate(&e->hostile);
    hostile_hear(&e->hostile);
}

/* Some die of their own accord; who was cut off is gone. */
static void let_enemies_act(void)
{
    struct enemy *e, *tmp;
    DL_FOREACH_SAFE(f.enemies, e, tmp)
    {
        if (e->worker && !e->hostile.cut_off)
            act(e);
        if (e->hostile.cut_off || !e->worker || hostile_below(&f.dice, 500) == 0)
            (void)shutdown(e->hostile.sock, SHUT_RDWR);
        if (!e->worker)
            drop_enemy(e);
    }
}

/* The daemon wakes a worker in the middle of reading its ring. */
bool __real_worker_wake(struct worker *w, unsigned lane);
bool __wrap_worker_wake(struct worker *w, unsigned lane);
bool __wrap_worker_wake(struct worker *w, unsigned lane)
{
    struct enemy *e;
    DL_FOREACH(f.enemies, e)
    {
        if (e->worker == w && e->opened)
            hostile_refill(&e->hostile, lane);
    }
    return __real_worker_wake(w, lane);
}

/* ---- the client ---- */

static void on_frame(struct outlet *o, uint32_t sequence, const uint8_t *packet, uint32_t len)
{
    assert(len <= 1275 && (len == 0 || packet));
    for (uint32_t i = 0; i < len; i++)
        f.sum += packet[i];
    f.n_frames++;
}

static uint32_t on_credit(struct outlet *o)
{
    return o->channel % 2 ? 1 + hostile_below(&f.dice, 4) : hostile_below(&f.dice, 2);
}

static void on_spend(struct outlet *o)
{
}

static void on_flush(void *arg)
{
}

static void on_event(const struct event *e, const struct ticket *answer, uint64_t owner, void *arg)
{
    f.n_events++;
    f.n_answered += answer != NULL;
    bool ends = e->type == EVENT_FINISHED || e->type == EVENT_STOPPED || e->type == EVENT_ERROR;
    f.n_ends += ends && e->play_id != NULL;
    if (e->message)
        assert(e->message[0] != '\0' && !strchr(e->message, '\n'));
}

static struct ticket ask(void)
{
    return (struct ticket){ .number = ++f.n_asked, .owner = 1 };
}

static void play(uint64_t channel, const char *url)
{
    struct play_request request = {
        .play_id = "",
        .url = url,
        .volume = 1,
        .position = hostile_below(&f.dice, 3) ? 0 : 48000,
        .paused = hostile_below(&f.dice, 8) == 0,
        .cut = hostile_below(&f.dice, 4) == 0,
        .next = hostile_below(&f.dice, 3) == 0,
        .ticket = ask(),
        .owner = 1,
        .outlet = &f.outlets[channel],
    };
    sessions_play(f.sessions, channel, &request);
    f.n_plays++;
}

static void command(const char *url)
{
    struct ticket ticket;
    uint64_t channel = 1 + hostile_below(&f.dice, SEATS);
    switch (hostile_below(&f.dice, 12)) {
    case 0:
        ticket = ask();
        sessions_pause(f.sessions, channel, &ticket);
        break;
    case 1:
    case 2:
        ticket = ask();
        sessions_resume(f.sessions, channel, &ticket);
        break;
    case 3:
        ticket = ask();
        sessions_volume(f.sessions, channel, hostile_below(&f.dice, 3), hostile_below(&f.dice, 2),
                        &ticket);
        break;
    case 4:
        ticket = ask();
        sessions_seek(f.sessions, channel, hostile_below(&f.dice, 480000), &ticket);
        break;
    case 5:
        if (hostile_below(&f.dice, 4) != 0)
            break;
        ticket = ask();
        sessions_stop(f.sessions, channel, NULL, &ticket);
        break;
    default:
        if (f.seats < SEATS || hostile_below(&f.dice, 20) == 0)
            play(channel, url);
        break;
    }
    outlet_tell(&f.outlets[channel]);
}

static void fight(const char *url, uint64_t n_mutations)
{
    while (f.n_mutations < n_mutations) {
        command(url);
        serve_jobs();
        let_enemies_act();
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    }
}

static void end(void)
{
    sessions_shutdown(f.sessions);
    assert(f.seats == 0 && !f.jobs);
    assert(f.n_answered == f.n_asked);
    for (uint64_t channel = 1; channel <= SEATS; channel++)
        assert(f.outlets[channel].n_holders == 1 && !f.outlets[channel].plug);
    while (f.enemies)
        drop_enemy(f.enemies);
    sessions_free(f.sessions);
    locator_free(f.locator);
    while (uv_run(&f.loop, UV_RUN_ONCE) != 0)
        ;
    int r = uv_loop_close(&f.loop);
    assert(r == 0);
    roots_free(f.roots);
}

int main(int argc, char **argv)
{
    static const struct outlet_ops outlet_ops = { .frame = on_frame,
                                                  .credit = on_credit,
                                                  .spend = on_spend };
    char directory[] = "/tmp/tutti-hostile-XXXXXX", url[64];
    uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : USUAL_MUTATIONS;
    size_t bad;
    if (!mkdtemp(directory))
        return 1;
    (void)snprintf(url, sizeof url, "%s/song", directory);
    FILE *file = fopen(url, "w");
    if (!file || fclose(file) != 0)
        return 1;
    f.dice.dice = 88172645463325252u;
    for (uint64_t channel = 1; channel <= SEATS; channel++)
        f.outlets[channel] = (struct outlet){
            .ops = &outlet_ops, .channel = channel, .flow = OUTLET_CREDIT, .n_holders = 1
        };
    (void)uv_loop_init(&f.loop);
    int r = roots_new((const char *const[]){ directory }, 1, &f.roots, &bad);
    assert(r == 0);
    struct locator_config locator = { .loop = &f.loop, .roots = f.roots };
    f.locator = locator_new(&locator);
    struct sessions_deps deps = { .loop = &f.loop,
                                  .locator = f.locator,
                                  .config = { .depth_frames = 25, .bitrate = 128000 },
                                  .event = on_event,
                                  .flush = on_flush };
    r = sessions_new(&deps, &f.sessions);
    assert(r == 0);
    fight(url, n);
    end();
    (void)unlink(url);
    (void)rmdir(directory);
    printf("%" PRIu64 " mutations by %u workers, %" PRIu64 " plays, %" PRIu64 " events, %" PRIu64
           " frames\n",
           f.n_mutations, f.n_workers, f.n_plays, f.n_events, f.n_frames);
    return f.n_frames > 0 ? 0 : 1;
}
