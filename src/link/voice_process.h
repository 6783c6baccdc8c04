/* The process tutti-voice: its command, its environment, its messages, and the socket of its
 * frames. It is kept running by keep/keeper.h; what the messages mean is voice.c's. */
#ifndef TUTTI_LINK_VOICE_PROCESS_H
#define TUTTI_LINK_VOICE_PROCESS_H

#include "link/voice.h"

struct voice_process;

struct voice_process_ops {
    void (*message)(const struct vmsg *m, void *arg);
    void (*socket)(uint32_t number, int fd, void *arg); /* which is the callee's */
    void (*writable)(void *arg);                        /* after voice_process_send said -EAGAIN */
    void (*replaced)(void *arg);                        /* another one runs in its place */
    void (*hopeless)(const char *why,
                     void *arg); /* it dies as fast as it is started: do not wait */
    void *arg;
};

/* Starts nothing yet. Returns 0 or negative errno. */
int voice_process_new(uv_loop_t *loop, const struct voice_config *config,
                      const struct voice_process_ops *ops, struct voice_process **ret_process);
void voice_process_free(struct voice_process *p); /* kills it; NULL is fine */

/* Starts it, if it neither runs nor is about to be started again. Returns 0 or negative errno. */
int voice_process_start(struct voice_process *p);

/* Sends a message, with a descriptor unless `fd` is −1. Returns 0; -EAGAIN if there is no room;
 * -ENOTCONN while none runs; or another negative errno. */
int voice_process_send(struct voice_process *p, const struct vmsg *m, int fd);

/* rt: sends a batch of frames. Returns false if it was not taken: nothing is waited for. */
bool voice_process_send_batch(struct voice_process *p, const uint8_t *bytes, size_t len);

pid_t voice_process_pid(const struct voice_process *p);

#endif
