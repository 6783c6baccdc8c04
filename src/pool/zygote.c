#include "pool/zygote.h"

#include "base/log.h"
#include "keep/keeper.h"
#include "proto/wmsg.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum { PAUSE_MAX_MS = 1600 };

struct zygote {
    struct keeper *keeper;
    struct zygote_ops ops;
};

static int on_message(const void *bytes, size_t len, void *arg)
{
    struct zygote *z = arg;
    struct wmsg m;
    if (wmsg_decode(bytes, len, &m) < 0 || m.type != WMSG_SPAWNED)
        return -EBADMSG;
    keeper_trust(z->keeper);
    z->ops.spawned(m.spawned.id, m.spawned.pid, z->ops.arg);
    return 0;
}

static void on_died(pid_t pid, void *arg)
{
    struct zygote *z = arg;
    z->ops.died(pid, z->ops.arg);
}

static void on_up(void *arg)
{
    struct zygote *z = arg;
    z->ops.up(z->ops.arg);
}

int zygote_new(uv_loop_t *loop, const char *path, const char *log_level, int stderr_fd,
               const struct zygote_ops *ops, struct zygote **ret_zygote)
{
    static const char *const env_names[] = { NULL }; /* a worker's is empty */
    const char *argv[] = { "tutti-worker", "--log-level", log_level, NULL };
    struct keeper_config config = {
        .path = path,
        .argv = argv,
        .env_names = env_names,
        .stderr_fd = stderr_fd,
        .name = "the zygote",
        .log_topic = "pool",
        .message_max = WMSG_MAX,
        .pause_max_ms = PAUSE_MAX_MS,
    };
    struct zygote *z = calloc(1, sizeof *z);
    if (!z)
        return -ENOMEM;
    z->ops = *ops;
    struct keeper_ops keeper_ops = {
        .message = on_message, .died = on_died, .up = on_up, .arg = z
    };
    int r = keeper_new(loop, &config, &keeper_ops, &z->keeper);
    if (r == 0)
        r = keeper_start(z->keeper);
    if (r < 0) {
        zygote_free(z);
        return r;
    }
    *ret_zygote = z;
    return 0;
}

void zygote_stop(struct zygote *z)
{
    keeper_stop(z->keeper);
}

void zygote_free(struct zygote *z)
{
    if (!z)
        return;
    keeper_free(z->keeper);
    free(z);
}

int zygote_spawn(struct zygote *z, uint32_t id, const struct ring_shape *shape, int sock,
                 int ring_fd)
{
    assert(sock >= 0 && ring_fd >= 0);
    struct wmsg m = { .type = WMSG_SPAWN, .spawn = { .id = id, .shape = *shape } };
    uint8_t bytes[WMSG_MAX];
    size_t len = wmsg_encode(&m, bytes, sizeof bytes);
    int fds[] = { sock, ring_fd };
    return keeper_send(z->keeper, bytes, len, fds, 2);
}

void zygote_kick(struct zygote *z)
{
    if (!keeper_is_up(z->keeper))
        return;
    log_error("pool", "the zygote does not answer");
    keeper_kill(z->keeper);
}

bool zygote_is_up(const struct zygote *z)
{
    return keeper_is_up(z->keeper);
}

bool zygote_is_hopeless(const struct zygote *z)
{
    return keeper_is_hopeless(z->keeper);
}

pid_t zygote_pid(const struct zygote *z)
{
    return keeper_pid(z->keeper);
}
