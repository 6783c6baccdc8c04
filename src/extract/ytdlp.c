#include "extract/ytdlp.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_BYTES = 1024 };

/* ---- where it is ---- */

static bool is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static int find_in_path(const char *name, char ret[PATH_MAX])
{
    const char *dir = getenv("PATH");
    if (!dir)
        dir = "/usr/local/bin:/usr/bin:/bin";
    while (true) {
        size_t len = strcspn(dir, ":");
        int n = snprintf(ret, PATH_MAX, "%.*s/%s", (int)len, dir, name);
        /* An empty or relative entry would mean the directory where we happen to be. */
        if (dir[0] == '/' && n < PATH_MAX && is_program(ret))
            return 0;
        if (dir[len] == '\0')
            return -ENOENT;
        dir += len + 1;
    }
}

int ytdlp_find(const char *given, char ret_path[PATH_MAX])
{
    if (given && !strchr(given, '/'))
        return find_in_path(given, ret_path);
    if (!given)
        return find_in_path("yt-dlp", ret_path);
    /* It is started from another directory. */
    char path[PATH_MAX];
    if (!is_program(given) || !realpath(given, path))
        return -ENOENT;
    (void)snprintf(ret_path, PATH_MAX, "%s", path);
    return 0;
}

/* ---- its Python ---- */

static bool is_python_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    return strncmp(name, "python", 6) == 0 || strncmp(name, "pypy", 4) == 0;
}

/* "#!/usr/bin/python3 -s" or "#!/usr/bin/env python3" */
static int read_first_line(const char *line, char ret[PATH_MAX])
{
    char words[3][256] = { "" };
    (void)sscanf(line, " %255s %255s %255s", words[0], words[1], words[2]);
    const char *slash = strrchr(words[0], '/');
    if (slash && strcmp(slash, "/env") == 0) {
        const char *name = strcmp(words[1], "-S") == 0 ? words[2] : words[1];
        return is_python_name(name) ? find_in_path(name, ret) : -ENOENT;
    }
    if (words[0][0] != '/' || !is_python_name(words[0]) || !is_program(words[0]))
        return -ENOENT;
    (void)snprintf(ret, PATH_MAX, "%s", words[0]);
    return 0;
}

/* pip writes this where the path is too long for the kernel, or has a space in it:
 *     #!/bin/sh
 *     '''exec' "/a long/path/python" "$0" "$@" */
static int read_second_line(const char *line, char ret[PATH_MAX])
{
    static const char head[] = "'''exec' ";
    if (strncmp(line, head, sizeof head - 1) != 0)
        return -ENOENT;
    const char *path = line + sizeof head - 1;
    size_t len = path[0] == '"' ? strcspn(++path, "\"\n") : strcspn(path, " \n");
    (void)snprintf(ret, PATH_MAX, "%.*s", (int)len, path);
    return ret[0] == '/' && is_python_name(ret) && is_program(ret) ? 0 : -ENOENT;
}

int ytdlp_find_python(const char *path, char ret_python[PATH_MAX])
{
    char head[HEAD_BYTES + 1];
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, head, HEAD_BYTES);
    if (n < 2 || head[0] != '#' || head[1] != '!')
        return -ENOENT;
    head[n] = '\0';
    char *newline = strchr(head, '\n');
    if (!newline)
        return -ENOENT;
    *newline = '\0';
    if (strcmp(head, "#!/bin/sh") == 0)
        return read_second_line(newline + 1, ret_python);
    return read_first_line(head + 2, ret_python);
}

/* ---- its age ---- */

static bool read_version(const char *version, int *year, int *month, int *day)
{
    return sscanf(version, "%4d.%2d.%2d", year, month, day) == 3 && *year >= 2020 &&
           *year <= 9999 && *month >= 1 && *month <= 12 && *day >= 1 && *day <= 31;
}

int ytdlp_age_days(const char *version, int64_t now_unix_s)
{
    struct tm tm = { 0 };
    if (!read_version(version, &tm.tm_year, &tm.tm_mon, &tm.tm_mday))
        return -1;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    int64_t days = (now_unix_s - (int64_t)timegm(&tm)) / 86400;
    return days < 0 ? 0 : days > 36500 ? 36500 : (int)days;
}

/* ---- how it is called ---- */

/* Since then it may use Node.js for the riddles that YouTube sets; by itself it takes Deno only,
 * and where a bot runs, Node.js is more likely to be. */
static bool knows_node(const char *version)
{
    int year, month, day;
    return read_version(version, &year, &month, &day) &&
           year * 10000 + month * 100 + day >= 20251112;
}

void ytdlp_arguments(const struct ytdlp_call *call, char number[16],
                     const char *ret_argv[YTDLP_ARGS_MAX])
{
    /* Some of it is the default, which a file or a variable could have changed. Which format is
     * played is chosen from the list; what is asked for here only keeps yt-dlp from looking for
     * ffmpeg to join two of them. */
    static const char *const fixed[] = {
        "--ignore-config",    "--no-cache-dir",   "--no-playlist",
        "--lazy-playlist",    "--playlist-items", "1",
        "--dump-single-json", "--no-progress",    "--format",
        "bestaudio/best",     "--socket-timeout",
    };
    size_t n = 0;
    ret_argv[n++] = call->program;
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        ret_argv[n++] = fixed[i];
    (void)snprintf(number, 16, "%u", call->socket_timeout_s);
    ret_argv[n++] = number;
    if (knows_node(call->version)) {
        ret_argv[n++] = "--js-runtimes";
        ret_argv[n++] = "node";
    }
    if (call->proxy) {
        ret_argv[n++] = "--proxy";
        ret_argv[n++] = call->proxy;
    }
    ret_argv[n++] = "--";
    ret_argv[n++] = call->what;
    ret_argv[n] = NULL;
}

static bool is_ours(const char *variable)
{
    static const char *const prefixes[] = { "NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_", "TUTTI_",
                                            "CREDENTIALS_DIRECTORY=" };
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    }
    return false;
}

char **ytdlp_environment(void)
{
    size_t n = 0, bytes = 0;
    for (char **v = environ; *v; v++) {
        n++;
        bytes += strlen(*v) + 1;
    }
    char **env = malloc((n + 1) * sizeof *env + bytes);
    if (!env)
        return NULL;
    char **out = env;
    char *at = (char *)(env + n + 1);
    for (size_t i = 0; i < n; i++) {
        if (is_ours(environ[i]))
            continue;
        *out++ = at;
        at = stpcpy(at, environ[i]) + 1;
    }
    *out = NULL;
    return env;
}
