#include "server/listener.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { BACKLOG = 512, ACCEPT_A_TURN = 32, NO_DESCRIPTOR_PAUSE_MS = 100, PEER_GROUPS_MAX = 1024 };

struct door {
    struct listener *all;
    int which;
    int fd;
    const char *path;
    uv_poll_t poll;
    uv_timer_t pause; /* while descriptors are out */
};

struct listener {
    struct listener_config config;
    struct paths paths;
    char lock_path[sizeof((struct paths *)0)->control + 8];
    int lock_fd;
    struct door door[LISTENER_COUNT];
    unsigned open_handles;
};

static int fail(int e, char why[LISTENER_WHY_MAX], const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static int fail(int e, char why[LISTENER_WHY_MAX], const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(why, LISTENER_WHY_MAX, fmt, ap);
    va_end(ap);
    return e;
}

/* Makes the runtime directory if it is not there, and sees that nobody else can get in. */
static int prepare_directory(struct listener *l, char why[LISTENER_WHY_MAX])
{
    const char *dir = l->paths.dir;
    mode_t mode = l->config.has_group ? 0750 : 0700;
    bool made = mkdir(dir, mode) == 0;
    if (!made && errno != EEXIST)
        return fail(-errno, why, "cannot make the runtime directory %s: %s", dir, strerror(errno));
    char error[PATHS_ERROR_BYTES];
    if (l->paths.in_tmp && paths_check_owner(dir, getuid(), error) < 0)
        return fail(-EPERM, why, "%s", error);
    struct stat st;
    if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
        return fail(-ENOTDIR, why, "%s is not a directory", dir);
    /* Somebody else's directory (root's /run, say) is used as it is; the sockets guard themselves.
     */
    if (st.st_uid != getuid())
        return 0;
    if (l->config.has_group && chown(dir, (uid_t)-1, l->config.group) < 0)
        return fail(-errno, why, "cannot give %s to the socket group: %s", dir, strerror(errno));
    if (chmod(dir, mode) < 0)
        return fail(-errno, why, "cannot set the mode of %s: %s", dir, strerror(errno));
    return 0;
}

static int take_lock(struct listener *l, char why[LISTENER_WHY_MAX])
{
    (void)snprintf(l->lock_path, sizeof l->lock_path, "%s.lock", l->paths.control);
    for (;;) {
        AUTO_FD int fd = open(l->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return fail(-errno, why, "cannot open the lock %s: %s", l->lock_path, strerror(errno));
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
            return fail(-EADDRINUSE, why, "another tuttid is running on %s (its lock is held)",
                        l->paths.control);
        /* The one that held it before may have removed the file that we had just opened. */
        struct stat ours, there;
        if (fstat(fd, &ours) == 0 && stat(l->lock_path, &there) == 0 &&
            ours.st_ino == there.st_ino && ours.st_dev == there.st_dev) {
            l->lock_fd = TAKE_FD(fd);
            return 0;
        }
    }
}

/* True when somebody listens there: with --audio, another daemon's lock may have another name. */
static bool is_alive(const struct sockaddr_un *address)
{
    AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd >= 0 && (connect(fd, (const void *)address, sizeof *address) == 0 || errno == EAGAIN);
}

static int listen_on(struct listener *l, struct door *d, char why[LISTENER_WHY_MAX])
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", d->path);
    struct stat st;
    if (lstat(d->path, &st) == 0) {
        if (!S_ISSOCK(st.st_mode))
            return fail(-EEXIST, why, "%s exists and is not a socket: remove it", d->path);
        if (is_alive(&address))
            return fail(-EADDRINUSE, why, "another program listens on %s", d->path);
        (void)unlink(d->path);
    }
    AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail(-errno, why, "cannot make a socket: %s", strerror(errno));
    mode_t old = umask(0177);
    int r = bind(fd, (void *)&address, sizeof address);
    int e = errno;
    (void)umask(old);
    if (r < 0)
        return fail(-e, why, "cannot bind %s: %s", d->path, strerror(e));
    if (l->config.has_group &&
        (chown(d->path, (uid_t)-1, l->config.group) < 0 || chmod(d->path, 0660) < 0)) {
        e = errno;
        (void)unlink(d->path);
        return fail(-e, why, "cannot give %s to the socket group: %s", d->path, strerror(e));
    }
    if (listen(fd, BACKLOG) < 0) {
        e = errno;
        (void)unlink(d->path);
        return fail(-e, why, "cannot listen on %s: %s", d->path, strerror(e));
    }
    d->fd = TAKE_FD(fd);
    return 0;
}

static bool in_peer_groups(int fd, gid_t group)
{
    gid_t groups[PEER_GROUPS_MAX];
    socklen_t len = sizeof groups;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
        return false;
    for (size_t i = 0; i < len / sizeof groups[0]; i++) {
        if (groups[i] == group)
            return true;
    }
    return false;
}

static bool may_connect(const struct listener *l, int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return false;
    if (peer.uid == 0 || peer.uid == geteuid())
        return true;
    return l->config.has_group &&
           (peer.gid == l->config.group || in_peer_groups(fd, l->config.group));
}

static void on_connection(uv_poll_t *poll, int status, int events);

static void on_pause_over(uv_timer_t *timer)
{
    struct door *d = timer->data;
    (void)uv_poll_start(&d->poll, UV_READABLE, on_connection);
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct door *d = poll->data;
    for (int i = 0; i < ACCEPT_A_TURN; i++) {
        int fd = accept4(d->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
                log_error("server", "cannot accept a connection: %s", strerror(errno));
                (void)uv_poll_stop(poll);
                (void)uv_timer_start(&d->pause, on_pause_over, NO_DESCRIPTOR_PAUSE_MS, 0);
            }
            return;
        }
        if (may_connect(d->all, fd)) {
            d->all->config.accepted(d->which, fd, d->all->config.arg);
        } else {
            log_warn("server", "a connection of another user is refused");
            (void)close(fd);
        }
    }
}

static int open_door(struct listener *l, int which, char why[LISTENER_WHY_MAX])
{
    struct door *d = &l->door[which];
    int r = listen_on(l, d, why);
    if (r < 0)
        return r;
    d->poll.data = d->pause.data = d;
    r = uv_poll_init(l->config.loop, &d->poll, d->fd);
    if (r < 0) {
        (void)unlink(d->path);
        (void)close(TAKE_FD(d->fd));
        return fail(r, why, "cannot watch %s: %s", d->path, uv_strerror(r));
    }
    (void)uv_timer_init(l->config.loop, &d->pause);
    (void)uv_poll_start(&d->poll, UV_READABLE, on_connection);
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct listener *l = ((struct door *)handle->data)->all;
    if (--l->open_handles == 0)
        free(l);
}

void listener_free(struct listener *l)
{
    if (!l)
        return;
    l->open_handles = 1; /* this call's own */
    for (int i = 0; i < LISTENER_COUNT; i++) {
        struct door *d = &l->door[i];
        if (d->fd < 0)
            continue;
        (void)unlink(d->path);
        (void)uv_poll_stop(&d->poll);
        (void)close(TAKE_FD(d->fd));
        l->open_handles += 2;
        uv_close((uv_handle_t *)&d->poll, on_closed);
        uv_close((uv_handle_t *)&d->pause, on_closed);
    }
    if (l->lock_fd >= 0) {
        (void)unlink(l->lock_path);
        (void)close(TAKE_FD(l->lock_fd));
    }
    if (--l->open_handles == 0)
        free(l);
}

int listener_new(const struct listener_config *config, struct listener **ret_listener,
                 char ret_why[LISTENER_WHY_MAX])
{
    struct listener *l = calloc(1, sizeof *l);
    if (!l)
        return fail(-ENOMEM, ret_why, "out of memory");
    l->config = *config;
    l->paths = *config->paths;
    l->lock_fd = -1;
    for (int i = 0; i < LISTENER_COUNT; i++)
        l->door[i] = (struct door){ .all = l, .which = i, .fd = -1 };
    l->door[LISTENER_CONTROL].path = l->paths.control;
    l->door[LISTENER_AUDIO].path = l->paths.audio;
    int r = prepare_directory(l, ret_why);
    if (r == 0)
        r = take_lock(l, ret_why);
    for (int i = 0; i < LISTENER_COUNT && r == 0; i++)
        r = open_door(l, i, ret_why);
    if (r < 0) {
        listener_free(l);
        return r;
    }
    *ret_listener = l;
    return 0;
}
