#include "base/listing.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

struct text {
    const char *at;
    size_t len;
};

static bool begins(struct text t, const char *with)
{
    size_t n = strlen(with);
    return t.len >= n && strncasecmp(t.at, with, n) == 0;
}

static void pass(struct text *t, size_t n)
{
    t->at += n;
    t->len -= n;
}

static void pass_blank(struct text *t)
{
    while (t->len > 0 && isspace((unsigned char)*t->at))
        pass(t, 1);
}

static struct text begin(const char *bytes, size_t len)
{
    struct text t = { bytes, len };
    if (begins(t, "\xef\xbb\xbf"))
        pass(&t, 3);
    pass_blank(&t);
    return t;
}

/* Goes behind the next `mark`, or to the end. */
static void pass_behind(struct text *t, const char *mark)
{
    const char *at = memmem(t->at, t->len, mark, strlen(mark));
    pass(t, at ? (size_t)(at - t->at) + strlen(mark) : t->len);
}

/* ---- markup ---- */

static bool is_one_of(struct text name, const char *const *names)
{
    for (; *names; names++) {
        if (strlen(*names) == name.len && strncasecmp(name.at, *names, name.len) == 0)
            return true;
    }
    return false;
}

/* The name of an element at "<", without the prefix of its namespace. */
static struct text element_name(struct text t)
{
    struct text name = { t.at + 1, 0 };
    for (size_t i = 1; i < t.len; i++) {
        unsigned char c = (unsigned char)t.at[i];
        if (c == ':')
            name = (struct text){ t.at + i + 1, 0 };
        else if (isalnum(c) || strchr("_-.", c))
            name.len++;
        else
            break;
    }
    return name;
}

static enum listing of_markup(struct text t)
{
    static const char *const lists[] = { "asx", "playlist", "smil", "winampxml", "rss", NULL };
    static const char *const pages[] = { "html", "head", "body", "script", "title", "meta", NULL };
    bool is_comment = begins(t, "<!--");
    while (begins(t, "<?") || begins(t, "<!")) {
        if (begins(t, "<!doctype html"))
            return LISTING_PAGE;
        pass_behind(&t, begins(t, "<!--") ? "-->" : begins(t, "<?") ? "?>" : ">");
        pass_blank(&t);
    }
    struct text name = begins(t, "<") ? element_name(t) : t;
    if (is_one_of(name, lists))
        return LISTING_XML;
    bool is_unseen = t.len == 0 && is_comment; /* HTML likes to begin with one */
    return is_unseen || is_one_of(name, pages) ? LISTING_PAGE : LISTING_NONE;
}

/* ---- lines ---- */

static bool has(struct text t, const char *what)
{
    return memmem(t.at, t.len, what, strlen(what)) != NULL;
}

static enum listing of_m3u(struct text t)
{
    if (has(t, "#EXT-X-STREAM-INF:"))
        return LISTING_VARIANTS;
    if (has(t, "#EXT-X-TARGETDURATION:") || has(t, "#EXT-X-MEDIA-SEQUENCE:"))
        return LISTING_SEGMENTS;
    return LISTING_M3U;
}

static size_t line_len(struct text t)
{
    size_t n = 0;
    while (n < t.len && t.at[n] != '\r' && t.at[n] != '\n')
        n++;
    return n;
}

static bool is_heading(struct text line)
{
    return begins(line, "[playlist]") || begins(line, "[reference]");
}

/* By the first line that says something: comments stand before it, in either kind's way. */
static enum listing of_lines(struct text t)
{
    for (struct text rest = t; rest.len > 0; pass_blank(&rest)) {
        struct text line = { rest.at, line_len(rest) };
        if (is_heading(line))
            return LISTING_PLS;
        if (begins(line, "#EXTM3U"))
            return of_m3u(rest);
        if (line.at[0] != '#' && line.at[0] != ';') {
            bool is_url = begins(line, "http://") || begins(line, "https://");
            return is_url && !memchr(t.at, '<', t.len) ? LISTING_M3U : LISTING_NONE;
        }
        pass(&rest, line.len);
    }
    return LISTING_NONE;
}

/* ---- labels ---- */

bool listing_type_is(const char *type, const char *const *types)
{
    for (; *types; types++) {
        size_t n = strlen(*types);
        if (strncasecmp(type, *types, n) == 0 &&
            (type[n] == '\0' || strchr("; \t,", type[n]) || (*types)[n - 1] == '/'))
            return true;
    }
    return false;
}

static bool is_named(const char *url, const char *suffix)
{
    const char *host = strstr(url, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    size_t len = path ? strcspn(path, "?#") : 0;
    size_t n = strlen(suffix);
    return len >= n && strncasecmp(path + len - n, suffix, n) == 0;
}

static enum listing of_labels(struct text t, const char *type, const char *url)
{
    static const char *const m3u[] = { "application/vnd.apple.mpegurl",
                                       "application/x-mpegurl",
                                       "application/mpegurl",
                                       "audio/mpegurl",
                                       "audio/x-mpegurl",
                                       NULL };
    static const char *const pls[] = { "audio/x-scpls", "audio/scpls", "application/pls+xml",
                                       NULL };
    if (t.len == 0 || t.at[0] == '<')
        return LISTING_NONE;
    if (listing_type_is(type, pls) || is_named(url, ".pls"))
        return LISTING_PLS;
    if (listing_type_is(type, m3u) || is_named(url, ".m3u") || is_named(url, ".m3u8"))
        return of_m3u(t);
    return LISTING_NONE;
}

bool listing_is_binary(const char *bytes, size_t len)
{
    /* UTF-16 has zeros, and says at its beginning that it is that. */
    if (len >= 2 && (memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0))
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c < 0x20 && c != '\t' && c != '\n' && c != '\f' && c != '\r' && c != 0x1b)
            return true;
    }
    return false;
}

enum listing listing_of(const char *text, size_t len, const char *type, const char *url)
{
    struct text t = begin(text, len);
    enum listing l = begins(t, "<") ? of_markup(t) : LISTING_NONE;
    if (l == LISTING_NONE && !listing_is_binary(text, len))
        l = begins(t, "<") ? LISTING_NONE : of_lines(t);
    if (l == LISTING_NONE && !listing_is_binary(text, len))
        l = of_labels(t, type, url);
    return l;
}
