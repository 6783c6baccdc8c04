#include "pool/reaper.h"

#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <utlist.h>

struct awaited {
    struct awaited *next;
    pid_t pid; /* negative: a process group */
};

struct reaper {
    uv_signal_t child;
    struct awaited *targets;
    struct awaited *spare; /* for the one that there is no memory for */
    reaper_fn fn;
    void *arg;
};

/* Returns true when nothing is left of the target. */
static bool collect(struct reaper *r, const struct awaited *t)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(t->pid, &status, WNOHANG);
        if (pid == 0)
            return false;
        if (pid < 0)
            return errno != EINTR; /* ECHILD: there is none (any more) */
        r->fn(pid, status, r->arg);
        if (t->pid > 0)
            return true;
    }
}

static void drop(struct reaper *r, struct awaited *t)
{
    if (r->spare)
        free(t);
    else
        r->spare = t;
}

static void collect_all(struct reaper *r)
{
    struct awaited *t, *tmp;
    LL_FOREACH_SAFE(r->targets, t, tmp)
    {
        if (collect(r, t)) {
            LL_DELETE(r->targets, t);
            drop(r, t);
        }
    }
}

static void on_child(uv_signal_t *handle, int signum)
{
    collect_all(handle->data);
}

int reaper_new(uv_loop_t *loop, reaper_fn fn, void *arg, struct reaper **ret_reaper)
{
    struct reaper *r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    r->spare = malloc(sizeof *r->spare);
    int e = r->spare ? uv_signal_init(loop, &r->child) : -ENOMEM;
    if (e < 0) {
        free(r->spare);
        free(r);
        return e;
    }
    r->fn = fn;
    r->arg = arg;
    r->child.data = r;
    (void)uv_signal_start(&r->child, on_child, SIGCHLD);
    *ret_reaper = r;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct reaper *r = handle->data;
    struct awaited *t, *tmp;
    LL_FOREACH_SAFE(r->targets, t, tmp)
    {
        free(t);
    }
    free(r->spare);
    free(r);
}

void reaper_free(struct reaper *r)
{
    if (r)
        uv_close((uv_handle_t *)&r->child, on_closed);
}

/* Returns false without memory for the note. */
static bool watch(struct reaper *r, pid_t pid)
{
    struct awaited *t = malloc(sizeof *t);
    if (!t)
        t = TAKE_PTR(r->spare);
    if (!t)
        return false;
    t->pid = pid;
    if (collect(r, t))
        drop(r, t);
    else
        LL_PREPEND(r->targets, t);
    return true;
}

void reaper_watch(struct reaper *r, pid_t pid)
{
    assert(pid > 0);
    if (watch(r, pid))
        return;
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

/* The group has workers that play, and each of these is watched when it is given up: without memory
 * only one that nobody knew of may stay uncollected. */
void reaper_adopt_group(struct reaper *r, pid_t pgid)
{
    assert(pgid > 1); /* the negative of 1 is everybody */
    (void)watch(r, -pgid);
}

void reaper_kill_all(struct reaper *r)
{
    const struct awaited *t;
    LL_FOREACH(r->targets, t)
    {
        assert(t->pid != 0 && t->pid != -1);
        (void)kill(t->pid, SIGKILL);
    }
}

bool reaper_is_done(const struct reaper *r)
{
    return r->targets == NULL;
}
