/* Tables of what plays and of how the daemon does. */
#ifndef TUTTI_CLI_SHOW_H
#define TUTTI_CLI_SHOW_H

#include <jansson.h>
#include <stdio.h>

/* Prints the sessions of a `status` answer, one a line, ordered by channel. At most `rows` lines,
 * the heading included, and none wider than `columns`; 0: no limit of rows. `eol` ends each line.
 * Returns the number of lines. */
int show_sessions(FILE *out, const json_t *status, int columns, int rows, const char *eol);

/* Prints a `stats` answer in words, in at most five lines. Returns the number of lines. */
int show_stats(FILE *out, const json_t *stats, const char *eol);

#endif
