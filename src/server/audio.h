/* Audio connections: attach and credit lines in, and what frames leave by: see server/outlets.h. */
#ifndef TUTTI_SERVER_AUDIO_H
#define TUTTI_SERVER_AUDIO_H

#include "server/outlets.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct audio;

struct audio_ops {
    /* The outlets of the client with this id, or NULL. */
    struct outlet_set *(*find)(const char *client, void *arg);
    /* A slow consumer: frames of `channel` of this owner were dropped. */
    void (*slow)(uint64_t owner, uint64_t channel, uint64_t n_dropped, void *arg);
    void *arg;
};

struct audio_config {
    uv_loop_t *loop;
    struct audio_ops ops;
    unsigned max_connections;
};

/* Returns 0 or negative errno. */
int audio_new(const struct audio_config *config, struct audio **ret_audio);

/* Closes every connection; the memory goes with the last one. */
void audio_free(struct audio *a);

/* What outlets are made of. */
struct taps *audio_taps(struct audio *a);

/* Takes over an accepted socket; closes it when it cannot. */
void audio_accept(struct audio *a, int fd);

/* rt: sends everything that was taken. */
void audio_flush(struct audio *a);

/* Frames, ever. */
uint64_t audio_dropped(const struct audio *a);

/* Closes the connection that is attached to these outlets, if there is one. */
void audio_close_attached(struct outlet_set *s);

#endif
