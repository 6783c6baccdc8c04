/*
 * Audio connections: frames out, attach and credit lines in. All frames that fall due together
 * leave in one write per connection; what the socket does not take waits in a bounded queue.
 */
#ifndef TUTTI_SERVER_AUDIO_H
#define TUTTI_SERVER_AUDIO_H

#include "playout/outlet.h"
#include "server/client.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct audio_conn;
struct audio;

/* A slow consumer: frames of `channel` of client number `client` were dropped. */
typedef void (*audio_slow_fn)(uint64_t client, uint64_t channel, uint64_t n_dropped, void *arg);

struct audio_config {
    uv_loop_t *loop;
    struct clients *clients;
    audio_slow_fn slow;
    void *arg;
    unsigned max_connections;
};

/* Returns 0 or negative errno. Its outlet operations are to be given to the clients. */
int audio_new(const struct audio_config *config, struct audio **ret_audio);

/* Closes every connection; the memory goes with the last one. */
void audio_free(struct audio *a);

extern const struct outlet_ops audio_outlet_ops;

/* Takes over an accepted socket; closes it when it cannot. */
void audio_accept(struct audio *a, int fd);

/* rt: sends everything that was taken. */
void audio_flush(struct audio *a);

uint64_t audio_dropped(const struct audio *a);

bool audio_is_credit_flow(const struct audio_conn *c);
void audio_close(struct audio_conn *c);

#endif
