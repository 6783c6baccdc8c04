#include "media/list_text.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool list_text_line(const char **at, char line[LIST_TEXT_MAX])
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
    if (n >= LIST_TEXT_MAX)
        n = 0; /* no URL of ours is that long */
    memcpy(line, p, n);
    line[n] = '\0';
    return true;
}

static bool has_scheme(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
    return n > 1 && name[n] == ':';
}

static bool is_http(const char *url)
{
    return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
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
    if (url && strlen(url) >= LIST_TEXT_MAX) {
        free(url);
        url = NULL;
    }
    return url;
}

char *list_text_resolve(const char *base, const char *name)
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
