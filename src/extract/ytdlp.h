/* Where yt-dlp is, how it is called, and how old it is. */
#ifndef TUTTI_EXTRACT_YTDLP_H
#define TUTTI_EXTRACT_YTDLP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum { YTDLP_VERSION_MAX = 32, YTDLP_ARGS_MAX = 32, YTDLP_OLD_DAYS = 90 };

/* Finds the program: the path `given`, or yt-dlp in PATH where that is NULL. Returns 0 or -ENOENT.
 */
int ytdlp_find(const char *given, char ret_path[PATH_MAX]);

/* The Python that runs the program, by its first lines. Returns 0, or -ENOENT when it is no Python
 * script (a binary that brings its own Python, a wrapper in another language). */
int ytdlp_find_python(const char *path, char ret_python[PATH_MAX]);

/* Days since the version (a date, "2026.10.26") was made, or −1 if it says no date. */
int ytdlp_age_days(const char *version, int64_t now_unix_s);

struct ytdlp_call {
    const char *program;
    const char *version; /* "" while it is unknown: what it may lack is not asked for */
    const char *proxy;   /* or NULL */
    const char *what;
    unsigned socket_timeout_s;
};

/* The argument vector for one extraction, ending with NULL. Points into the call, and into
 * `number`. */
void ytdlp_arguments(const struct ytdlp_call *call, char number[16],
                     const char *ret_argv[YTDLP_ARGS_MAX]);

/* The daemon's environment without what is meant for the daemon alone; to be freed (one block).
 * NULL without memory. */
char **ytdlp_environment(void);

#endif
