/* What somebody meant who mistyped a name. */
#ifndef TUTTI_CONFIG_NEAREST_H
#define TUTTI_CONFIG_NEAREST_H

#include <stddef.h>

/* The one of names[0..n) that `word` is a slip of: letters of another case, "_" for "-" and dashes
 * in front count for nothing; at most a third of the letters may be wrong, missing or too many.
 * NULL if none is that near. */
const char *nearest_name(const char *word, const char *const *names, size_t n);

#endif
