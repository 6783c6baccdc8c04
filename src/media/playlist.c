#include "media/playlist.h"

#include "media/list_text.h"
#include "media/variants.h"
#include "media/xml_list.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static bool begins(const char *line, const char *with)
{
    return strncasecmp(line, with, strlen(with)) == 0;
}

static const char *behind_mark(const char *text)
{
    return strncmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text;
}

static void add(const char *base, const char *name, char *urls[], size_t *n, size_t max)
{
    char *url = *n < max ? list_text_resolve(base, name) : NULL;
    if (url)
        urls[(*n)++] = url;
}

static void read_m3u(const char *text, const char *base, char *urls[], size_t *n, size_t max)
{
    char line[LIST_TEXT_MAX];
    while (list_text_line(&text, line)) {
        if (!strchr("#;", line[0])) /* or empty */
            add(base, line, urls, n, max);
    }
}

static void read_pls(const char *text, const char *base, char *urls[], size_t *n, size_t max)
{
    char line[LIST_TEXT_MAX];
    while (list_text_line(&text, line)) {
        char *value = strchr(line, '=');
        if ((begins(line, "file") || begins(line, "ref")) && value)
            add(base, value + 1 + strspn(value + 1, " \t"), urls, n, max);
    }
}

struct entries {
    const char *base;
    char **urls;
    size_t *n;
    size_t max;
};

static void take_entry(const char *name, void *arg)
{
    struct entries *e = arg;
    add(e->base, name, e->urls, e->n, e->max);
}

static void read_xml(const char *text, const char *base, char *urls[], size_t *n, size_t max)
{
    struct entries e = { base, urls, n, max };
    xml_list_read(text, strlen(text), take_entry, &e);
}

size_t playlist_urls(const char *text, enum listing kind, const char *base, char *urls[],
                     size_t max)
{
    size_t n = 0;
    text = behind_mark(text);
    if (kind == LISTING_VARIANTS)
        n = variants_urls(text, base, urls, max);
    else if (kind == LISTING_M3U)
        read_m3u(text, base, urls, &n, max);
    else if (kind == LISTING_PLS)
        read_pls(text, base, urls, &n, max);
    else if (kind == LISTING_XML)
        read_xml(text, base, urls, &n, max);
    return n;
}
