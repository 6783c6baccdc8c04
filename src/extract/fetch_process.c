#include "extract/fetch_process.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    LIVED_MS = 1000, /* whoever dies sooner has died quickly */
    PAUSE_MS = 50,
    PAUSE_MAX_MS = 2000,
    HOPELESS_DEATHS = 4,
    CONTROL_FD = 3,
    ENVIRONMENT_MAX = 24,
    MESSAGES_A_TURN = 64,
};

struct fetch_process {
    uv_loop_t *loop;
    struct fetch_process_ops ops;
    char *path;
    char *const *argv;
    struct instance *instance; /* NULL while none runs */
    uv_timer_t restart;
    uint64_t started_ms;
    unsigned quick_deaths; /* in a row */
};

/* One run of the program; it outlives the interest in it until its handles are closed. */
struct instance {
    struct fetch_process *owner; /* NULL once it is given up */
    uv_process_t process;
    uv_poll_t poll;
    int sock;
    unsigned open_handles;
    bool is_blocked;
};

static void on_restart(uv_timer_t *timer);
static void on_socket(uv_poll_t *poll, int status, int events);

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

static void restart_later(struct fetch_process *p)
{
    uint64_t pause_ms = 0;
    for (unsigned n = 1; n < p->quick_deaths && pause_ms < PAUSE_MAX_MS; n++)
        pause_ms = pause_ms ? 2 * pause_ms : PAUSE_MS;
    (void)uv_timer_start(&p->restart, on_restart, pause_ms, 0);
}

static void on_process_exit(uv_process_t *process, int64_t status, int sig)
{
    struct instance *in = process->data;
    struct fetch_process *p = in->owner;
    close_poll(in);
    uv_close((uv_handle_t *)process, on_instance_closed);
    if (!p)
        return;
    bool quick = uv_now(p->loop) - p->started_ms < LIVED_MS;
    p->instance = NULL;
    p->quick_deaths = quick ? p->quick_deaths + 1 : 0;
    log_error("fetch", "tutti-fetch died (exit %d, signal %d), starting another", (int)status, sig);
    restart_later(p);
    if (p->quick_deaths >= HOPELESS_DEATHS)
        p->ops.hopeless("tutti-fetch dies again and again", p->ops.arg);
}

/* Its death is told by on_process_exit. */
static void put_down(struct instance *in)
{
    (void)uv_poll_stop(&in->poll);
    (void)uv_process_kill(&in->process, SIGKILL);
}

static void read_messages(struct instance *in)
{
    static uint8_t bytes[FMSG_MAX];
    for (unsigned i = 0; i < MESSAGES_A_TURN && in->owner; i++) {
        struct fmsg m;
        size_t n_fds;
        ssize_t len = fd_recv(in->sock, bytes, sizeof bytes, NULL, 0, &n_fds, MSG_DONTWAIT);
        if (len == -EAGAIN)
            return;
        if (len <= 0 || fmsg_decode(bytes, (size_t)len, &m) < 0) {
            put_down(in);
            return;
        }
        in->owner->ops.message(&m, in->owner->ops.arg);
    }
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct instance *in = poll->data;
    if (events & UV_WRITABLE && in->is_blocked && in->owner) {
        in->is_blocked = false;
        (void)uv_poll_start(&in->poll, UV_READABLE, on_socket);
        in->owner->ops.writable(in->owner->ops.arg);
    }
    if (status < 0 || events & UV_READABLE)
        read_messages(in);
}

/* What it needs of the environment: proxies, certificates, the resolver's; and what a sanitizer
 * build is told. */
static void collect_environment(char *env[ENVIRONMENT_MAX + 1])
{
    static const char *const names[] = {
        "http_proxy=",  "https_proxy=",  "HTTPS_PROXY=",   "all_proxy=",    "ALL_PROXY=",
        "no_proxy=",    "NO_PROXY=",     "SSL_CERT_FILE=", "SSL_CERT_DIR=", "RES_OPTIONS=",
        "LOCALDOMAIN=", "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS=", "TSAN_OPTIONS=",
    };
    size_t n = 0;
    for (char **e = environ; *e; e++) {
        for (size_t i = 0; i < sizeof names / sizeof names[0] && n < ENVIRONMENT_MAX; i++) {
            if (strncmp(*e, names[i], strlen(names[i])) == 0)
                env[n++] = *e;
        }
    }
    env[n] = NULL;
}

static int spawn_program(struct fetch_process *p, struct instance *in, int child_sock)
{
    uv_stdio_container_t stdio[] = {
        { .flags = UV_IGNORE },
        { .flags = UV_IGNORE },
        { .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
        [CONTROL_FD] = { .flags = UV_INHERIT_FD, .data.fd = child_sock },
    };
    char *env[ENVIRONMENT_MAX + 1];
    collect_environment(env);
    uv_process_options_t options = {
        .file = p->path,
        .args = (char **)p->argv,
        .env = env,
        .flags = UV_PROCESS_DETACHED,
        .stdio = stdio,
        .stdio_count = sizeof stdio / sizeof stdio[0],
        .exit_cb = on_process_exit,
    };
    return uv_spawn(p->loop, &in->process, &options);
}

static int start_instance(struct fetch_process *p)
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
    int r = uv_poll_init(p->loop, &in->poll, ours);
    if (r < 0) {
        free(in);
        return r;
    }
    in->sock = TAKE_FD(ours);
    in->open_handles = 2; /* libuv initialises the process handle even when it cannot spawn */
    r = spawn_program(p, in, theirs);
    if (r < 0) {
        uv_close((uv_handle_t *)&in->process, on_instance_closed);
        close_poll(in);
        return r;
    }
    (void)uv_poll_start(&in->poll, UV_READABLE, on_socket);
    in->owner = p;
    p->instance = in;
    p->started_ms = uv_now(p->loop);
    return 0;
}

static void on_restart(uv_timer_t *timer)
{
    struct fetch_process *p = timer->data;
    int r = start_instance(p);
    if (r == 0) {
        p->ops.replaced(p->ops.arg);
        return;
    }
    log_error("fetch", "cannot start %s: %s", p->path, strerror(-r));
    p->quick_deaths++;
    restart_later(p);
    p->ops.hopeless("tutti-fetch cannot be started", p->ops.arg);
}

int fetch_process_new(uv_loop_t *loop, const char *path, char *const *argv,
                      const struct fetch_process_ops *ops, struct fetch_process **ret_process)
{
    struct fetch_process *p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    p->path = strdup(path);
    if (!p->path) {
        free(p);
        return -ENOMEM;
    }
    p->loop = loop;
    p->argv = argv;
    p->ops = *ops;
    (void)uv_timer_init(loop, &p->restart);
    p->restart.data = p;
    *ret_process = p;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct fetch_process *p = handle->data;
    free(p->path);
    free(p);
}

void fetch_process_free(struct fetch_process *p)
{
    if (!p)
        return;
    if (p->instance) {
        p->instance->owner = NULL;
        put_down(p->instance);
    }
    uv_close((uv_handle_t *)&p->restart, on_closed);
}

int fetch_process_start(struct fetch_process *p)
{
    if (p->instance || uv_is_active((uv_handle_t *)&p->restart))
        return 0;
    return start_instance(p);
}

int fetch_process_send(struct fetch_process *p, const struct fmsg *m, int fd)
{
    static uint8_t bytes[FMSG_MAX];
    struct instance *in = p->instance;
    if (!in)
        return -ENOTCONN;
    if (in->is_blocked)
        return -EAGAIN;
    size_t len = fmsg_encode(m, bytes, sizeof bytes);
    int r = fd_send(in->sock, bytes, len, &fd, fd >= 0 ? 1 : 0, MSG_DONTWAIT);
    if (r == -EAGAIN || r == -ENOBUFS || r == -ETOOMANYREFS) {
        in->is_blocked = true;
        (void)uv_poll_start(&in->poll, UV_READABLE | UV_WRITABLE, on_socket);
        return -EAGAIN;
    }
    /* It has just died, and on_process_exit will say so. */
    return r == -EPIPE || r == -ECONNRESET ? -ENOTCONN : r;
}

pid_t fetch_process_pid(const struct fetch_process *p)
{
    return p->instance ? p->instance->process.pid : -1;
}
