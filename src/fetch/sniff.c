#include "fetch/sniff.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static bool is_type(const char *type, const char *what)
{
    size_t n = strlen(what);
    return strncasecmp(type, what, n) == 0 &&
           (type[n] == '\0' || strchr("; \t,", type[n]) || what[n - 1] == '/');
}

static bool is_one_of(const char *type, const char *const *list)
{
    for (; *list; list++) {
        if (is_type(type, *list))
            return true;
    }
    return false;
}

/* Skips a byte order mark and white space. */
static void skip_blank(const char **s, size_t *len)
{
    if (*len >= 3 && memcmp(*s, "\xef\xbb\xbf", 3) == 0) {
        *s += 3;
        *len -= 3;
    }
    while (*len > 0 && isspace((unsigned char)**s)) {
        (*s)++;
        (*len)--;
    }
}

static bool begins(const char *s, size_t len, const char *what)
{
    size_t n = strlen(what);
    return len >= n && strncasecmp(s, what, n) == 0;
}

static bool looks_like_playlist(const char *s, size_t len)
{
    return begins(s, len, "#EXTM3U") || begins(s, len, "[playlist]");
}

static bool looks_like_page(const char *s, size_t len)
{
    static const char *const marks[] = { "<!doctype html", "<html", "<head", "<body", "<script",
                                         "<title",         "<meta", "<!--",  NULL };
    for (size_t i = 0; marks[i]; i++) {
        if (begins(s, len, marks[i]))
            return true;
    }
    /* XHTML */
    return begins(s, len, "<?xml") && memmem(s, len, "<html", 5) != NULL;
}

enum fetch_kind sniff_kind(const char *type, const void *bytes, size_t len)
{
    static const char *const playlists[] = { "application/vnd.apple.mpegurl",
                                             "application/x-mpegurl",
                                             "application/mpegurl",
                                             "audio/mpegurl",
                                             "audio/x-mpegurl",
                                             "audio/x-scpls",
                                             "application/pls+xml",
                                             NULL };
    static const char *const media[] = { "audio/", "video/", "application/ogg", NULL };
    static const char *const pages[] = { "text/html", "application/xhtml+xml", NULL };
    const char *s = bytes;
    skip_blank(&s, &len);
    if (looks_like_playlist(s, len))
        return FETCH_PLAYLIST;
    if (is_one_of(type, media) && !is_one_of(type, playlists))
        return FETCH_MEDIA;
    if (looks_like_page(s, len))
        return FETCH_PAGE;
    /* A playlist may be a bare list of names, told by its type alone; but it is text. */
    if (is_one_of(type, playlists))
        return memchr(s, '\0', len) ? FETCH_MEDIA : FETCH_PLAYLIST;
    return is_one_of(type, pages) ? FETCH_PAGE : FETCH_MEDIA;
}
