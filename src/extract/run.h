/*
 * One extraction: by a helper, or by the program where there is none or it fails; with a time
 * limit; what comes is read on libuv's thread pool. One loop's thread.
 */
#ifndef TUTTI_EXTRACT_RUN_H
#define TUTTI_EXTRACT_RUN_H

#include "base/errors.h"
#include "extract/found.h"
#include "extract/helpers.h"
#include "extract/ytdlp.h"

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct run;

enum { RUN_WHY_MAX = 256, RUN_OUTPUT_MAX = 4 << 20 };

/* What every run needs; the owner's, and outlives the runs. */
struct run_tools {
    uv_loop_t *loop;
    struct helpers *helpers; /* or NULL */
    char *program;           /* as configured; NULL: from PATH */
    char *proxy;             /* or NULL */
    char *confine;           /* the program that confines others; NULL: they run as they are */
    char **env;
    uint64_t timeout_ms;
    char version[YTDLP_VERSION_MAX]; /* of yt-dlp; "" while it is unknown */
};

struct run_ops {
    /* The end: TUTTI_OK and what was found, which the callee takes over; or an error and a
     * sentence. */
    void (*done)(enum tutti_error error, const char *why, struct found *found, void *arg);
    /* Its processes are gone and so is the run, whether it was done or cancelled. */
    void (*gone)(void *arg);
};

/* `what` is copied. Nothing happens yet. NULL without memory. */
struct run *run_new(const struct run_tools *tools, const char *what, const struct run_ops *ops,
                    void *arg);

/* For one that was not begun; NULL is fine. */
void run_free(struct run *r);

/* From here on it ends with `gone`; no callback comes from inside this call. */
void run_begin(struct run *r);

/* Of one that was begun: `done` is not called any more; its processes are asked to end, or killed
 * at once. */
void run_cancel(struct run *r);
void run_kill(struct run *r);

/* A socket may be silent for this long [s], so that yt-dlp itself says what failed. */
unsigned run_socket_timeout_s(const struct run_tools *tools);

/* Where it is told how to get a (newer) yt-dlp: no one command does everywhere, as pip refuses to
 * install into a system of today (PEP 668) and Debian's package is years old. */
#define RUN_ADVICE "see PAGES in tuttid(8)"

#endif
