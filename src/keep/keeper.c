#include "keep/keeper.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    LIVED_MS = 1000, /* a program that dies sooner has died quickly */
    PAUSE_MS = 50,
    HOPELESS_DEATHS = 4,
    CONTROL_FD = 3,
    ENVIRONMENT_MAX = 24,
    MESSAGES_A_TURN = 64,
    LAST_MESSAGES_MAX = 1024, /* more than a socket holds */
};

struct keeper {
    uv_loop_t *loop;
    struct keeper_config config; /* but for the command, of which these are copies: */
    char *path;
    char **argv;
    struct keeper_ops ops;
    struct instance *instance; /* NULL while none runs */
    uv_timer_t restart;
    uint64_t started_ms;
    unsigned quick_deaths; /* in a row */
    bool is_stopped;
    uint8_t message[]; /* the one that is being read */
};

/* One run of the program; it outlives the interest in it until its handles are closed. */
struct instance {
    struct keeper *keeper; /* NULL once it is given up */
    uv_process_t process;
    uv_poll_t poll;
    int sock;
    unsigned open_handles;
    bool is_blocked;
    bool is_deaf_to; /* it talked nonsense: what else it says is not heard */
    bool has_exited; /* and its pid may be another's */
};

static void on_restart(uv_timer_t *timer);
static void on_socket(uv_poll_t *poll, int status, int events);
static void read_messages(struct instance *in, unsigned most);

/* ---- the end of an instance ---- */

static void kill_process(struct instance *in)
{
    assert(in->process.pid > 0);
    if (!in->has_exited)
        (void)uv_process_kill(&in->process, SIGKILL);
}

/* Its death is told by on_process_exit. */
static void put_down(struct instance *in)
{
    (void)uv_poll_stop(&in->poll);
    kill_process(in);
}

static void on_instance_closed(uv_handle_t *handle)
{
    struct instance *in = handle->data;
    if (--in->open_handles > 0)
        return;
    (void)close(in->sock);
    free(in);
}

static void close_instance(struct instance *in)
{
    uv_close((uv_handle_t *)&in->poll, on_instance_closed);
    uv_close((uv_handle_t *)&in->process, on_instance_closed);
}

/* At once the first time, then after pauses that double. */
static void restart_later(struct keeper *k)
{
    assert(!k->is_stopped && !k->instance);
    uint64_t pause_ms = 0;
    for (unsigned n = 1; n < k->quick_deaths && pause_ms < k->config.pause_max_ms; n++)
        pause_ms = pause_ms ? 2 * pause_ms : PAUSE_MS;
    if (pause_ms > k->config.pause_max_ms)
        pause_ms = k->config.pause_max_ms;
    (void)uv_timer_start(&k->restart, on_restart, pause_ms, 0);
}

static void on_process_exit(uv_process_t *process, int64_t status, int sig)
{
    struct instance *in = process->data;
    in->has_exited = true;
    read_messages(in, LAST_MESSAGES_MAX);
    struct keeper *k = in->keeper;
    close_instance(in);
    if (!k)
        return;
    k->instance = NULL;
    if (!k->is_stopped) {
        bool quick = uv_now(k->loop) - k->started_ms < LIVED_MS;
        k->quick_deaths = quick ? k->quick_deaths + 1 : 0;
        log_error(k->config.log_topic, "%s died (exit %d, signal %d), starting another",
                  k->config.name, (int)status, sig);
        restart_later(k);
    }
    k->ops.died(process->pid, k->ops.arg);
}

/* ---- messages ---- */

static int take_message(struct keeper *k, size_t len, int fd)
{
    if (fd >= 0)
        return k->ops.message_with_fd(k->message, len, fd, k->ops.arg);
    return k->ops.message(k->message, len, k->ops.arg);
}

static void read_messages(struct instance *in, unsigned most)
{
    for (unsigned i = 0; i < most && in->keeper && !in->is_deaf_to; i++) {
        struct keeper *k = in->keeper;
        int fd = -1;
        size_t n_fds = 0;
        ssize_t len = fd_recv(in->sock, k->message, k->config.message_max, &fd,
                              k->ops.message_with_fd ? 1 : 0, &n_fds, MSG_DONTWAIT);
        if (len == -EAGAIN)
            return;
        if (len < 0 || (len > 0 && take_message(k, (size_t)len, n_fds > 0 ? fd : -1) < 0))
            in->is_deaf_to = true;
        if (len == 0 || in->is_deaf_to) {
            put_down(in);
            return;
        }
    }
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct instance *in = poll->data;
    if (events & UV_WRITABLE && in->is_blocked && in->keeper) {
        in->is_blocked = false;
        (void)uv_poll_start(&in->poll, UV_READABLE, on_socket);
        in->keeper->ops.writable(in->keeper->ops.arg);
    }
    if (status < 0 || events & UV_READABLE)
        read_messages(in, MESSAGES_A_TURN);
}

int keeper_send(struct keeper *k, const void *bytes, size_t len, const int *fds, size_t n_fds)
{
    assert(len > 0);
    struct instance *in = k->instance;
    if (!in)
        return -ENOTCONN;
    if (in->is_blocked)
        return -EAGAIN;
    int r = fd_send(in->sock, bytes, len, fds, n_fds, MSG_DONTWAIT);
    if (k->ops.writable && (r == -EAGAIN || r == -ENOBUFS || r == -ETOOMANYREFS)) {
        in->is_blocked = true;
        (void)uv_poll_start(&in->poll, UV_READABLE | UV_WRITABLE, on_socket);
        return -EAGAIN;
    }
    /* It has just died, and on_process_exit will say so: the caller waits for the next one. */
    return r == -EPIPE ? -ENOTCONN : r;
}

/* ---- the beginning of an instance ---- */

static bool is_named(const char *variable, const char *const *names)
{
    for (const char *const *name = names; *name; name++) {
        if (strncmp(variable, *name, strlen(*name)) == 0)
            return true;
    }
    return false;
}

static void collect_environment(const struct keeper *k, char *env[ENVIRONMENT_MAX + 1])
{
    static const char *const sanitizers[] = { "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS=",
                                              "TSAN_OPTIONS=", NULL };
    size_t n = 0;
    for (char **e = environ; *e && n < ENVIRONMENT_MAX; e++) {
        if (is_named(*e, k->config.env_names) || is_named(*e, sanitizers))
            env[n++] = *e;
    }
    env[n] = NULL;
}

static int spawn_program(const struct keeper *k, struct instance *in, int child_sock)
{
    uv_stdio_container_t stdio[] = {
        { .flags = UV_IGNORE },
        { .flags = UV_IGNORE },
        { .flags = UV_INHERIT_FD, .data.fd = k->config.stderr_fd },
        [CONTROL_FD] = { .flags = UV_INHERIT_FD, .data.fd = child_sock },
    };
    char *env[ENVIRONMENT_MAX + 1];
    collect_environment(k, env);
    uv_process_options_t options = {
        .file = k->path,
        .args = k->argv,
        .env = env,
        .stdio = stdio,
        .stdio_count = sizeof stdio / sizeof stdio[0],
        .exit_cb = on_process_exit,
    };
    return uv_spawn(k->loop, &in->process, &options);
}

static int start_instance(struct keeper *k)
{
    assert(!k->instance);
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    AUTO_FD int ours = pair[0];
    AUTO_FD int theirs = pair[1];
    struct instance *in = calloc(1, sizeof *in);
    if (!in)
        return -ENOMEM;
    in->process.data = in->poll.data = in;
    int r = uv_poll_init(k->loop, &in->poll, ours);
    if (r < 0) {
        free(in);
        return r;
    }
    in->sock = TAKE_FD(ours);
    in->open_handles = 2; /* libuv initialises the process handle even when it cannot spawn */
    r = spawn_program(k, in, theirs);
    if (r < 0) {
        close_instance(in);
        return r;
    }
    (void)uv_poll_start(&in->poll, UV_READABLE, on_socket);
    in->keeper = k;
    k->instance = in;
    k->started_ms = uv_now(k->loop);
    return 0;
}

static void on_restart(uv_timer_t *timer)
{
    struct keeper *k = timer->data;
    int r = start_instance(k);
    if (r == 0) {
        k->ops.up(k->ops.arg);
        return;
    }
    log_error(k->config.log_topic, "cannot start %s: %s", k->path, strerror(-r));
    k->quick_deaths++;
    restart_later(k);
    k->ops.died(0, k->ops.arg);
}

/* ---- the keeper ---- */

static void destroy(struct keeper *k)
{
    for (char **a = k->argv; a && *a; a++)
        free(*a);
    free(k->argv);
    free(k->path);
    free(k);
}

static int copy_command(struct keeper *k, const struct keeper_config *config)
{
    size_t n = 0;
    while (config->argv[n])
        n++;
    k->path = strdup(config->path);
    k->argv = calloc(n + 1, sizeof *k->argv);
    if (!k->path || !k->argv)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        k->argv[i] = strdup(config->argv[i]);
        if (!k->argv[i])
            return -ENOMEM;
    }
    return 0;
}

int keeper_new(uv_loop_t *loop, const struct keeper_config *config, const struct keeper_ops *ops,
               struct keeper **ret_keeper)
{
    assert(config->argv[0] && config->message_max > 0 && ops->message && ops->died && ops->up);
    struct keeper *k = calloc(1, sizeof *k + config->message_max);
    if (!k)
        return -ENOMEM;
    k->loop = loop;
    k->config = *config;
    k->ops = *ops;
    if (copy_command(k, config) < 0) {
        destroy(k);
        return -ENOMEM;
    }
    (void)uv_timer_init(loop, &k->restart);
    k->restart.data = k;
    *ret_keeper = k;
    return 0;
}

static void on_keeper_closed(uv_handle_t *handle)
{
    destroy(handle->data);
}

void keeper_free(struct keeper *k)
{
    if (!k)
        return;
    if (k->instance) {
        k->instance->keeper = NULL;
        put_down(k->instance);
    }
    uv_close((uv_handle_t *)&k->restart, on_keeper_closed);
}

int keeper_start(struct keeper *k)
{
    if (k->instance || uv_is_active((uv_handle_t *)&k->restart))
        return 0;
    return start_instance(k);
}

void keeper_stop(struct keeper *k)
{
    k->is_stopped = true;
    (void)uv_timer_stop(&k->restart);
    keeper_kill(k);
}

void keeper_kill(struct keeper *k)
{
    if (k->instance)
        kill_process(k->instance);
}

void keeper_trust(struct keeper *k)
{
    k->quick_deaths = 0;
}

bool keeper_is_up(const struct keeper *k)
{
    return k->instance != NULL;
}

bool keeper_is_hopeless(const struct keeper *k)
{
    return !k->instance && k->quick_deaths >= HOPELESS_DEATHS;
}

pid_t keeper_pid(const struct keeper *k)
{
    return k->instance ? k->instance->process.pid : -1;
}
