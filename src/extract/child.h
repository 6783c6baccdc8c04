/*
 * A child process: a group of its own, so that what it starts ends with it; limits on its memory
 * and its output; what it writes is kept. One loop's thread.
 */
#ifndef TUTTI_EXTRACT_CHILD_H
#define TUTTI_EXTRACT_CHILD_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

struct child;

struct child_config {
    const char *const *argv; /* argv[0] is the program's path; ends with NULL */
    char *const *env;        /* ends with NULL */
    bool with_input;         /* there is a pipe to its standard input, else /dev/null */
    bool confined;           /* it runs behind tutti-confine, which sets the limits */
    bool gently;             /* others go first: it is in no hurry */
    size_t output_max;       /* [bytes] that may wait; more ends it, as a MiB of complaints does */
};

struct child_ops {
    void (*output)(struct child *c,
                   void *arg);                 /* there is more in child_output; NULL: don't tell */
    void (*ended)(struct child *c, void *arg); /* it is gone, all it wrote is here; child_free */
};

/* `ops` must stay. Returns 0 or negative errno, for instance -ENOENT. */
int child_new(uv_loop_t *loop, const struct child_config *config, const struct child_ops *ops,
              void *arg, struct child **ret_child);

/* The end of it: nothing is called any more. If it still runs it is killed with its group, and its
 * memory goes when it is collected. NULL is fine. */
void child_free(struct child *c);

/* Asks the group to end, and kills it if it has not after half a second; `ended` follows. */
void child_end(struct child *c);

/* Sends to its standard input; it may complain anew. Returns 0 or negative errno. */
int child_write(struct child *c, const char *bytes, size_t len);

/* What it wrote on standard output and nobody has consumed. */
struct buf *child_output(struct child *c);

/* The last few thousand bytes of its standard error, as text. */
const char *child_errors(const struct child *c);

pid_t child_pid(const struct child *c);

/* Of one that has ended: whether it exited with status 0; whether it wrote too much. */
bool child_succeeded(const struct child *c);
bool child_wrote_too_much(const struct child *c);

/* [bytes] of private memory, of each process of a child. Address space would be the wrong thing to
 * limit: the JavaScript engines that yt-dlp may call reserve a hundred times what they use. */
#define CHILD_MEMORY_MAX (UINT64_C(1) << 30)

#endif
