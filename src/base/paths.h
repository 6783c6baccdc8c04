/*
 * Where the sockets are. The daemon and its clients answer this question with the same function, so
 * that they meet without being told.
 */
#ifndef TUTTI_BASE_PATHS_H
#define TUTTI_BASE_PATHS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

enum {
    PATHS_SOCKET_BYTES = sizeof(((struct sockaddr_un *)0)->sun_path), /* with the final NUL */
    PATHS_ERROR_BYTES = 256,
};

/* Where the daemon is that an installed systemd unit starts: a client for whom nothing was said
 * looks there when there is none at paths_resolve's. */
#define PATHS_SYSTEM_DIR "/run/tutti"

/* What the user asked for: command line, TUTTI_… environment and configuration file, already merged
 * by the caller. NULL where nothing was said. */
struct paths_given {
    const char *runtime_dir;
    const char *control;
    const char *audio;
};

/* What the surroundings offer where the user said nothing. NULL, "" and relative paths count as
 * unset, as the XDG specification asks. */
struct paths_env {
    const char *runtime_directory; /* $RUNTIME_DIRECTORY; of a list, the first */
    const char *xdg_runtime_dir;   /* $XDG_RUNTIME_DIR */
    uid_t uid;
};

struct paths {
    char dir[PATH_MAX];               /* the runtime directory */
    char control[PATHS_SOCKET_BYTES]; /* of the control socket */
    char audio[PATHS_SOCKET_BYTES];   /* of the audio socket */
    bool in_tmp; /* dir is /tmp/tutti-UID, which anyone could have made: paths_check_owner it */
};

/* Reads the process's environment. The strings belong to the environment. */
struct paths_env paths_env_read(void);

/* Decides the three paths; touches no file. Returns 0, -EINVAL for an empty path, or -ENAMETOOLONG
 * for one that does not fit a socket address; then `ret_error` holds a sentence for people and
 * *ret is untouched. */
int paths_resolve(const struct paths_given *given, const struct paths_env *env, struct paths *ret,
                  char ret_error[PATHS_ERROR_BYTES]);

/* Makes sure that `dir` is a directory (no symbolic link) of `uid` that nobody else may write to.
 * Returns 0, -ENOENT when there is none, or -EPERM with a sentence in `ret_error`, which every
 * failure fills. */
int paths_check_owner(const char *dir, uid_t uid, char ret_error[PATHS_ERROR_BYTES]);

#endif
