#include "pool/zygote.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "proto/wmsg.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    LIVED_MS = 1000,
    PAUSE_MS = 50,
    PAUSE_MAX_MS = 1000,
    HOPELESS_DEATHS = 4,
    ZYGOTE_FD = 3,
    SANITIZER_OPTIONS = 4,
};

struct zygote {
    uv_loop_t *loop;
    struct zygote_ops ops;
    char *path;
    char *log_level;
    int stderr_fd;
    struct instance *instance; /* NULL while none runs */
    uv_timer_t restart;
    uint64_t started_ms;
    unsigned quick_deaths; /* in a row */
    bool closing;
};

/* One run of the program. It outlives its zygote's interest in it until both handles are closed. */
struct instance {
    struct zygote *zygote; /* NULL once it is given up */
    uv_process_t process;
    uv_poll_t poll;
    int sock;
    unsigned open_handles;
};

static void on_restart(uv_timer_t *timer);

static void on_instance_closed(uv_handle_t *handle)
{
    struct instance *in = handle->data;
    if (--in->open_handles > 0)
        return;
    (void)close(in->sock);
    free(in);
}

static void close_poll(struct instance *in)
{
    if (!uv_is_closing((uv_handle_t *)&in->poll))
        uv_close((uv_handle_t *)&in->poll, on_instance_closed);
}

/* At once the first time, then after pauses that double. */
static void restart_later(struct zygote *z)
{
    uint64_t pause_ms = 0;
    for (unsigned n = 1; n < z->quick_deaths && pause_ms < PAUSE_MAX_MS; n++)
        pause_ms = pause_ms ? 2 * pause_ms : PAUSE_MS;
    (void)uv_timer_start(&z->restart, on_restart, pause_ms, 0);
}

static void on_process_exit(uv_process_t *process, int64_t status, int sig)
{
    struct instance *in = process->data;
    struct zygote *z = in->zygote;
    close_poll(in);
    uv_close((uv_handle_t *)process, on_instance_closed);
    if (!z)
        return;
    z->instance = NULL;
    if (!z->closing) {
        bool quick = uv_now(z->loop) - z->started_ms < LIVED_MS;
        z->quick_deaths = quick ? z->quick_deaths + 1 : 0;
        log_error("pool", "the zygote died (exit %d, signal %d), starting another", (int)status,
                  sig);
        restart_later(z);
    }
    z->ops.died(process->pid, z->ops.arg);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct instance *in = poll->data;
    uint8_t bytes[WMSG_MAX];
    struct wmsg m;
    size_t n_fds;
    ssize_t len = fd_recv(in->sock, bytes, sizeof bytes, NULL, 0, &n_fds, MSG_DONTWAIT);
    if (len == -EAGAIN)
        return;
    if (len <= 0 || wmsg_decode(bytes, (size_t)len, &m) < 0 || m.type != WMSG_SPAWNED) {
        /* Its death is told by on_process_exit; a zygote that talks nonsense is ended. */
        (void)uv_poll_stop(poll);
        (void)uv_process_kill(&in->process, SIGKILL);
        return;
    }
    if (in->zygote) {
        in->zygote->quick_deaths = 0;
        in->zygote->ops.spawned(m.spawned.id, m.spawned.pid, in->zygote->ops.arg);
    }
}

/* Workers get an empty environment, but for what a sanitizer build is told through it. */
static void collect_environment(char *env[SANITIZER_OPTIONS + 1])
{
    static const char *const names[] = { "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS=",
                                         "TSAN_OPTIONS=" };
    size_t n = 0;
    for (char **e = environ; *e; e++) {
        for (size_t i = 0; i < SANITIZER_OPTIONS && n < SANITIZER_OPTIONS; i++) {
            if (strncmp(*e, names[i], strlen(names[i])) == 0)
                env[n++] = *e;
        }
    }
    env[n] = NULL;
}

static int spawn_program(struct zygote *z, struct instance *in, int child_sock)
{
    uv_stdio_container_t stdio[] = {
        { .flags = UV_IGNORE },
        { .flags = UV_IGNORE },
        { .flags = UV_INHERIT_FD, .data.fd = z->stderr_fd },
        [ZYGOTE_FD] = { .flags = UV_INHERIT_FD, .data.fd = child_sock },
    };
    char name[] = "tutti-worker", option[] = "--log-level";
    char *args[] = { name, option, z->log_level, NULL };
    char *env[SANITIZER_OPTIONS + 1];
    collect_environment(env);
    uv_process_options_t options = {
        .file = z->path,
        .args = args,
        .env = env,
        .flags = UV_PROCESS_DETACHED,
        .stdio = stdio,
        .stdio_count = sizeof stdio / sizeof stdio[0],
        .exit_cb = on_process_exit,
    };
    return uv_spawn(z->loop, &in->process, &options);
}

static int start_instance(struct zygote *z)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    AUTO_FD int ours = pair[0];
    AUTO_FD int theirs = pair[1];
    struct instance *in = calloc(1, sizeof *in);
    if (!in)
        return -ENOMEM;
    in->process.data = in->poll.data = in;
    in->sock = -1;
    int r = uv_poll_init(z->loop, &in->poll, ours);
    if (r < 0) {
        free(in);
        return r;
    }
    in->sock = TAKE_FD(ours);
    in->open_handles = 2; /* libuv initialises the process handle even when it cannot spawn */
    r = spawn_program(z, in, theirs);
    if (r < 0) {
        uv_close((uv_handle_t *)&in->process, on_instance_closed);
        close_poll(in);
        return r;
    }
    (void)uv_poll_start(&in->poll, UV_READABLE, on_readable);
    in->zygote = z;
    z->instance = in;
    z->started_ms = uv_now(z->loop);
    return 0;
}

static void on_restart(uv_timer_t *timer)
{
    struct zygote *z = timer->data;
    int r = start_instance(z);
    if (r < 0) {
        log_error("pool", "cannot start %s: %s", z->path, strerror(-r));
        z->quick_deaths++;
        restart_later(z);
        z->ops.died(0, z->ops.arg);
        return;
    }
    z->ops.up(z->ops.arg);
}

static void zygote_destroy(struct zygote *z)
{
    free(z->path);
    free(z->log_level);
    free(z);
}

int zygote_new(uv_loop_t *loop, const char *path, const char *log_level, int stderr_fd,
               const struct zygote_ops *ops, struct zygote **ret_zygote)
{
    struct zygote *z = calloc(1, sizeof *z);
    if (!z)
        return -ENOMEM;
    z->loop = loop;
    z->ops = *ops;
    z->path = strdup(path);
    z->log_level = strdup(log_level);
    z->stderr_fd = stderr_fd;
    int r = z->path && z->log_level ? start_instance(z) : -ENOMEM;
    if (r < 0) {
        zygote_destroy(z);
        return r;
    }
    (void)uv_timer_init(loop, &z->restart);
    z->restart.data = z;
    *ret_zygote = z;
    return 0;
}

static void on_zygote_closed(uv_handle_t *handle)
{
    zygote_destroy(handle->data);
}

void zygote_stop(struct zygote *z)
{
    z->closing = true;
    (void)uv_timer_stop(&z->restart);
    if (z->instance)
        (void)uv_process_kill(&z->instance->process, SIGKILL);
}

void zygote_free(struct zygote *z)
{
    if (!z)
        return;
    if (z->instance) {
        z->instance->zygote = NULL;
        (void)uv_process_kill(&z->instance->process, SIGKILL);
    }
    uv_close((uv_handle_t *)&z->restart, on_zygote_closed);
}

int zygote_spawn(struct zygote *z, uint32_t id, const struct ring_shape *shape, int sock,
                 int ring_fd)
{
    if (!z->instance)
        return -ENOTCONN;
    struct wmsg m = { .type = WMSG_SPAWN, .spawn = { .id = id, .shape = *shape } };
    uint8_t bytes[WMSG_MAX];
    size_t len = wmsg_encode(&m, bytes, sizeof bytes);
    int fds[] = { sock, ring_fd };
    int r = fd_send(z->instance->sock, bytes, len, fds, 2, MSG_DONTWAIT);
    /* It has just died, and on_process_exit will say so: whoever asks waits for the next one. */
    return r == -EPIPE || r == -ECONNRESET ? -ENOTCONN : r;
}

void zygote_kick(struct zygote *z)
{
    if (!z->instance)
        return;
    log_error("pool", "the zygote does not answer");
    (void)uv_process_kill(&z->instance->process, SIGKILL);
}

bool zygote_is_up(const struct zygote *z)
{
    return z->instance != NULL;
}

bool zygote_is_hopeless(const struct zygote *z)
{
    return !z->instance && z->quick_deaths >= HOPELESS_DEATHS;
}

pid_t zygote_pid(const struct zygote *z)
{
    return z->instance ? z->instance->process.pid : -1;
}
