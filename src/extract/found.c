#include "extract/found.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "extract/formats.h"
#include "base/url.h"
#include "proto/fetch_msg.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    LISTS_DEEP_MAX = 4, /* a channel is a list of lists */
    ENTRIES_MAX = 1000, /* that are looked at for one that is there */
    HEADERS_MAX = 32,
    THUMBNAIL_MAX = 2048,
};

#define DURATION_MAX_S 1e7

/* A string without NULs in it, or NULL. */
static const char *text(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    const char *s = json_string_value(v);
    return s && strlen(s) == json_string_length(v) ? s : NULL;
}

/* ---- the entry that is played ---- */

static const json_t *first_entry(const json_t *list)
{
    const json_t *entries = json_object_get(list, "entries");
    for (size_t i = 0; i < json_array_size(entries) && i < ENTRIES_MAX; i++) {
        const json_t *entry = json_array_get(entries, i);
        if (json_is_object(entry))
            return entry; /* null: it could not be had */
    }
    return NULL;
}

/* Goes down to something that can be played; notes on the way whether it is one of several. */
static const json_t *find_entry(const json_t *info, struct found *f, const char **list_title)
{
    for (unsigned i = 0; i <= LISTS_DEEP_MAX && json_is_object(info); i++) {
        if (!json_object_get(info, "entries"))
            return info;
        if (json_integer_value(json_object_get(info, "playlist_count")) != 1)
            f->first_entry = true;
        if (!*list_title)
            *list_title = text(info, "title");
        info = first_entry(info);
    }
    return NULL;
}

/* ---- headers ---- */

struct lines {
    char text[FOUND_HEADERS_MAX + 1];
    size_t len;
    unsigned n;
};

/* What the fetcher decides itself, or what would change the meaning of its request. */
static bool is_ours(const char *name)
{
    static const char *const ours[] = {
        "accept-encoding", "connection",   "content-length", "content-type",
        "expect",          "host",         "if-match",       "if-modified-since",
        "if-none-match",   "if-range",     "keep-alive",     "if-unmodified-since",
        "range",           "te",           "trailer",        "transfer-encoding",
        "upgrade",         "icy-metadata",
    };
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (strcasecmp(name, ours[i]) == 0)
            return true;
    }
    return strncasecmp(name, "proxy-", 6) == 0;
}

/* A line that does not fit, or that is none, is left out. */
static void add_line(struct lines *l, const char *name, const char *value)
{
    size_t room = sizeof l->text - l->len;
    char *at = l->text + l->len;
    int n = snprintf(at, room, "%s: %s\n", name, value);
    bool fits = n > 0 && (size_t)n < room && l->n < HEADERS_MAX;
    if (fits && !strpbrk(name, "\r\n") && !strpbrk(value, "\r\n") &&
        fetch_text_is_sane(FETCH_TEXT_HEADERS, at)) {
        l->len += (size_t)n;
        l->n++;
    } else {
        *at = '\0';
    }
}

/* True for what stands behind a cookie and tells where it belongs, which yt-dlp has looked at. */
static bool is_cookie_attribute(const char *s)
{
    static const char *const names[] = { "domain",  "path",     "secure",  "expires",
                                         "version", "httponly", "max-age", "samesite" };
    size_t len = strcspn(s, "=");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (len == strlen(names[i]) && strncasecmp(s, names[i], len) == 0)
            return true;
    }
    return false;
}

/* "a=1; Domain=x; Path=/; b=2; Domain=x" is sent as "a=1; b=2". "a;b" becomes longer: "a; b". */
static void add_cookies(struct lines *l, const char *cookies)
{
    if (!cookies || strlen(cookies) >= FOUND_HEADERS_MAX)
        return;
    AUTO_FREE char *copy = strdup(cookies);
    AUTO_FREE char *kept = calloc(2, strlen(cookies) + 1);
    if (!copy || !kept)
        return;
    char *at = kept, *rest = copy, *item;
    while ((item = strsep(&rest, ";")) != NULL) {
        item += strspn(item, " ");
        if (item[0] == '\0' || is_cookie_attribute(item))
            continue;
        if (at > kept)
            at = stpcpy(at, "; ");
        at = stpcpy(at, item);
    }
    if (at > kept)
        add_line(l, "Cookie", kept);
}

static char *read_headers(const json_t *info, const json_t *format)
{
    struct lines *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    json_t *headers = json_object_get(format, "http_headers");
    if (!json_is_object(headers))
        headers = json_object_get(info, "http_headers");
    void *it = json_object_iter(headers);
    for (; it; it = json_object_iter_next(headers, it)) {
        const char *name = json_object_iter_key(it);
        const char *value = text(headers, name);
        if (value && !is_ours(name))
            add_line(l, name, value);
    }
    add_cookies(l, text(format, "cookies"));
    char *copy = strdup(l->text);
    free(l);
    return copy;
}

/* ---- the rest ---- */

static char *read_title(const json_t *entry, const char *list_title)
{
    char title[FOUND_TITLE_MAX + 1];
    const char *given = text(entry, "title");
    if (!given)
        given = list_title;
    return given && text_sanitise(title, sizeof title, given) > 0 ? strdup(title) : NULL;
}

static char *read_thumbnail(const json_t *entry)
{
    const char *s = text(entry, "thumbnail");
    return s && strnlen(s, THUMBNAIL_MAX + 1) <= THUMBNAIL_MAX && url_is_http(s) ? strdup(s) : NULL;
}

static bool read_is_live(const json_t *entry)
{
    const char *status = text(entry, "live_status");
    return json_is_true(json_object_get(entry, "is_live")) ||
           (status && strcmp(status, "is_live") == 0);
}

static double read_duration(const json_t *entry, bool is_live)
{
    double d = json_number_value(json_object_get(entry, "duration"));
    return !is_live && d > 0 && d < DURATION_MAX_S ? d : -1;
}

static enum tutti_error refuse(enum formats_result result, const json_t *entry,
                               const char **ret_why)
{
    const char *status = text(entry, "live_status");
    if (result == FORMATS_PROTECTED)
        *ret_why = "this is protected against copying (DRM) and cannot be played";
    else if (result == FORMATS_UNSUPPORTED)
        *ret_why = "this site delivers its sound in a way that is not supported";
    else if (status && strcmp(status, "is_upcoming") == 0)
        *ret_why = "this live stream has not started yet";
    else
        *ret_why = "there is no sound to be had from this page";
    return TUTTI_E_EXTRACTION_FAILED;
}

static enum tutti_error read_entry(const json_t *entry, const char *list_title, struct found *f,
                                   const char **ret_why)
{
    const json_t *format;
    enum url_kind kind = URL_UNSUPPORTED;
    const char *why;
    enum formats_result result = formats_choose(entry, &format);
    if (result != FORMATS_FOUND)
        return refuse(result, entry, ret_why);
    const char *url = text(format, "url");
    AUTO_FREE char *checked = NULL;
    if (!url || url_classify(url, &kind, &checked, &why) < 0 || kind != URL_HTTP) {
        *ret_why = "the stream behind this page is not to be had by http(s)";
        return TUTTI_E_EXTRACTION_FAILED;
    }
    f->expires_s = url_expiry(checked);
    f->url = TAKE_PTR(checked);
    f->headers = read_headers(entry, format);
    f->title = read_title(entry, list_title);
    f->thumbnail = read_thumbnail(entry);
    f->is_live = read_is_live(entry);
    f->duration_s = read_duration(entry, f->is_live);
    if (!f->headers) {
        *ret_why = "out of memory";
        return TUTTI_E_INTERNAL;
    }
    return TUTTI_OK;
}

enum tutti_error found_read(const json_t *info, struct found *ret, const char **ret_why)
{
    struct found f = { .duration_s = -1 };
    const char *list_title = NULL;
    const json_t *entry = find_entry(info, &f, &list_title);
    if (!entry) {
        *ret_why = "there is nothing to play on this page";
        return TUTTI_E_EXTRACTION_FAILED;
    }
    enum tutti_error error = read_entry(entry, list_title, &f, ret_why);
    if (error == TUTTI_OK)
        *ret = f;
    else
        found_done(&f);
    return error;
}

/* ---- the text ---- */

/* A value's cost in memory is a hundred times that of its text ("{},"), so that they are counted
 * before any is made: each stands at the beginning, behind a comma, or is the first within
 * brackets.
 */
static bool has_too_many_values(const char *s, size_t len)
{
    unsigned n = 1;
    bool in_string = false;
    for (size_t i = 0; i < len && n <= FOUND_VALUES_MAX; i++) {
        if (s[i] == '"')
            in_string = !in_string;
        else if (in_string)
            i += s[i] == '\\';
        else
            n += s[i] == ',' || s[i] == '{' || s[i] == '[';
    }
    return n > FOUND_VALUES_MAX;
}

enum tutti_error found_parse(const char *s, size_t len, json_t **ret_root, const char **ret_why)
{
    if (has_too_many_values(s, len)) {
        *ret_why = "yt-dlp's answer has too many parts";
        return TUTTI_E_EXTRACTION_FAILED;
    }
    json_t *root = json_loadb(s, len, JSON_ALLOW_NUL, NULL);
    if (!root) {
        *ret_why = "yt-dlp's answer cannot be understood";
        return TUTTI_E_EXTRACTION_FAILED;
    }
    *ret_root = root;
    return TUTTI_OK;
}

enum tutti_error found_read_text(const char *s, size_t len, struct found *ret, const char **ret_why)
{
    json_t *info;
    enum tutti_error error = found_parse(s, len, &info, ret_why);
    if (error == TUTTI_OK) {
        error = found_read(info, ret, ret_why);
        json_decref(info);
    }
    return error;
}

static char *copy_text(const char *s, bool *ok)
{
    char *copy = s ? strdup(s) : NULL;
    *ok = *ok && (!s || copy);
    return copy;
}

int found_copy(const struct found *f, struct found *ret)
{
    bool ok = true;
    struct found copy = *f;
    copy.url = copy_text(f->url, &ok);
    copy.headers = copy_text(f->headers, &ok);
    copy.title = copy_text(f->title, &ok);
    copy.thumbnail = copy_text(f->thumbnail, &ok);
    if (ok)
        *ret = copy;
    else
        found_done(&copy);
    return ok ? 0 : -ENOMEM;
}

void found_done(struct found *f)
{
    free(f->url);
    free(f->headers);
    free(f->title);
    free(f->thumbnail);
    *f = (struct found){ .duration_s = -1 };
}
