/* What the text lists have in common: lines, and names that are resolved. Pure. */
#ifndef TUTTI_MEDIA_LIST_TEXT_H
#define TUTTI_MEDIA_LIST_TEXT_H

#include <stdbool.h>

enum { LIST_TEXT_MAX = 8192 }; /* [bytes] of a line or a URL, with its NUL */

/* Takes the next line of a text, without blanks around it; one that is too long is empty. Returns
 * false at its end. */
bool list_text_line(const char **at, char line[LIST_TEXT_MAX]);

/* Resolves `name` as found in a document at `base`. Returns it, allocated; NULL if it is not http
 * or https, too long, or memory is out. */
char *list_text_resolve(const char *base, const char *name);

#endif
