#include "config/nearest.h"

#include <ctype.h>
#include <string.h>

enum { WORD_MAX = 40 };

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

static char folded(char c)
{
    return c == '_' ? '-' : (char)tolower((unsigned char)c);
}

/* Levenshtein's distance, row by row. Both words are shorter than WORD_MAX. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1];
    size_t len = strlen(b);
    for (size_t j = 0; j <= len; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t before = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < len; j++) {
            size_t changed = before + (folded(a[i]) != folded(b[j]));
            before = row[j + 1];
            row[j + 1] = smallest(changed, before + 1, row[j] + 1);
        }
    }
    return row[len];
}

const char *nearest_name(const char *word, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t least = 0;
    word += strspn(word, "-");
    if (strlen(word) >= WORD_MAX)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(names[i]);
        size_t d = len < WORD_MAX ? distance(word, names[i]) : len;
        if (d <= len / 3 && (!best || d < least)) {
            best = names[i];
            least = d;
        }
    }
    return best;
}
