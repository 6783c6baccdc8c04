#include "link/voice_process.h"

#include "base/cleanup.h"
#include "keep/keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    ARGS_FIXED = 8,
    PAUSE_MAX_MS = 3200,
    /* Batches that tutti-voice has not read yet: as many as a pause of its may last without a loss.
     */
    AUDIO_BUFFER_BYTES = 1 << 20,
};

struct voice_process {
    struct keeper *keeper;
    struct voice_process_ops ops;
    int audio; /* our end of the socket of frames; −1: none */
};

static int on_message(const void *bytes, size_t len, void *arg)
{
    struct voice_process *p = arg;
    struct vmsg m;
    int r = vmsg_decode(bytes, len, &m);
    if (r == 0)
        p->ops.message(&m, p->ops.arg);
    explicit_bzero(&m, sizeof m);
    return r;
}

static int on_message_with_fd(const void *bytes, size_t len, int fd, void *arg)
{
    struct voice_process *p = arg;
    AUTO_FD int owned = fd;
    struct vmsg m;
    int r = vmsg_decode(bytes, len, &m);
    if (r == 0 && m.type != VMSG_SOCKET)
        r = -EBADMSG;
    if (r == 0)
        p->ops.socket(m.id, TAKE_FD(owned), p->ops.arg);
    return r;
}

static void on_writable(void *arg)
{
    struct voice_process *p = arg;
    p->ops.writable(p->ops.arg);
}

static void drop_audio(struct voice_process *p)
{
    if (p->audio >= 0)
        (void)close(TAKE_FD(p->audio));
}

static void on_died(pid_t pid, void *arg)
{
    struct voice_process *p = arg;
    drop_audio(p);
    if (pid == 0)
        p->ops.hopeless("tutti-voice cannot be started", p->ops.arg);
    else if (keeper_is_hopeless(p->keeper))
        p->ops.hopeless("tutti-voice dies again and again", p->ops.arg);
}

/* The first that a new one hears: by which socket frames come. */
static int give_audio(struct voice_process *p)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    AUTO_FD int ours = pair[0];
    AUTO_FD int theirs = pair[1];
    const int bytes = AUDIO_BUFFER_BYTES;
    (void)setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    int r = voice_process_send(p, &(struct vmsg){ .type = VMSG_AUDIO }, theirs);
    if (r < 0)
        return r;
    drop_audio(p);
    p->audio = TAKE_FD(ours);
    return 0;
}

static void on_up(void *arg)
{
    struct voice_process *p = arg;
    if (give_audio(p) < 0)
        keeper_kill(p->keeper); /* another one may have more luck */
    else
        p->ops.replaced(p->ops.arg);
}

/* ---- the command ---- */

static size_t add_list(const char **argv, size_t n, const char *option, const char *const *values,
                       size_t n_values)
{
    for (size_t i = 0; i < n_values; i++) {
        argv[n++] = option;
        argv[n++] = values[i];
    }
    return n;
}

/* The texts are the configuration's. */
static const char **make_command(const struct voice_config *c)
{
    const char **argv =
        calloc(ARGS_FIXED + 2 * (c->n_allow_hosts + c->n_voice_hosts), sizeof *argv);
    size_t n = 0;
    if (!argv)
        return NULL;
    argv[n++] = "tutti-voice";
    argv[n++] = "--log-level";
    argv[n++] = c->log_level;
    argv[n++] = "--log-format";
    argv[n++] = c->log_format;
    if (c->allow_private_hosts)
        argv[n++] = "--allow-private-hosts";
    n = add_list(argv, n, "--allow-host", c->allow_hosts, c->n_allow_hosts);
    (void)add_list(argv, n, "--voice-host", c->voice_hosts, c->n_voice_hosts);
    return argv;
}

static int make_keeper(struct voice_process *p, uv_loop_t *loop, const struct voice_config *config)
{
    /* Certificates, and what the resolver reads. */
    static const char *const env_names[] = { "SSL_CERT_FILE=", "SSL_CERT_DIR=", "RES_OPTIONS=",
                                             "LOCALDOMAIN=", NULL };
    const char **argv = make_command(config);
    if (!argv)
        return -ENOMEM;
    struct keeper_config kept = {
        .path = config->path,
        .argv = argv,
        .env_names = env_names,
        .stderr_fd = STDERR_FILENO,
        .name = "tutti-voice",
        .log_topic = "voice",
        .message_max = VMSG_MAX,
        .pause_max_ms = PAUSE_MAX_MS,
    };
    struct keeper_ops ops = {
        .message = on_message,
        .message_with_fd = on_message_with_fd,
        .writable = on_writable,
        .died = on_died,
        .up = on_up,
        .arg = p,
    };
    int r = keeper_new(loop, &kept, &ops, &p->keeper);
    free(argv);
    return r;
}

int voice_process_new(uv_loop_t *loop, const struct voice_config *config,
                      const struct voice_process_ops *ops, struct voice_process **ret_process)
{
    struct voice_process *p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    p->ops = *ops;
    p->audio = -1;
    int r = make_keeper(p, loop, config);
    if (r < 0) {
        free(p);
        return r;
    }
    *ret_process = p;
    return 0;
}

void voice_process_free(struct voice_process *p)
{
    if (!p)
        return;
    keeper_free(p->keeper);
    drop_audio(p);
    free(p);
}

int voice_process_start(struct voice_process *p)
{
    if (keeper_is_up(p->keeper))
        return 0;
    int r = keeper_start(p->keeper);
    if (r == 0 && keeper_is_up(p->keeper))
        r = give_audio(p);
    return r;
}

int voice_process_send(struct voice_process *p, const struct vmsg *m, int fd)
{
    uint8_t bytes[VMSG_MAX];
    size_t len = vmsg_encode(m, bytes);
    int r = keeper_send(p->keeper, bytes, len, &fd, fd >= 0 ? 1 : 0);
    explicit_bzero(bytes, sizeof bytes);
    return r;
}

bool voice_process_send_batch(struct voice_process *p, const uint8_t *bytes, size_t len)
{
    return p->audio >= 0 && send(p->audio, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
}

pid_t voice_process_pid(const struct voice_process *p)
{
    return keeper_pid(p->keeper);
}
