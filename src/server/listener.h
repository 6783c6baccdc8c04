/*
 * The two listening sockets and the lock that guards them. A second daemon on the same paths leaves
 * the first alone; a socket that a dead one left behind is replaced. Only the daemon's own user,
 * root and members of the configured group may connect.
 */
#ifndef TUTTI_SERVER_LISTENER_H
#define TUTTI_SERVER_LISTENER_H

#include "base/paths.h"

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

struct listener;

enum { LISTENER_CONTROL, LISTENER_AUDIO, LISTENER_COUNT, LISTENER_WHY_MAX = 512 };

struct listener_config {
    uv_loop_t *loop;
    const struct paths *paths;
    bool has_group;
    gid_t group;
    /* An accepted connection of a permitted peer; the descriptor is the callee's. */
    void (*accepted)(int which, int fd, void *arg);
    void *arg;
};

/* Makes the runtime directory, takes the lock and listens. Returns 0, or negative errno and a
 * sentence in ret_why: then nothing is left behind. */
int listener_new(const struct listener_config *config, struct listener **ret_listener,
                 char ret_why[LISTENER_WHY_MAX]);

/* Closes and removes sockets and lock. */
void listener_free(struct listener *l);

#endif
