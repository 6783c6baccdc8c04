/* The lines of an HLS list. */
#ifndef TUTTI_MEDIA_LIST_LINE_H
#define TUTTI_MEDIA_LIST_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct list_line {
    const char *at;
    size_t len; /* without what ends it */
};

/* Takes the next line that is not empty. Returns false at the end of the text. */
static inline bool list_next_line(const char **text, struct list_line *l)
{
    l->at = *text + strspn(*text, "\r\n");
    l->len = strcspn(l->at, "\r\n");
    *text = l->at + l->len;
    return l->len > 0;
}

/* What stands behind the tag, NULL if the line is another. */
static inline const char *list_behind(const struct list_line *l, const char *tag)
{
    size_t n = strlen(tag);
    return l->len >= n && memcmp(l->at, tag, n) == 0 ? l->at + n : NULL;
}

static inline bool list_names_segment(const struct list_line *l)
{
    return l->at[0] != '#';
}

#endif
