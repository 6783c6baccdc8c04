#include "cli/sock.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { READ_BYTES = 65536 };

int sock_connect(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t len = strlen(path);
    if (len >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, len);
    AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    /* A Unix socket connects at once or not at all: EAGAIN means that the daemon's queue of
     * connections is full. */
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    return TAKE_FD(fd);
}

int sock_send(int fd, const void *bytes, size_t len, int timeout_ms)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n >= 0) {
            at += n;
            len -= (size_t)n;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return -errno;
        struct pollfd room = { .fd = fd, .events = POLLOUT };
        int ready = poll(&room, 1, timeout_ms);
        if (ready == 0)
            return -ETIMEDOUT;
        if (ready < 0 && errno != EINTR)
            return -errno;
    }
    return 0;
}

int sock_fill(int fd, struct buf *in)
{
    char *room = buf_reserve(in, READ_BYTES);
    if (!room)
        return in->limit - buf_len(in) < READ_BYTES ? -ENOBUFS : -ENOMEM;
    ssize_t n = recv(fd, room, READ_BYTES, MSG_DONTWAIT);
    if (n > 0) {
        buf_commit(in, (size_t)n);
        return 1;
    }
    if (n == 0)
        return -EPIPE;
    return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

int sock_wait(int fd, int timeout_ms)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int n = poll(&p, 1, timeout_ms);
    return n < 0 ? -errno : n;
}
