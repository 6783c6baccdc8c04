/*
 * How a play is shown while it goes on: a line that is drawn over and over on a terminal, plain
 * lines everywhere else.
 */
#ifndef TUTTI_CLI_PROGRESS_H
#define TUTTI_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
    FILE *out;
    bool is_terminal;
    bool drawn;       /* the line is on the screen */
    uint64_t said_ns; /* when the last plain line about the position was printed */
};

/* What there is to show. */
struct progress_view {
    const char *title;
    const char *state; /* "streaming", "paused", "extracting" */
    double position;   /* [s] */
    double duration;   /* [s]; negative: unknown */
    double buffered;   /* [s] */
};

enum { PROGRESS_PLAIN_S = 10 }; /* between two plain lines about the position */

void progress_init(struct progress *p, FILE *out);

/* Draws the bar; in plain mode prints a line when the last one is old enough. */
void progress_show(struct progress *p, const struct progress_view *view, uint64_t now_ns);

/* Prints a line that stays, above the bar. */
void progress_say(struct progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Takes the bar away. */
void progress_clear(struct progress *p);

#endif
