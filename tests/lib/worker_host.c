#include "worker_host.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIT_MS = 20000 };

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static pid_t exec_zygote(const char *program, int control)
{
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid > 0)
        return pid;
    int null = open("/dev/null", O_RDWR);
    if (dup2(control, 3) < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
        _exit(3);
    /* dup2 onto itself would leave close-on-exec set. */
    (void)fcntl(3, F_SETFD, 0);
    const char *level = getenv("TUTTI_TEST_LOG_LEVEL");
    (void)execl(program, program, "--log-level", level ? level : "warn", (char *)NULL);
    _exit(3);
}

static bool receive_on(int sock, struct wmsg *ret, int timeout_ms)
{
    struct pollfd p = { .fd = sock, .events = POLLIN };
    if (poll(&p, 1, timeout_ms) <= 0)
        return false;
    uint8_t bytes[WMSG_MAX];
    size_t n_fds = 0;
    int fd;
    ssize_t len = fd_recv(sock, bytes, sizeof bytes, &fd, 1, &n_fds, 0);
    if (len <= 0) {
        (void)fprintf(stderr, "the worker is gone\n");
        exit(2);
    }
    if (wmsg_decode(bytes, (size_t)len, ret) < 0) {
        (void)fprintf(stderr, "ill-formed message from the worker\n");
        exit(2);
    }
    return true;
}

static void send_on(int sock, const struct wmsg *m, const int *fds, size_t n_fds)
{
    uint8_t bytes[WMSG_MAX];
    int r = fd_send(sock, bytes, wmsg_encode(m, bytes, sizeof bytes), fds, n_fds, 0);
    if (r < 0 && r != -EPIPE) {
        (void)fprintf(stderr, "send: %s\n", strerror(-r));
        exit(2);
    }
}

void worker_host_start(struct worker_host *h, const char *program, uint32_t n_frames)
{
    int control[2];
    int pair[2];
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        die("socketpair");
    h->zygote = exec_zygote(program, control[1]);
    (void)close(control[1]);
    h->control = control[0];
    struct wmsg m = { .type = WMSG_SPAWN };
    m.spawn.id = 7;
    m.spawn.shape = ring_shape_for(n_frames);
    int ring_fd;
    if (ring_consumer_new(&m.spawn.shape, &h->ring, &ring_fd) < 0)
        die("ring");
    send_on(h->control, &m, (int[]){ pair[1], ring_fd }, 2);
    (void)close(pair[1]);
    (void)close(ring_fd);
    h->sock = pair[0];
    if (!receive_on(h->control, &m, WAIT_MS) || m.type != WMSG_SPAWNED || m.spawned.id != 7 ||
        m.spawned.pid <= 0) {
        (void)fprintf(stderr, "no worker was spawned\n");
        exit(2);
    }
    h->worker = m.spawned.pid;
    if (!worker_host_receive(h, &m, WAIT_MS) || m.type != WMSG_IDLE) {
        (void)fprintf(stderr, "the worker is not idle\n");
        exit(2);
    }
}

static void reap(pid_t pid, const char *who)
{
    int status = 0;
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        (void)fprintf(stderr, "%s ended with status %#x\n", who, (unsigned)status);
        exit(2);
    }
}

void worker_host_stop(struct worker_host *h)
{
    (void)close(h->sock);
    reap(h->worker, "worker");
    (void)close(h->control);
    reap(h->zygote, "zygote");
    ring_consumer_free(h->ring);
}

void worker_host_send(struct worker_host *h, const struct wmsg *m, int fd)
{
    send_on(h->sock, m, &fd, fd >= 0 ? 1 : 0);
}

bool worker_host_receive(struct worker_host *h, struct wmsg *ret, int timeout_ms)
{
    return receive_on(h->sock, ret, timeout_ms);
}

void worker_host_ring_bell(struct worker_host *h, unsigned lane)
{
    struct wmsg m = { .type = WMSG_BELL };
    if (ring_producer_wants_bell(h->ring, lane))
        worker_host_send(h, &m, -1);
}
