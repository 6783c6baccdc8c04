#include "base/fd.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
    char bytes[CMSG_SPACE(FD_PASS_MAX * sizeof(int))];
    struct cmsghdr align;
};

int fd_send(int sock, const void *bytes, size_t len, const int *fds, size_t n_fds, int flags)
{
    assert(n_fds <= FD_PASS_MAX);
    union control control = { 0 };
    struct iovec iov = { .iov_base = (void *)bytes, .iov_len = len };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    if (n_fds > 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
    }
    ssize_t n;
    do {
        n = sendmsg(sock, &msg, flags | MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == ECONNRESET ? -EPIPE : -errno;
    return (size_t)n == len ? 0 : -EIO;
}

static size_t take_fds(struct msghdr *msg, int *fds, size_t max_fds, int *overflow)
{
    size_t n = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
            if (n < max_fds) {
                fds[n++] = fd;
            } else {
                (void)close(fd);
                *overflow = 1;
            }
        }
    }
    return n;
}

ssize_t fd_recv(int sock, void *bytes, size_t size, int *fds, size_t max_fds, size_t *ret_n_fds,
                int flags)
{
    assert(size > 0 && (fds || max_fds == 0));
    union control control;
    struct iovec iov = { .iov_base = bytes, .iov_len = size };
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    ssize_t len;
    unsigned resets = 0;
    /* A peer that ended with something unread leaves an error, which is told once, and before what
     * the peer had said. */
    do {
        len = recvmsg(sock, &msg, flags | MSG_CMSG_CLOEXEC);
    } while (len < 0 && (errno == EINTR || (errno == ECONNRESET && resets++ == 0)));
    if (len < 0)
        return -errno;

    int overflow = (msg.msg_flags & MSG_TRUNC) != 0;
    size_t n = take_fds(&msg, fds, max_fds, &overflow);
    bool cut = (msg.msg_flags & MSG_CTRUNC) != 0;
    /* Cut at what the control area takes: there were too many. Cut before: this process can have no
     * more, which is not the sender's fault. */
    if (cut && n == FD_PASS_MAX)
        overflow = 1;
    while ((cut || overflow) && n > 0)
        (void)close(fds[--n]);
    if (overflow)
        return -EPROTO;
    *ret_n_fds = n;
    return len;
}
