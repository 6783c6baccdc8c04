/* Stream sockets as a client with one thread uses them: never blocking but in poll(2). */
#ifndef TUTTI_CLI_SOCK_H
#define TUTTI_CLI_SOCK_H

#include "base/buf.h"

#include <stddef.h>

/* Connects to a Unix stream socket. Returns a close-on-exec, non-blocking descriptor that the
 * caller owns, or negative errno. */
int sock_connect(const char *path);

/* Sends all bytes, waiting at most `timeout_ms` for room. Returns 0, -ETIMEDOUT, or negative errno;
 * never raises SIGPIPE. */
int sock_send(int fd, const void *bytes, size_t len, int timeout_ms);

/* Takes in what can be read without waiting, at most about 64 KiB. Returns 1 if there was
 * something, 0 if not, -EPIPE at the end of the stream, -ENOBUFS at the buffer's limit, or another
 * negative errno. */
int sock_fill(int fd, struct buf *in);

/* Waits until `fd` can be read. Returns 1, 0 when `timeout_ms` are over, or negative errno (-EINTR
 * included: the caller may have had a signal). */
int sock_wait(int fd, int timeout_ms);

#endif
