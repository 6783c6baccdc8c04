/* Messages with descriptors over a Unix socket. */
#ifndef TUTTI_BASE_FD_H
#define TUTTI_BASE_FD_H

#include <stddef.h>
#include <sys/types.h>

enum { FD_PASS_MAX = 4 };

/* Sends one message with `n_fds` descriptors (≤ FD_PASS_MAX). Never raises SIGPIPE; `flags` are
 * those of sendmsg(2). Returns 0 or negative errno, -EPIPE if the peer is gone; the caller keeps
 * its descriptors. What the peer said before can still be received. */
int fd_send(int sock, const void *bytes, size_t len, const int *fds, size_t n_fds, int flags);

/* Receives one message of at most `size` bytes. Descriptors arrive close-on-exec in fds[0..*ret_n),
 * owned by the caller; more than `max_fds`, or a message cut short, is -EPROTO with all closed.
 * When this process may not open as many as a message carries, the message comes without any.
 * Returns the message's length; 0 when the peer is gone and all that it said was received; or
 * negative errno. */
ssize_t fd_recv(int sock, void *bytes, size_t size, int *fds, size_t max_fds, size_t *ret_n_fds,
                int flags);

#endif
