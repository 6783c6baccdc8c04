#include "media/playlist.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "media/xml_list.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { VARIANTS_MAX = 64, LINE_MAX_BYTES = PLAYLIST_URL_MAX };

/* Takes one line, without blanks around it. Returns false at the end of the text. */
static bool take_line(const char **at, char line[LINE_MAX_BYTES])
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
    if (n >= LINE_MAX_BYTES)
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
    char line[LINE_MAX_BYTES];
    while (take_line(&text, line)) {
        if (!strchr("#;", line[0])) /* or empty */
            add(base, line, urls, n, max);
    }
}

static void read_pls(const char *text, const char *base, char *urls[], size_t *n, size_t max)
{
    char line[LINE_MAX_BYTES];
    while (take_line(&text, line)) {
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

struct variant {
    long bandwidth;
    bool sound_only;
    char *url;
};

static bool attribute(const char *line, const char *name, char *value, size_t size)
{
    size_t len = strlen(name);
    for (const char *p = strstr(line, name); p; p = strstr(p + 1, name)) {
        if ((p[-1] != ',' && p[-1] != ':') || p[len] != '=')
            continue;
        const char *from = p + len + 1;
        size_t n = *from == '"' ? strcspn(from + 1, "\"") : strcspn(from, ",");
        from += *from == '"';
        (void)snprintf(value, size, "%.*s", (int)n, from);
        return true;
    }
    return false;
}

/* An audio rendition is named beside the variants; one without a URL lies inside them. */
static void take_rendition(const char *line, const char *base, struct variant *v, size_t *n)
{
    char value[LINE_MAX_BYTES];
    if (!attribute(line, "TYPE", value, sizeof value) || strcmp(value, "AUDIO") != 0)
        return;
    bool preferred = attribute(line, "DEFAULT", value, sizeof value) && begins(value, "YES");
    if (!attribute(line, "URI", value, sizeof value))
        return;
    char *url = playlist_resolve(base, value);
    if (url)
        v[(*n)++] = (struct variant){ .bandwidth = preferred, .sound_only = true, .url = url };
}

static bool has_picture(const char *line)
{
    char value[512];
    if (attribute(line, "RESOLUTION", value, sizeof value))
        return true;
    if (!attribute(line, "CODECS", value, sizeof value))
        return false;
    static const char *const pictures[] = { "avc", "hvc", "hev", "vp0", "vp8", "vp9", "av01" };
    for (size_t i = 0; i < sizeof pictures / sizeof pictures[0]; i++) {
        if (strstr(value, pictures[i]))
            return true;
    }
    return false;
}

static int by_preference(const void *a, const void *b)
{
    const struct variant *x = a;
    const struct variant *y = b;
    if (x->sound_only != y->sound_only)
        return x->sound_only ? -1 : 1;
    long d = x->sound_only ? y->bandwidth - x->bandwidth : x->bandwidth - y->bandwidth;
    return d > 0 ? 1 : d < 0 ? -1 : 0;
}

static size_t read_variants(const char *text, const char *base, struct variant *v)
{
    char line[LINE_MAX_BYTES];
    char value[32];
    struct variant next = { 0 };
    bool named = false;
    size_t n = 0;
    while (n < VARIANTS_MAX && take_line(&text, line)) {
        if (begins(line, "#EXT-X-MEDIA:")) {
            take_rendition(line, base, v, &n);
        } else if (begins(line, "#EXT-X-STREAM-INF:")) {
            named = true;
            next.sound_only = !has_picture(line);
            next.bandwidth =
                attribute(line, "BANDWIDTH", value, sizeof value) ? strtol(value, NULL, 10) : 0;
        } else if (named && line[0] != '\0' && line[0] != '#') {
            named = false;
            next.url = playlist_resolve(base, line);
            if (next.url)
                v[n++] = next;
        }
    }
    return n;
}

static void take_variants(const char *text, const char *base, char *urls[], size_t *n, size_t max)
{
    struct variant v[VARIANTS_MAX];
    size_t n_variants = read_variants(text, base, v);
    qsort(v, n_variants, sizeof v[0], by_preference);
    for (size_t i = 0; i < n_variants; i++) {
        if (*n < max)
            urls[(*n)++] = v[i].url;
        else
            free(v[i].url);
    }
}

size_t playlist_urls(const char *text, enum listing kind, const char *base, char *urls[],
                     size_t max)
{
    size_t n = 0;
    text = behind_mark(text);
    if (kind == LISTING_VARIANTS)
        take_variants(text, base, urls, &n, max);
    else if (kind == LISTING_M3U)
        read_m3u(text, base, urls, &n, max);
    else if (kind == LISTING_PLS)
        read_pls(text, base, urls, &n, max);
    else if (kind == LISTING_XML)
        read_xml(text, base, urls, &n, max);
    return n;
}
