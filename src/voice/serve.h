/* tutti-voice's main thread: takes the daemon's messages, holds the connections, says what becomes
 * of them. */
#ifndef TUTTI_VOICE_SERVE_H
#define TUTTI_VOICE_SERVE_H

#include "base/address.h"

#include <stddef.h>

struct voice_serve_config {
    struct address_policy policy;
    const char *const *hosts; /* --voice-host */
    size_t n_hosts;
    void (*thread_made)(void); /* the sending thread was made, with the caller's precedence */
};

/* Serves until the daemon closes `sock`. Returns 0, or negative errno if it could not begin. */
int voice_serve(const struct voice_serve_config *config, int sock);

#endif
