/*
 * Keeps a program of ours running: started with a complete list of descriptors and environment,
 * watched, and started again when it dies, at once if it had lived a while, else after pauses that
 * double. It has a SOCK_SEQPACKET socket to us on its descriptor 3. What the messages mean and what
 * its death means is the owner's. One loop's thread.
 *
 * It stays in our session, because the kernel weighs sessions against each other (autogroups): as
 * one of its own, all workers together would get as much of a processor as any one shell. It must
 * leave our process group first of all, so that a terminal's Ctrl-C reaches us alone, who end it.
 *
 * Its process is collected by libuv. What it forks is not the keeper's: it may live on.
 */
#ifndef TUTTI_KEEP_KEEPER_H
#define TUTTI_KEEP_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

struct keeper;

struct keeper_config {
    const char *path;        /* copied */
    const char *const *argv; /* copied; ends with NULL */
    /* "NAME=" of what it gets of our environment, beside what a sanitizer build is told; ends with
     * NULL. Must stay, like the two texts below. */
    const char *const *env_names;
    int stderr_fd;         /* its standard error; borrowed for good */
    const char *name;      /* for the log */
    const char *log_topic; /* of its lines */
    size_t message_max;    /* [bytes] of a message that it sends */
    uint64_t pause_max_ms; /* before a start */
};

/* Called from the loop, never from inside a call of this module, and not after keeper_free, which
 * may be called from any of them. */
struct keeper_ops {
    /* The bytes live as long as the call. Negative: it talks nonsense, and is ended. */
    int (*message)(const void *bytes, size_t len, void *arg);
    /* The same for a message that came with a descriptor, which is the owner's from now on. NULL:
     * such a message is nonsense. */
    int (*message_with_fd)(const void *bytes, size_t len, int fd, void *arg);
    /* There is room after keeper_send said -EAGAIN. NULL: the owner does not wait for room. */
    void (*writable)(void *arg);
    /* It died and was collected; another is on its way, but after keeper_stop. All that it had
     * said was handed on before. pid 0: another start failed. */
    void (*died)(pid_t pid, void *arg);
    /* Another one runs in the place of one that died. */
    void (*up)(void *arg);
    void *arg;
};

/* Starts nothing yet. Returns 0 or -ENOMEM. */
int keeper_new(uv_loop_t *loop, const struct keeper_config *config, const struct keeper_ops *ops,
               struct keeper **ret_keeper);

/* Kills what runs; the memory goes when the loop has collected it. NULL is fine. */
void keeper_free(struct keeper *k);

/* Starts it, if it neither runs nor is about to be started again. Returns 0 or negative errno: then
 * nothing runs, and it is not tried again. */
int keeper_start(struct keeper *k);

/* Kills it for good. If it runs, `died` tells when it is collected. */
void keeper_stop(struct keeper *k);

/* Kills what runs; another one is started, as after any death. */
void keeper_kill(struct keeper *k);

/* Sends a message with descriptors, which stay the caller's. Returns 0; -ENOTCONN while none runs
 * (`up` tells of the next one); where there is a `writable`, -EAGAIN if there is no room; or
 * another negative errno. */
int keeper_send(struct keeper *k, const void *bytes, size_t len, const int *fds, size_t n_fds);

/* It has proved of use: the quick deaths before are forgotten. */
void keeper_trust(struct keeper *k);

bool keeper_is_up(const struct keeper *k);

/* True while none runs, if it dies so fast, again and again, that waiting for it makes no sense. */
bool keeper_is_hopeless(const struct keeper *k);

pid_t keeper_pid(const struct keeper *k); /* −1: none */

#endif
