/*
 * Collects the daemon's children that libuv did not start: the workers, which the zygote makes as
 * its siblings. Always by pid, or by the process group of a zygote that is dead and collected
 * already; never by waitpid(-1), which would take libuv's own children away from it.
 */
#ifndef TUTTI_POOL_REAPER_H
#define TUTTI_POOL_REAPER_H

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

struct reaper;

/* Called once with how the process ended, as waitpid(2) tells it. */
typedef void (*reaper_fn)(pid_t pid, int status, void *arg);

/* Returns 0 or negative errno. `fn` is told of every process collected. */
int reaper_new(uv_loop_t *loop, reaper_fn fn, void *arg, struct reaper **ret_reaper);
void reaper_free(struct reaper *r);

/* Collects the process when it ends. */
void reaper_watch(struct reaper *r, pid_t pid);

/* Ends every process that is still watched. */
void reaper_kill_all(struct reaper *r);

/* A zygote is dead: collect whatever it made and did not tell us of. */
void reaper_adopt_group(struct reaper *r, pid_t pgid);

/* True when no watched process is left. */
bool reaper_is_done(const struct reaper *r);

#endif
