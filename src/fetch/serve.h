/* The fetcher's side of the daemon's socket (proto/fmsg.h): all sources, and their share of the
 * memory. */
#ifndef TUTTI_FETCH_SERVE_H
#define TUTTI_FETCH_SERVE_H

#include "fetch/transfer.h"

struct serve_config {
    struct request_context request; /* `multi` is made here */
    double stall_timeout_s;
    double give_up_s;
    double idle_s; /* a connection that nobody reads from is closed after this */
};

/* Serves the daemon on `sock` until it closes it. Returns 0 then, or negative errno if it could not
 * begin. */
int serve_sources(const struct serve_config *config, int sock);

#endif
