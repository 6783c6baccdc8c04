/* A worker's life: listens to the daemon on its socket, renders into its ring. */
#ifndef TUTTI_MEDIA_SERVE_H
#define TUTTI_MEDIA_SERVE_H

#include "ring/layout.h"

/* Serves until the socket ends. Takes both descriptors over. Returns 0, or negative errno
 * when the ring or the socket are not what they should be. */
int serve_run(int sock, int ring_fd, const struct ring_shape *shape);

#endif
