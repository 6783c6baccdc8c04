#include "link/fetch_process.h"

#include "keep/keeper.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARGS_FIXED = 16, NUMBER_BYTES = 32, PAUSE_MAX_MS = 3200 };

struct fetch_process {
    struct keeper *keeper;
    struct fetch_process_ops ops;
};

static int on_message(const void *bytes, size_t len, void *arg)
{
    struct fetch_process *p = arg;
    struct fmsg m;
    int r = fmsg_decode(bytes, len, &m);
    if (r == 0)
        p->ops.message(&m, p->ops.arg);
    return r;
}

static void on_writable(void *arg)
{
    struct fetch_process *p = arg;
    p->ops.writable(p->ops.arg);
}

static void on_died(pid_t pid, void *arg)
{
    struct fetch_process *p = arg;
    if (pid == 0)
        p->ops.hopeless("tutti-fetch cannot be started", p->ops.arg);
    else if (keeper_is_hopeless(p->keeper))
        p->ops.hopeless("tutti-fetch dies again and again", p->ops.arg);
}

static void on_up(void *arg)
{
    struct fetch_process *p = arg;
    p->ops.replaced(p->ops.arg);
}

/* ---- the command ---- */

struct fetch_command {
    const char **argv;
    size_t n;
    char connect_timeout[NUMBER_BYTES], stall_timeout[NUMBER_BYTES], give_up[NUMBER_BYTES];
};

static void add_option(struct fetch_command *c, const char *name, const char *value)
{
    assert(value);
    c->argv[c->n++] = name;
    c->argv[c->n++] = value;
}

static void add_seconds(struct fetch_command *c, const char *name, double s,
                        char number[NUMBER_BYTES])
{
    (void)snprintf(number, NUMBER_BYTES, "%.3f", s);
    add_option(c, name, number);
}

/* The texts are the configuration's and the command's own. */
static int make_command(struct fetch_command *c, const struct fetcher_config *config)
{
    c->n = 0;
    c->argv = calloc(ARGS_FIXED + 2 * config->n_allow_hosts, sizeof *c->argv);
    if (!c->argv)
        return -ENOMEM;
    c->argv[c->n++] = "tutti-fetch";
    add_option(c, "--log-level", config->log_level);
    add_option(c, "--log-format", config->log_format);
    add_seconds(c, "--connect-timeout", config->connect_timeout_s, c->connect_timeout);
    add_seconds(c, "--stall-timeout", config->stall_timeout_s, c->stall_timeout);
    add_seconds(c, "--give-up", config->give_up_s, c->give_up);
    if (config->http_proxy)
        add_option(c, "--http-proxy", config->http_proxy);
    if (config->allow_private_hosts)
        c->argv[c->n++] = "--allow-private-hosts";
    for (size_t i = 0; i < config->n_allow_hosts; i++)
        add_option(c, "--allow-host", config->allow_hosts[i]);
    return 0;
}

/* ---- the process ---- */

static int make_keeper(struct fetch_process *p, uv_loop_t *loop,
                       const struct fetcher_config *config)
{
    /* Proxies, certificates, and what the resolver reads. */
    static const char *const env_names[] = {
        "http_proxy=",   "https_proxy=", "HTTPS_PROXY=", "all_proxy=",
        "ALL_PROXY=",    "no_proxy=",    "NO_PROXY=",    "SSL_CERT_FILE=",
        "SSL_CERT_DIR=", "RES_OPTIONS=", "LOCALDOMAIN=", NULL,
    };
    struct fetch_command command;
    int r = make_command(&command, config);
    if (r < 0)
        return r;
    struct keeper_config kept = {
        .path = config->path,
        .argv = command.argv,
        .env_names = env_names,
        .stderr_fd = STDERR_FILENO,
        .name = "tutti-fetch",
        .log_topic = "fetch",
        .message_max = FMSG_MAX,
        .pause_max_ms = PAUSE_MAX_MS,
    };
    struct keeper_ops ops = {
        .message = on_message, .writable = on_writable, .died = on_died, .up = on_up, .arg = p
    };
    r = keeper_new(loop, &kept, &ops, &p->keeper);
    free(command.argv);
    return r;
}

int fetch_process_new(uv_loop_t *loop, const struct fetcher_config *config,
                      const struct fetch_process_ops *ops, struct fetch_process **ret_process)
{
    struct fetch_process *p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    p->ops = *ops;
    int r = make_keeper(p, loop, config);
    if (r < 0) {
        free(p);
        return r;
    }
    *ret_process = p;
    return 0;
}

void fetch_process_free(struct fetch_process *p)
{
    if (!p)
        return;
    keeper_free(p->keeper);
    free(p);
}

int fetch_process_start(struct fetch_process *p)
{
    return keeper_start(p->keeper);
}

int fetch_process_send(struct fetch_process *p, const struct fmsg *m, int fd)
{
    static uint8_t bytes[FMSG_MAX];
    size_t len = fmsg_encode(m, bytes, sizeof bytes);
    return keeper_send(p->keeper, bytes, len, &fd, fd >= 0 ? 1 : 0);
}

pid_t fetch_process_pid(const struct fetch_process *p)
{
    return keeper_pid(p->keeper);
}
