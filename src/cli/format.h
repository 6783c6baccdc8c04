/* Values as people read them, in the columns of a terminal. */
#ifndef TUTTI_CLI_FORMAT_H
#define TUTTI_CLI_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { FORMAT_TIME_BYTES = 24 };

/* "3:07" or "1:02:03"; "-:--" for a negative time, which stands for an unknown one. Returns `ret`.
 */
const char *format_time(double seconds, char ret[FORMAT_TIME_BYTES]);

/* Prints `text` in at most `columns` columns, and fills up with blanks if `pad`. What the locale
 * cannot show, control characters included, becomes '?', so that a title from the network moves no
 * cursor. A cut text ends in "~". */
void format_fit(FILE *out, const char *text, int columns, bool pad);

/* Prints "[=====>    ]", `columns` wide. A negative fraction stands for an unknown one. */
void format_bar(FILE *out, double fraction, int columns);

/* The size of the terminal behind `fd`, or 80 × 24. */
void format_terminal_size(int fd, int *ret_columns, int *ret_rows);

#endif
