#include "cli/daemon.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/signals.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { START_MS = 15000, STOP_MS = 3000, LINE_BYTES = 1024, DIR_BYTES = 64, FIXED_ARGS = 9 };

struct private_daemon {
    pid_t pid;  /* −1: none */
    int pid_fd; /* readable when it has ended; −1 */
    char dir[DIR_BYTES];
    char control[DIR_BYTES + 16];
    char audio[DIR_BYTES + 16];
    char line[LINE_BYTES]; /* its first line */
};

const char *daemon_control(const struct private_daemon *d)
{
    return d->control;
}

const char *daemon_audio(const struct private_daemon *d)
{
    return d->audio;
}

/* Beside this program, as in a build tree or an installation out of the way; else its bare name,
 * for execvp to look up. */
static void find_program(char ret[PATH_MAX])
{
    static const char name[] = "tuttid";
    ssize_t n = readlink("/proc/self/exe", ret, PATH_MAX - sizeof name);
    if (n > 0) {
        ret[n] = '\0';
        char *slash = strrchr(ret, '/');
        if (slash) {
            memcpy(slash + 1, name, sizeof name);
            if (access(ret, X_OK) == 0)
                return;
        }
    }
    memcpy(ret, name, sizeof name);
}

static void run_child(char **argv, int ready_fd, pid_t parent)
{
    /* Its own process group: Ctrl-C is for us, who end the play first and the daemon then. Should
     * we be killed outright, it ends as well. */
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(127);
    signals_reset();
    /* Its surroundings must not redirect its sockets, nor may it notify our service manager. */
    (void)unsetenv("TUTTI_RUNTIME_DIR");
    (void)unsetenv("TUTTI_CONTROL");
    (void)unsetenv("TUTTI_AUDIO");
    (void)unsetenv("TUTTI_SOCKET_GROUP");
    (void)unsetenv("NOTIFY_SOCKET");
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)dup2(null_fd, STDIN_FILENO);
    (void)dup2(ready_fd, STDOUT_FILENO);
    (void)execvp(argv[0], argv);
    (void)dprintf(STDERR_FILENO, "tutti: cannot start %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static int spawn(struct private_daemon *d, const struct daemon_rights *rights, int ready_fd)
{
    static char runtime_dir[] = "--runtime-dir", log_level[] = "--log-level", error[] = "error",
                media_root[] = "--media-root",
                allow_host[] = "--allow-host"; /* execvp's vector is of char *, not const */
    char program[PATH_MAX];
    find_program(program);
    AUTO_FREE char **argv =
        calloc(FIXED_ARGS + 2 * (rights->n_roots + rights->n_hosts), sizeof *argv);
    if (!argv)
        return -ENOMEM;
    size_t n = 0;
    argv[n++] = program;
    argv[n++] = runtime_dir;
    argv[n++] = d->dir;
    argv[n++] = log_level;
    argv[n++] = error;
    for (size_t i = 0; i < rights->n_roots; i++) {
        argv[n++] = media_root;
        argv[n++] = rights->roots[i];
    }
    for (size_t i = 0; i < rights->n_hosts; i++) {
        argv[n++] = allow_host;
        argv[n++] = rights->hosts[i];
    }
    pid_t parent = getpid();
    d->pid = fork();
    if (d->pid < 0)
        return -errno;
    if (d->pid == 0)
        run_child(argv, ready_fd, parent);
    d->pid_fd = pidfd_open(d->pid, 0);
    return d->pid_fd < 0 ? -errno : 0;
}

/* Reads the daemon's first line. Returns 0, -EINTR for a signal, -ETIMEDOUT, or -EPIPE when it
 * ended or said nothing. */
static int read_line(struct private_daemon *d, int fd, int signal_fd)
{
    uint64_t until_ns = clock_now_ns() + START_MS * NS_PER_MS;
    size_t len = 0;
    for (;;) {
        uint64_t now_ns = clock_now_ns();
        if (now_ns >= until_ns)
            return -ETIMEDOUT;
        struct pollfd fds[] = {
            { .fd = fd, .events = POLLIN },
            { .fd = signal_fd, .events = POLLIN },
        };
        if (poll(fds, 2, (int)((until_ns - now_ns) / NS_PER_MS) + 1) < 0 && errno != EINTR)
            return -errno;
        if (fds[1].revents)
            return -EINTR; /* it stays readable: the caller takes it */
        if (!fds[0].revents)
            continue;
        ssize_t n = read(fd, d->line + len, sizeof d->line - 1 - len);
        if (n <= 0)
            return -EPIPE;
        len += (size_t)n;
        d->line[len] = '\0';
        if (strchr(d->line, '\n'))
            return 0;
        if (len == sizeof d->line - 1)
            return -EPROTO;
    }
}

static int wait_ready(struct private_daemon *d, int fd, int signal_fd)
{
    int err = read_line(d, fd, signal_fd);
    if (err == -EINTR)
        return err;
    if (err == -EPIPE)
        (void)fputs("tutti: the private daemon ended before it was ready\n", stderr);
    else if (err == -ETIMEDOUT)
        (void)fputs("tutti: the private daemon did not become ready\n", stderr);
    else if (err == 0 && strncmp(d->line, "ready ", 6) != 0)
        err = -EPROTO;
    if (err == -EPROTO)
        (void)fprintf(stderr, "tutti: the private daemon said something else than \"ready\"\n");
    return err;
}

int daemon_start(const struct daemon_rights *rights, int signal_fd, struct private_daemon **ret)
{
    struct private_daemon *d = calloc(1, sizeof *d);
    int pipe_fds[2] = { -1, -1 };
    if (!d)
        return -ENOMEM;
    d->pid = d->pid_fd = -1;
    (void)snprintf(d->dir, sizeof d->dir, "/tmp/tutti-play-XXXXXX");
    if (!mkdtemp(d->dir) || pipe2(pipe_fds, O_CLOEXEC) < 0) {
        int err = -errno;
        (void)fprintf(stderr, "tutti: cannot prepare a private daemon: %s\n", strerror(-err));
        daemon_stop(d);
        return err;
    }
    (void)snprintf(d->control, sizeof d->control, "%s/control.sock", d->dir);
    (void)snprintf(d->audio, sizeof d->audio, "%s/audio.sock", d->dir);
    int err = spawn(d, rights, pipe_fds[1]);
    (void)close(pipe_fds[1]);
    if (err < 0)
        (void)fprintf(stderr, "tutti: cannot start a private daemon: %s\n", strerror(-err));
    else
        err = wait_ready(d, pipe_fds[0], signal_fd);
    (void)close(pipe_fds[0]);
    if (err < 0) {
        daemon_stop(d);
        return err;
    }
    *ret = d;
    return 0;
}

static void end_process(struct private_daemon *d)
{
    if (d->pid <= 0)
        return;
    (void)kill(d->pid, SIGTERM);
    struct pollfd ended = { .fd = d->pid_fd, .events = POLLIN };
    if (d->pid_fd < 0 || poll(&ended, 1, STOP_MS) <= 0)
        (void)kill(d->pid, SIGKILL);
    while (waitpid(d->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    cleanup_fd(&d->pid_fd);
}

/* A daemon that ended well has left its directory empty; one that was killed has not. */
static void remove_dir(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir))
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        (void)closedir(dir);
    (void)rmdir(path);
}

void daemon_stop(struct private_daemon *d)
{
    if (!d)
        return;
    end_process(d);
    remove_dir(d->dir);
    free(d);
}
