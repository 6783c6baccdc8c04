#include "media/playlist.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "media/variants.h"
#include "media/xml_list.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool playlist_take_line(const char **at, char line[PLAYLIST_URL_MAX])
{
    if (**at == '\0')
        return false;
    const char *p = *at;
    size_t n = strcspn(p, "\r\n");
    *at = p + n + strspn(p + n, "\r\n");
    while (n > 0 && isspace((unsigned char)p[0])) {
        p++;
        n--;
    }
    while (n > 0 && isspace((unsigned char)p[n - 1]))
        n--;
    if (n >= PLAYLIST_URL_MAX)
        n = 0; /* no URL of ours is that long */
    memcpy(line, p, n);
    line[n] = '\0';
    return true;
}

static bool begins(const char *line, const char *with)
{
    return strncasecmp(line, with, strlen(with)) == 0;
}

static const char *behind_mark(const char *text)
{
    return strncmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text;
}

static bool has_scheme(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
    return n > 1 && name[n] == ':';
}

static bool is_http(const char *url)
{
    return begins(url, "http://") || begins(url, "https://");
}

/* [bytes] of `base` that stay in front of `name`. */
static size_t kept_of(const char *base, const char *name)
{
    size_t scheme = strcspn(base, ":") + 1;
    size_t host_end = scheme + 2 + strcspn(base + scheme + 2, "/?#");
    size_t path_end = host_end + strcspn(base + host_end, "?#");
    if (name[0] == '/' && name[1] == '/')
        return scheme;
    if (name[0] == '/')
        return host_end;
    if (name[0] == '?')
        return path_end;
    while (path_end > host_end && base[path_end - 1] != '/')
        path_end--;
    return path_end;
}

/* Blanks and letters beyond ASCII are meant as such. NULL if it is too long. */
static char *encode(const char *name)
{
    char *url = text_percent_encode(name, text_is_visible_ascii);
    if (url && strlen(url) >= PLAYLIST_URL_MAX) {
        free(url);
        url = NULL;
    }
    return url;
}

char *playlist_resolve(const char *base, const char *name)
{
    if (has_scheme(name))
        return is_http(name) ? encode(name) : NULL;
    if (!is_http(base) || name[0] == '\0')
        return NULL;
    size_t kept = kept_of(base, name);
    bool needs_slash = name[0] != '/' && name[0] != '?' && base[kept - 1] != '/';
    AUTO_FREE char *url = NULL;
    if (asprintf(&url, "%.*s%s%.*s", (int)kept, base, needs_slash ? "/" : "",
                 (int)strcspn(name, "#"), name) < 0)
        return NULL;
    return encode(url);
}

static void add(const char *base, const char *name, char *urls[], size_t *n, size_t max)
{
    char *url = *n < max ? playlist_resolve(base, name) : NULL;
    if (url)
        urls[(*n)++] = url;
}

static void read_m3u(const char *text, const char *base, char *urls[], size_t *n, size_t max)
{
    char line[PLAYLIST_URL_MAX];
    while (playlist_take_line(&text, line)) {
        if (!strchr("#;", line[0])) /* or empty */
            add(base, line, urls, n, max);
    }
}

static void read_pls(const char *text, const char *base, char *urls[], size_t *n, size_t max)
{
    char line[PLAYLIST_URL_MAX];
    while (playlist_take_line(&text, line)) {
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
