#include "pool/reaper.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <utlist.h>

struct target {
    struct target *next;
    pid_t pid; /* negative: a process group */
};

struct reaper {
    uv_signal_t child;
    struct target *targets;
    reaper_fn fn;
    void *arg;
};

/* Returns true when nothing is left of the target. */
static bool collect(struct reaper *r, const struct target *t)
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

static void collect_all(struct reaper *r)
{
    struct target *t, *tmp;
    LL_FOREACH_SAFE(r->targets, t, tmp)
    {
        if (collect(r, t)) {
            LL_DELETE(r->targets, t);
            free(t);
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
    int e = uv_signal_init(loop, &r->child);
    if (e < 0) {
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
    struct target *t, *tmp;
    LL_FOREACH_SAFE(r->targets, t, tmp)
    {
        free(t);
    }
    free(r);
}

void reaper_free(struct reaper *r)
{
    if (r)
        uv_close((uv_handle_t *)&r->child, on_closed);
}

/* Without memory for the note the process is ended and waited for here. */
static void watch(struct reaper *r, pid_t pid)
{
    struct target *t = malloc(sizeof *t);
    if (!t) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        return;
    }
    t->pid = pid;
    if (collect(r, t)) {
        free(t);
        return;
    }
    LL_PREPEND(r->targets, t);
}

void reaper_watch(struct reaper *r, pid_t pid)
{
    watch(r, pid);
}

void reaper_adopt_group(struct reaper *r, pid_t pgid)
{
    watch(r, -pgid);
}

void reaper_kill_all(struct reaper *r)
{
    const struct target *t;
    LL_FOREACH(r->targets, t)
    {
        (void)kill(t->pid, SIGKILL);
    }
}

bool reaper_is_done(const struct reaper *r)
{
    return r->targets == NULL;
}
