#include "fetch/target.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "proto/fetch_msg.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HEADER_LINE_MAX = 16384 };

static int read_part(CURLU *u, CURLUPart part, char *dst, size_t size)
{
    char *text = NULL;
    if (curl_url_get(u, part, &text, part == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0) != CURLUE_OK)
        return -EINVAL;
    int n = snprintf(dst, size, "%s", text);
    int r = n >= 0 && (size_t)n < size ? 0 : -EINVAL;
    curl_free(text);
    return r;
}

static bool is_ascii(const char *s)
{
    while (*s && (unsigned char)*s < 0x80)
        s++;
    return *s == '\0';
}

int target_read(const char *url, struct target *ret)
{
    struct target t = { 0 };
    char scheme[16] = "", port[8] = "";
    CURLU *u = curl_url();
    if (!u)
        return -ENOMEM;
    int r =
        curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK ? 0 : -EINVAL;
    if (r == 0)
        r = read_part(u, CURLUPART_SCHEME, scheme, sizeof scheme);
    t.is_https = strcasecmp(scheme, "https") == 0;
    if (r == 0 && !t.is_https && strcasecmp(scheme, "http") != 0)
        r = -EACCES;
    if (r == 0 && !fetch_text_is_sane(FETCH_TEXT_URL, url))
        r = -EINVAL;
    if (r == 0)
        r = read_part(u, CURLUPART_HOST, t.host, sizeof t.host);
    if (r == 0 && !is_ascii(t.host))
        r = -EINVAL;
    if (r == 0)
        r = read_part(u, CURLUPART_PORT, port, sizeof port);
    curl_url_cleanup(u);
    t.port = (unsigned)strtoul(port, NULL, 10);
    if (r == 0)
        *ret = t;
    return r;
}

int target_redirect(const char *url, const char *location, char **ret_url)
{
    AUTO_FREE char *encoded = text_percent_encode(location, text_is_visible_ascii);
    char *text = NULL;
    CURLU *u = curl_url();
    int r = u && encoded ? 0 : -ENOMEM;
    if (r == 0 && (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
                   curl_url_set(u, CURLUPART_URL, encoded, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
                   curl_url_get(u, CURLUPART_URL, &text, 0) != CURLUE_OK))
        r = -EINVAL;
    curl_url_cleanup(u);
    char *copy = r == 0 ? strdup(text) : NULL;
    curl_free(text);
    if (r == 0 && !copy)
        r = -ENOMEM;
    if (r == 0)
        *ret_url = copy;
    return r;
}

bool target_is_same(const struct target *a, const struct target *b)
{
    return a->is_https == b->is_https && a->port == b->port && strcasecmp(a->host, b->host) == 0;
}

static bool is_in(const char *line, const char *const *names)
{
    size_t len = strcspn(line, ":");
    for (; *names; names++) {
        if (strlen(*names) == len && strncasecmp(line, *names, len) == 0)
            return true;
    }
    return false;
}

static bool is_wanted(const char *line, bool with_credentials)
{
    /* What the request itself decides, or what would change how the answer is framed. */
    static const char *const own[] = { "accept-encoding",
                                       "connection",
                                       "content-length",
                                       "cookie",
                                       "expect",
                                       "host",
                                       "icy-metadata",
                                       "if-match",
                                       "if-none-match",
                                       "if-modified-since",
                                       "if-range",
                                       "keep-alive",
                                       "proxy-authorization",
                                       "range",
                                       "te",
                                       "transfer-encoding",
                                       "upgrade",
                                       "if-unmodified-since",
                                       NULL };
    static const char *const credentials[] = { "authorization", NULL };
    return !is_in(line, own) && (with_credentials || !is_in(line, credentials));
}

/* Takes the next line of `*at`, as far as there is room for it. Returns its value, or NULL if it
 * has none: curl would take such a header for one to be left out, and so do we. */
static const char *take_header(const char **at, char line[HEADER_LINE_MAX + 1])
{
    size_t len = strcspn(*at, "\n");
    size_t n = len < HEADER_LINE_MAX ? len : HEADER_LINE_MAX;
    memcpy(line, *at, n);
    line[n] = '\0';
    *at += len + ((*at)[len] == '\n');
    const char *value = strchr(line, ':');
    if (!value)
        return NULL;
    value += 1 + strspn(value + 1, " ");
    return *value ? value : NULL;
}

int target_read_cookies(const char *headers, char **ret_value)
{
    static const char *const name[] = { "cookie", NULL };
    char line[HEADER_LINE_MAX + 1];
    AUTO_FREE char *all = NULL;
    while (*headers) {
        const char *value = take_header(&headers, line);
        if (!value || !is_in(line, name))
            continue;
        char *longer = NULL;
        if (asprintf(&longer, "%s%s%s", all ? all : "", all ? "; " : "", value) < 0)
            return -ENOMEM;
        free(all);
        all = longer;
    }
    *ret_value = TAKE_PTR(all);
    return 0;
}

static int add_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (!longer)
        return -ENOMEM;
    *list = longer;
    return 0;
}

int target_make_headers(const char *headers, bool with_credentials, const char *const *own,
                        struct curl_slist **ret_list)
{
    struct curl_slist *list = NULL;
    char line[HEADER_LINE_MAX + 1];
    bool names_agent = false;
    int r = 0;
    while (*headers && r == 0) {
        if (!take_header(&headers, line) || !is_wanted(line, with_credentials))
            continue;
        names_agent = names_agent || strncasecmp(line, "user-agent:", 11) == 0;
        r = add_line(&list, line);
    }
    if (r == 0 && !names_agent)
        r = add_line(&list, "User-Agent: tutti/" TUTTI_VERSION);
    for (; *own && r == 0; own++)
        r = add_line(&list, *own);
    if (r < 0) {
        curl_slist_free_all(list);
        return r;
    }
    *ret_list = list;
    return 0;
}
