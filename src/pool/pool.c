#include "pool/pool.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "pool/gate.h"
#include "pool/reaper.h"
#include "pool/watchdog.h"
#include "pool/worker_log.h"
#include "pool/zygote.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <utlist.h>

enum {
    SHUTDOWN_PATIENCE_MS = 1000,
    HOUSEKEEPING_MS = 1000,
    DEATHS_A_SECOND = 10, /* that are made up for without delay, for ever */
    SCARCE_PAUSE_MS = 500,
    STILLBORN_MAX = 4,
};

struct member {
    struct member *prev, *next;
    struct worker *worker;
    struct pool *pool;
    struct watch watch;
};

struct pool_job {
    struct pool_job *prev, *next;
    pool_got_fn got;
    void *arg;
    uint64_t due_ms; /* it waits no longer than this for the gate */
};

struct pool {
    uv_loop_t *loop;
    struct pool_config config;
    struct zygote *zygote;
    struct reaper *reaper;
    struct worker_log *log;
    struct member *workers; /* the most recently idle ones first */
    unsigned n_workers;
    struct pool_job *jobs; /* waiting, the oldest first */
    unsigned n_jobs;
    unsigned seats_taken;
    uint32_t next_id;
    uint64_t restarts;
    struct gate gate;
    bool is_scarce;       /* none could be made since the last one was */
    unsigned n_stillborn; /* in a row: died before they were ready */
    uv_timer_t held;      /* jobs are held back until the gate opens, or they are due */
    uv_timer_t housekeeping;
    uv_timer_t watchdog;
    struct watch_limits limits[WATCH_TASK_COUNT];
    struct watch zygote_watch;
    uint32_t n_spawned; /* answers of the zygote */
    unsigned turn;      /* of the watchdog */
    uv_idle_t serve;    /* runs jobs from the loop, never from inside a caller */
    bool shutting_down;
    unsigned open_handles;
    void (*done)(void *arg);
    void *done_arg;
};

static void maintain(struct pool *p);
static void do_without(struct pool *p, const char *why);
static void on_shutdown_step(uv_idle_t *handle);

/* Starting a handle that is active would keep its old callback. */
static void step_shutdown_soon(struct pool *p)
{
    (void)uv_idle_stop(&p->serve);
    (void)uv_idle_start(&p->serve, on_shutdown_step);
}

static bool is_in(const struct member *m, enum worker_state state)
{
    return worker_state(m->worker) == state;
}

static unsigned count_in(const struct pool *p, enum worker_state state)
{
    unsigned n = 0;
    const struct member *m;
    DL_FOREACH(p->workers, m)
    {
        n += is_in(m, state);
    }
    return n;
}

/* Workers that will be idle soon. */
static unsigned count_coming(const struct pool *p)
{
    return count_in(p, WORKER_SPAWNING) + count_in(p, WORKER_CLOSING);
}

/* Forgets a worker: its socket is closed, which ends the process if it still runs. */
static void drop_member(struct pool *p, struct member *m)
{
    assert(p->n_workers > 0);
    DL_DELETE(p->workers, m);
    p->n_workers--;
    pid_t pid = worker_pid(m->worker);
    if (worker_state(m->worker) != WORKER_IDLE && pid > 0)
        (void)kill(pid, SIGKILL);
    worker_free(m->worker);
    if (pid > 0)
        reaper_watch(p->reaper, pid);
    free(m);
}

static void on_worker_idle(struct worker *w, void *arg)
{
    struct member *m = arg;
    DL_DELETE(m->pool->workers, m);
    DL_PREPEND(m->pool->workers, m);
    m->pool->is_scarce = false;
    m->pool->n_stillborn = 0;
    maintain(m->pool);
}

static void on_worker_gone(struct worker *w, void *arg)
{
    struct member *m = arg;
    struct pool *p = m->pool;
    bool was_ready = worker_was_ready(w);
    p->restarts++;
    gate_note_death(&p->gate, uv_now(p->loop));
    drop_member(p, m);
    if (!was_ready && ++p->n_stillborn >= STILLBORN_MAX)
        do_without(p, "it dies before it is ready");
    else
        maintain(p);
}

/* A new member leads the pool's news to it; it is in the list before the zygote can answer. */
static int spawn_worker(struct pool *p)
{
    if (p->n_workers >= 2 * p->config.max_seats + p->config.warm)
        return -EBUSY;
    if (!zygote_is_up(p->zygote))
        return -ENOTCONN;
    struct member *m = calloc(1, sizeof *m);
    if (!m)
        return -ENOMEM;
    m->pool = p;
    struct worker_pool_ops ops = { .idle = on_worker_idle, .gone = on_worker_gone, .arg = m };
    int sock_fd, memory_fd;
    uint32_t id = ++p->next_id;
    int r = worker_new(p->loop, id, &p->config.ring, &ops, &m->worker, &sock_fd, &memory_fd);
    if (r < 0) {
        free(m);
        return r;
    }
    AUTO_FD int sock = sock_fd;
    AUTO_FD int ring_fd = memory_fd;
    r = zygote_spawn(p->zygote, id, &p->config.ring, sock, ring_fd);
    if (r < 0) {
        worker_free(m->worker);
        free(m);
        return r;
    }
    DL_APPEND(p->workers, m);
    p->n_workers++;
    return 0;
}

static void on_spawned(uint32_t id, int32_t result, void *arg)
{
    struct pool *p = arg;
    struct member *m;
    p->n_spawned++;
    DL_FOREACH(p->workers, m)
    {
        if (worker_id(m->worker) != id)
            continue;
        if (result > 0) {
            worker_spawned(m->worker, result);
        } else {
            drop_member(p, m);
            do_without(p, strerror(-result));
        }
        return;
    }
    /* It was given up meanwhile; its socket is closed, so that it ends by itself. */
    if (result > 0)
        reaper_watch(p->reaper, result);
}

static void on_zygote_died(pid_t pgid, void *arg)
{
    struct pool *p = arg;
    struct member *m, *tmp;
    if (pgid > 0)
        reaper_adopt_group(p->reaper, pgid);
    DL_FOREACH_SAFE(p->workers, m, tmp)
    {
        if (is_in(m, WORKER_SPAWNING))
            drop_member(p, m);
    }
    maintain(p);
    if (p->shutting_down)
        step_shutdown_soon(p);
}

static void on_zygote_up(void *arg)
{
    maintain(arg);
}

static void finish_job(struct pool *p, struct pool_job *job, struct worker *w)
{
    pool_got_fn got = job->got;
    void *arg = job->arg;
    pool_cancel(p, job);
    got(w, arg);
}

static struct worker *idle_worker(struct pool *p)
{
    struct member *m;
    DL_FOREACH(p->workers, m)
    {
        if (is_in(m, WORKER_IDLE))
            return m->worker;
    }
    return NULL;
}

/* The jobs that cannot wait for the gate, or for a zygote: how many, the oldest and the youngest.
 */
struct ready {
    unsigned n;
    struct pool_job *first, *last;
};

static struct ready find_ready(struct pool *p)
{
    uint64_t now_ms = uv_now(p->loop);
    bool closed = gate_closed_ms(&p->gate, now_ms) > 0 || zygote_is_hopeless(p->zygote);
    struct ready ready = { 0 };
    struct pool_job *job;
    DL_FOREACH(p->jobs, job)
    {
        if (closed && job->due_ms > now_ms)
            continue;
        if (ready.n++ == 0)
            ready.first = job;
        ready.last = job;
    }
    return ready;
}

/* A worker could not be made, for want of memory, descriptors or processes. Jobs that can wait do;
 * of those that cannot, the youngest is told, unless enough are coming for all. */
static void do_without(struct pool *p, const char *why)
{
    if (!p->is_scarce)
        log_error("pool", "cannot make a worker: %s", why);
    p->is_scarce = true;
    gate_shut(&p->gate, uv_now(p->loop) + SCARCE_PAUSE_MS);
    struct ready ready = find_ready(p);
    if (ready.n > count_coming(p))
        finish_job(p, ready.last, NULL);
    maintain(p);
}

static void serve_jobs(struct pool *p)
{
    struct pool_job *job;
    struct worker *w;
    while ((job = find_ready(p).first) != NULL && (w = idle_worker(p)) != NULL)
        finish_job(p, job, w);
    while (zygote_is_hopeless(p->zygote) && (job = find_ready(p).first) != NULL)
        finish_job(p, job, NULL);
}

static void on_held(uv_timer_t *timer)
{
    maintain(timer->data);
}

/* Too many have died of late, or none can be made: comes back when the gate opens, or the first
 * that waits is due. */
static void hold_back(struct pool *p)
{
    uint64_t now_ms = uv_now(p->loop);
    uint64_t wait_ms = gate_closed_ms(&p->gate, now_ms);
    const struct pool_job *job;
    if (wait_ms == 0)
        return;
    DL_FOREACH(p->jobs, job)
    {
        if (job->due_ms > now_ms && job->due_ms - now_ms < wait_ms)
            wait_ms = job->due_ms - now_ms;
    }
    (void)uv_timer_start(&p->held, on_held, wait_ms, 0);
}

/* Keeps as many workers coming as jobs wait for, and the warm ones unless too many die. */
static void spawn_wanted(struct pool *p)
{
    bool closed = gate_closed_ms(&p->gate, uv_now(p->loop)) > 0;
    unsigned wanted = closed ? find_ready(p).n : p->n_jobs + p->config.warm;
    unsigned there = count_coming(p) + count_in(p, WORKER_IDLE);
    int r = 0;
    if (closed)
        hold_back(p);
    for (; r == 0 && there < wanted; there++)
        r = spawn_worker(p);
    /* While some are coming there is hope: at the latest when they are there it is tried again. */
    if (r < 0 && r != -ENOTCONN && r != -EBUSY && count_coming(p) == 0)
        do_without(p, strerror(-r));
}

static void on_serve(uv_idle_t *handle)
{
    struct pool *p = handle->data;
    (void)uv_idle_stop(handle);
    serve_jobs(p);
    spawn_wanted(p);
}

static void on_housekeeping(uv_timer_t *timer)
{
    struct pool *p = timer->data;
    uint64_t now_ms = uv_now(p->loop);
    unsigned idle = count_in(p, WORKER_IDLE);
    struct member *m, *tmp;
    bool more = false;
    DL_FOREACH_SAFE(p->workers, m, tmp)
    {
        if (is_in(m, WORKER_IDLE) && idle > p->config.warm) {
            if (now_ms - worker_idle_since_ms(m->worker) >= p->config.idle_ms) {
                idle--;
                drop_member(p, m);
            } else {
                more = true;
            }
        }
    }
    if (!more)
        (void)uv_timer_stop(timer);
}

/* Returns NULL, or why the process is to be ended. */
static const char *watch_process(struct pool *p, struct watch *w, pid_t pid,
                                 const struct watch_pulse *pulse)
{
    struct watch_time time = { 0 };
    if (watch_wants_time(w, pulse, p->turn + (unsigned)pid))
        time = watch_ask(pid);
    return watch_judge(w, pulse, &time, &p->limits[pulse->task]);
}

static bool awaits_pid(const struct pool *p)
{
    const struct member *m;
    DL_FOREACH(p->workers, m)
    {
        if (worker_pid(m->worker) <= 0)
            return true;
    }
    return false;
}

/* The death of one that is kicked is told, and with it go those who wait for it. */
static void watch_zygote(struct pool *p)
{
    struct watch_pulse pulse = {
        .task = WATCH_ANSWER,
        .progress = p->n_spawned,
        .may_rest = !awaits_pid(p),
    };
    pid_t pid = zygote_pid(p->zygote);
    if (pid > 0 && !watch_process(p, &p->zygote_watch, pid, &pulse))
        return;
    p->zygote_watch = (struct watch){ 0 };
    zygote_kick(p->zygote);
}

/* worker_kill takes effect from the loop, so that the list stays as it is. */
static void on_watch(uv_timer_t *timer)
{
    struct pool *p = timer->data;
    struct member *m;
    p->turn++;
    watch_zygote(p);
    DL_FOREACH(p->workers, m)
    {
        pid_t pid = worker_pid(m->worker);
        if (pid <= 0)
            continue;
        struct watch_pulse pulse = worker_pulse(m->worker);
        const char *why = watch_process(p, &m->watch, pid, &pulse);
        if (why)
            worker_kill(m->worker, why);
    }
}

/* Something has changed: look at jobs, warm workers and idle ones from the loop. */
static void maintain(struct pool *p)
{
    if (p->shutting_down)
        return;
    (void)uv_idle_start(&p->serve, on_serve);
    if (!uv_is_active((uv_handle_t *)&p->housekeeping))
        (void)uv_timer_start(&p->housekeeping, on_housekeeping, HOUSEKEEPING_MS, HOUSEKEEPING_MS);
}

static void on_reaped(pid_t pid, int status, void *arg)
{
    struct pool *p = arg;
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
        log_error("pool", "worker %d died of signal %d (%s)", (int)pid, WTERMSIG(status),
                  strsignal(WTERMSIG(status)));
    else
        log_debug("pool", "worker %d ended with status 0x%x", (int)pid, (unsigned)status);
    /* Not from in here: the reaper is still walking its list. */
    if (p->shutting_down)
        step_shutdown_soon(p);
}

int pool_new(uv_loop_t *loop, const struct pool_config *config, struct pool **ret_pool)
{
    assert(config->max_seats > 0 && config->worker_path);
    AUTO_FREE struct pool *p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    p->loop = loop;
    p->config = *config;
    p->gate = (struct gate){ .per_s = DEATHS_A_SECOND,
                             .burst = config->max_seats + config->warm + DEATHS_A_SECOND };
    p->config.slower = config->slower > 0 ? config->slower : 1;
    for (enum watch_task task = WATCH_PLAY; task < WATCH_TASK_COUNT; task++)
        p->limits[task] = watch_limits_for(task, p->config.slower);
    struct zygote_ops ops = {
        .spawned = on_spawned, .died = on_zygote_died, .up = on_zygote_up, .arg = p
    };
    int r = reaper_new(loop, on_reaped, p, &p->reaper);
    if (r == 0)
        r = worker_log_new(loop, &p->log);
    if (r == 0)
        r = zygote_new(loop, config->worker_path, config->log_level, worker_log_fd(p->log), &ops,
                       &p->zygote);
    if (r < 0) {
        worker_log_free(p->log);
        reaper_free(p->reaper);
        return r;
    }
    (void)uv_timer_init(loop, &p->held);
    (void)uv_timer_init(loop, &p->housekeeping);
    (void)uv_idle_init(loop, &p->serve);
    (void)uv_timer_init(loop, &p->watchdog);
    p->held.data = p->housekeeping.data = p->watchdog.data = p->serve.data = p;
    (void)uv_timer_start(&p->watchdog, on_watch, WATCH_INTERVAL_MS, WATCH_INTERVAL_MS);
    maintain(p);
    *ret_pool = TAKE_PTR(p);
    return 0;
}

static void on_pool_closed(uv_handle_t *handle)
{
    struct pool *p = handle->data;
    if (--p->open_handles > 0)
        return;
    void (*done)(void *arg) = p->done;
    void *arg = p->done_arg;
    free(p);
    done(arg);
}

static void on_shutdown_step(uv_idle_t *handle)
{
    struct pool *p = handle->data;
    (void)uv_idle_stop(handle);
    /* A zygote that ends may have made a worker that it did not tell us of. */
    if (zygote_is_up(p->zygote) || !reaper_is_done(p->reaper) ||
        uv_is_closing((uv_handle_t *)handle))
        return;
    zygote_free(p->zygote);
    reaper_free(p->reaper);
    worker_log_free(p->log);
    p->open_handles = 4;
    uv_close((uv_handle_t *)&p->held, on_pool_closed);
    uv_close((uv_handle_t *)&p->watchdog, on_pool_closed);
    uv_close((uv_handle_t *)&p->serve, on_pool_closed);
    uv_close((uv_handle_t *)&p->housekeeping, on_pool_closed);
}

static void on_patience_over(uv_timer_t *timer)
{
    struct pool *p = timer->data;
    reaper_kill_all(p->reaper);
}

void pool_shutdown(struct pool *p, void (*done)(void *arg), void *arg)
{
    assert(!p->jobs);
    p->shutting_down = true;
    p->done = done;
    p->done_arg = arg;
    while (p->workers)
        drop_member(p, p->workers);
    zygote_stop(p->zygote);
    (void)uv_timer_start(&p->housekeeping, on_patience_over, SHUTDOWN_PATIENCE_MS, 0);
    step_shutdown_soon(p);
}

int pool_take_seat(struct pool *p)
{
    if (p->seats_taken >= p->config.max_seats)
        return -EBUSY;
    p->seats_taken++;
    return 0;
}

void pool_give_seat(struct pool *p)
{
    assert(p->seats_taken > 0);
    p->seats_taken--;
}

struct pool_job *pool_get_worker(struct pool *p, uint64_t patience_ms, pool_got_fn got, void *arg)
{
    assert(got);
    struct pool_job *job = calloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->got = got;
    job->arg = arg;
    job->due_ms = uv_now(p->loop) + patience_ms;
    DL_APPEND(p->jobs, job);
    p->n_jobs++;
    maintain(p);
    return job;
}

void pool_cancel(struct pool *p, struct pool_job *job)
{
    assert(p->n_jobs > 0);
    DL_DELETE(p->jobs, job);
    p->n_jobs--;
    free(job);
}

void pool_release_worker(struct pool *p, struct worker *w)
{
    worker_close(w);
    maintain(p);
}

unsigned pool_active_count(const struct pool *p)
{
    return p->seats_taken;
}

struct pool_counts pool_counts(const struct pool *p)
{
    return (struct pool_counts){
        .idle = count_in(p, WORKER_IDLE),
        .busy = count_in(p, WORKER_BUSY),
        .max = p->config.max_seats,
        .restarts = p->restarts,
    };
}
