#include "extract/child.h"

#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum {
    PATIENCE_MS = 500, /* between asking and killing */
    LINGER_MS = 1000,  /* that its pipes may outlive it */
    COLLECT_MS = 20,   /* between looks whether what it left behind is gone */
    COLLECT_TRIES = 100,
    CHUNK_BYTES = 65536,
    ERRORS_BYTES = 8192,
    DESCRIPTORS_MAX = 1024,
    NICENESS = 10,
};

#define FILE_BYTES_MAX (UINT64_C(16) << 20)

/* [bytes] of standard error for each time that it is asked something: all of it is read. */
#define COMPLAINTS_BYTES_MAX ((size_t)1 << 20)

struct child {
    const struct child_ops *ops; /* NULL once nobody is interested any more */
    void *arg;
    uv_process_t process;
    uv_pipe_t in, out, err;
    uv_timer_t timer;
    unsigned n_handles; /* to be closed before the memory goes */
    pid_t pid;
    int64_t status;
    int signal;
    bool has_input;
    bool exited, out_ended, err_ended, told;
    bool too_much;
    unsigned tries;
    struct buf output;
    char errors[ERRORS_BYTES];
    size_t errors_len;
    size_t complained; /* [bytes] on standard error since it was asked */
    char chunk[CHUNK_BYTES];
};

struct outgoing {
    uv_write_t write;
    char bytes[];
};

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle)
{
    struct child *c = handle->data;
    if (--c->n_handles > 0)
        return;
    buf_done(&c->output);
    free(c);
}

static void close_handle(struct child *c, void *handle)
{
    uv_handle_t *h = handle;
    h->data = c;
    if (!uv_is_closing(h))
        uv_close(h, on_closed);
}

static void close_all(struct child *c)
{
    close_handle(c, &c->process);
    close_handle(c, &c->out);
    close_handle(c, &c->err);
    close_handle(c, &c->timer);
    if (c->has_input)
        close_handle(c, &c->in);
}

/* The daemon is the reaper of what its children leave behind. Returns true when there is nothing
 * (more) of this group. The leader is libuv's to collect, and has been. */
static bool collect_group(struct child *c)
{
    pid_t pid;
    do {
        pid = waitpid(-c->pid, NULL, WNOHANG);
    } while (pid > 0 || (pid < 0 && errno == EINTR));
    return pid < 0;
}

static void on_collect(uv_timer_t *timer)
{
    struct child *c = timer->data;
    if (collect_group(c) || ++c->tries >= COLLECT_TRIES)
        close_all(c);
}

/* Once the child has been told of and freed, in whatever order, and its group is gone. */
static void finish(struct child *c)
{
    assert(c->told);
    if (collect_group(c))
        close_all(c);
    else
        (void)uv_timer_start(&c->timer, on_collect, COLLECT_MS, COLLECT_MS);
}

static void look_whether_ended(struct child *c)
{
    if (!c->exited || !c->out_ended || !c->err_ended || c->told)
        return;
    c->told = true;
    (void)uv_timer_stop(&c->timer);
    if (c->ops)
        c->ops->ended(c, c->arg);
    else
        finish(c);
}

static void signal_group(const struct child *c, int signum)
{
    assert(c->exited || c->pid > 1); /* the negative of 1 is everybody */
    if (!c->exited)
        (void)kill(-c->pid, signum);
}

static void on_patience_over(uv_timer_t *timer)
{
    signal_group(timer->data, SIGKILL);
}

void child_end(struct child *c)
{
    if (c->exited || uv_is_active((uv_handle_t *)&c->timer))
        return;
    signal_group(c, SIGTERM);
    (void)uv_timer_start(&c->timer, on_patience_over, PATIENCE_MS, 0);
}

void child_free(struct child *c)
{
    if (!c)
        return;
    c->ops = NULL;
    signal_group(c, SIGKILL);
    if (c->told)
        finish(c);
}

/* ---- what it says ---- */

static void on_alloc(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    struct child *c = handle->data;
    *buf = uv_buf_init(c->chunk, sizeof c->chunk);
}

static void end_for_too_much(struct child *c)
{
    c->too_much = true;
    signal_group(c, SIGKILL);
}

static void on_output(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct child *c = stream->data;
    if (n < 0) {
        (void)uv_read_stop(stream);
        c->out_ended = true;
        look_whether_ended(c);
        return;
    }
    if (c->too_much || n == 0)
        return;
    if (buf_append(&c->output, buf->base, (size_t)n) < 0)
        end_for_too_much(c);
    else if (c->ops && c->ops->output)
        c->ops->output(c, c->arg);
}

/* Keeps the end: what went wrong is said last. */
static void keep_errors(struct child *c, const char *bytes, size_t len)
{
    const size_t room = sizeof c->errors - 1;
    if (len > room / 2) {
        bytes += len - room / 2;
        len = room / 2;
    }
    if (c->errors_len + len > room) {
        size_t drop = c->errors_len - room / 2;
        memmove(c->errors, c->errors + drop, c->errors_len - drop);
        c->errors_len -= drop;
    }
    for (size_t i = 0; i < len; i++)
        c->errors[c->errors_len++] = bytes[i] == '\0' ? ' ' : bytes[i];
    c->errors[c->errors_len] = '\0';
}

static void on_errors(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct child *c = stream->data;
    if (n > 0) {
        keep_errors(c, buf->base, (size_t)n);
        c->complained += (size_t)n;
        if (c->complained > COMPLAINTS_BYTES_MAX && !c->too_much)
            end_for_too_much(c);
    } else if (n < 0) {
        (void)uv_read_stop(stream);
        c->err_ended = true;
        look_whether_ended(c);
    }
}

/* Somebody who left the group holds its pipes. */
static void on_lingering(uv_timer_t *timer)
{
    struct child *c = timer->data;
    (void)uv_read_stop((uv_stream_t *)&c->out);
    (void)uv_read_stop((uv_stream_t *)&c->err);
    c->out_ended = c->err_ended = true;
    look_whether_ended(c);
}

static void on_process_exit(uv_process_t *process, int64_t status, int signum)
{
    struct child *c = process->data;
    c->status = status;
    c->signal = signum;
    /* What it started must not go on without it, nor keep its pipes open. The group's number is
     * free for others only when its last member is gone; then there is nobody to be hit. */
    (void)kill(-c->pid, SIGKILL);
    c->exited = true;
    (void)uv_timer_start(&c->timer, on_lingering, LINGER_MS, 0);
    look_whether_ended(c);
}

static void on_written(uv_write_t *write, int status)
{
    free(write->data);
}

int child_write(struct child *c, const char *bytes, size_t len)
{
    assert(c->has_input && len > 0);
    struct outgoing *o = malloc(sizeof *o + len);
    if (!o)
        return -ENOMEM;
    memcpy(o->bytes, bytes, len);
    o->write.data = o;
    uv_buf_t buf = uv_buf_init(o->bytes, (unsigned)len);
    c->complained = 0;
    int r = uv_write(&o->write, (uv_stream_t *)&c->in, &buf, 1, on_written);
    if (r < 0)
        free(o);
    return r;
}

/* ---- the beginning ---- */

static void set_limit(pid_t pid, __rlimit_resource_t what, rlim_t most)
{
    struct rlimit limit;
    if (prlimit(pid, what, NULL, &limit) < 0)
        return;
    if (most > limit.rlim_max)
        most = limit.rlim_max;
    limit = (struct rlimit){ .rlim_cur = most, .rlim_max = most };
    if (prlimit(pid, what, &limit, NULL) < 0)
        log_debug("extract", "no limit on process %d: %s", (int)pid, strerror(errno));
}

static void set_limits(pid_t pid)
{
    set_limit(pid, RLIMIT_DATA, CHILD_MEMORY_MAX);
    set_limit(pid, RLIMIT_CORE, 0);
    set_limit(pid, RLIMIT_FSIZE, FILE_BYTES_MAX);
    set_limit(pid, RLIMIT_NOFILE, DESCRIPTORS_MAX);
}

static void init_pipe(struct child *c, uv_loop_t *loop, uv_pipe_t *pipe)
{
    (void)uv_pipe_init(loop, pipe, 0);
    pipe->data = c;
    c->n_handles++;
}

static int spawn(struct child *c, uv_loop_t *loop, const struct child_config *config)
{
    uv_stdio_container_t stdio[3] = {
        { .flags = UV_IGNORE },
        { .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&c->out },
        { .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&c->err },
    };
    if (config->with_input) {
        stdio[0].flags = UV_CREATE_PIPE | UV_READABLE_PIPE;
        stdio[0].data.stream = (uv_stream_t *)&c->in;
    }
    /* libuv wants them writable, and leaves them alone. */
    uv_process_options_t options = {
        .file = config->argv[0],
        .args = (char **)(uintptr_t)config->argv,
        .env = (char **)(uintptr_t)config->env,
        .cwd = "/", /* nothing that lies about is to be read as a configuration or a module */
        .flags = UV_PROCESS_DETACHED,
        .stdio_count = 3,
        .stdio = stdio,
        .exit_cb = on_process_exit,
    };
    c->n_handles++;
    return uv_spawn(loop, &c->process, &options);
}

int child_new(uv_loop_t *loop, const struct child_config *config, const struct child_ops *ops,
              void *arg, struct child **ret_child)
{
    assert(config->argv[0] && ops->ended);
    struct child *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->ops = ops;
    c->arg = arg;
    c->has_input = config->with_input;
    buf_init(&c->output, config->output_max);
    init_pipe(c, loop, &c->out);
    init_pipe(c, loop, &c->err);
    if (c->has_input)
        init_pipe(c, loop, &c->in);
    (void)uv_timer_init(loop, &c->timer);
    c->timer.data = c;
    c->n_handles++;
    c->process.data = c;
    int r = spawn(c, loop, config);
    if (r < 0) {
        close_all(c);
        return r;
    }
    c->pid = c->process.pid;
    if (!config->confined)
        set_limits(c->pid);
    if (config->gently)
        (void)setpriority(PRIO_PROCESS, (id_t)c->pid, NICENESS);
    (void)uv_read_start((uv_stream_t *)&c->out, on_alloc, on_output);
    (void)uv_read_start((uv_stream_t *)&c->err, on_alloc, on_errors);
    *ret_child = c;
    return 0;
}

struct buf *child_output(struct child *c)
{
    return &c->output;
}

const char *child_errors(const struct child *c)
{
    return c->errors;
}

pid_t child_pid(const struct child *c)
{
    return c->pid;
}

bool child_succeeded(const struct child *c)
{
    return c->exited && c->status == 0 && c->signal == 0 && !c->too_much;
}

bool child_wrote_too_much(const struct child *c)
{
    return c->too_much;
}
