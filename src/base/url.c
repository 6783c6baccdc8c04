#include "base/url.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

enum { SEARCH_PREFIX_MAX = 24, SEARCH_DIGITS_MAX = 3, PORT_DIGITS_MAX = 5 };

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decodes in place. Returns false for a broken escape or an encoded NUL. */
static bool percent_decode(char *s)
{
    char *out = s;
    for (; *s != '\0'; s++) {
        if (*s != '%') {
            *out++ = *s;
            continue;
        }
        int high = hex_digit(s[1]);
        int low = high < 0 ? -1 : hex_digit(s[2]);
        if (low < 0 || high * 16 + low == 0)
            return false;
        *out++ = (char)(high * 16 + low);
        s += 2;
    }
    *out = '\0';
    return true;
}

/* ---- file: ---- */

/* The path of "file:/x", "file:///x" or "file://localhost/x", still encoded; NULL otherwise. */
static const char *file_url_path(const char *rest)
{
    if (strncmp(rest, "//", 2) != 0)
        return rest[0] == '/' ? rest : NULL;
    rest += 2;
    if (strncasecmp(rest, "localhost/", 10) == 0)
        rest += 9;
    return rest[0] == '/' ? rest : NULL;
}

static int classify_file_url(const char *rest, enum url_kind *ret_kind, char **ret_path,
                             const char **ret_why)
{
    const char *encoded = file_url_path(rest);
    if (!encoded) {
        *ret_why = "a file: URL must name a file on this machine by its absolute path";
        return 0;
    }
    AUTO_FREE char *path = strdup(encoded);
    if (!path)
        return -ENOMEM;
    path[strcspn(path, "?#")] = '\0';
    if (!percent_decode(path)) {
        *ret_why = "the percent-encoding of this file: URL is broken";
        return 0;
    }
    *ret_kind = URL_FILE;
    *ret_path = TAKE_PTR(path);
    return 0;
}

/* ---- http: and https: ---- */

/* The length of "http://" or "https://", or 0. */
static size_t http_scheme_len(const char *url)
{
    if (strncasecmp(url, "http://", 7) == 0)
        return 7;
    return strncasecmp(url, "https://", 8) == 0 ? 8 : 0;
}

static bool is_port(const char *s, size_t len)
{
    if (len > PORT_DIGITS_MAX || strspn(s, "0123456789") < len)
        return false;
    unsigned long port = strtoul(s, NULL, 10); /* an empty port is the scheme's */
    return len == 0 || (port >= 1 && port <= 65535);
}

static size_t host_len(const char *s, size_t len, const char *of)
{
    size_t n = strspn(s, of);
    return n < len ? n : len;
}

/* The host in the authority s[0..len), which must be nothing but a host and perhaps a port. Parsers
 * disagree about anything else, and what one of them takes for harmless another one connects to. */
static bool find_host(const char *s, size_t len, const char **ret_host, size_t *ret_len)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    char name[sizeof letters + 4], address[] = "0123456789abcdefABCDEF:.";
    (void)stpcpy(stpcpy(name, letters), "-._");
    size_t brackets = len > 0 && s[0] == '[' ? 1 : 0;
    *ret_host = s + brackets;
    *ret_len = host_len(*ret_host, len - brackets, brackets ? address : name);
    const char *rest = *ret_host + *ret_len;
    const char *end = s + len;
    if (*ret_len == 0 || *ret_len > URL_HOST_MAX || **ret_host == '.')
        return false;
    if (brackets && (rest == end || *rest++ != ']'))
        return false;
    return rest == end || (*rest == ':' && is_port(rest + 1, (size_t)(end - rest - 1)));
}

static bool find_url_host(const char *url, const char **ret_host, size_t *ret_len)
{
    size_t scheme = http_scheme_len(url);
    return scheme > 0 && find_host(url + scheme, strcspn(url + scheme, "/?#"), ret_host, ret_len);
}

bool url_is_http(const char *url)
{
    const char *host;
    size_t len;
    if (strnlen(url, URL_HTTP_MAX + 1) > URL_HTTP_MAX || !find_url_host(url, &host, &len))
        return false;
    for (const char *p = url; *p != '\0'; p++) {
        if (*p <= ' ' || *p >= 0x7f || *p == '\\')
            return false;
    }
    return true;
}

bool url_http_host(const char *url, char ret_host[URL_HOST_MAX + 1])
{
    const char *host;
    size_t len;
    if (!find_url_host(url, &host, &len))
        return false;
    for (size_t i = 0; i < len; i++)
        ret_host[i] = (char)tolower((unsigned char)host[i]);
    while (len > 0 && ret_host[len - 1] == '.')
        len--;
    ret_host[len] = '\0';
    return len > 0;
}

/* What a browser sends for a URL as people write it. NULL without memory. */
static char *encode_http(const char *url)
{
    size_t scheme = http_scheme_len(url);
    char *copy = text_percent_encode(url, text_is_visible_ascii);
    for (size_t i = 0; copy && i < scheme; i++)
        copy[i] = (char)tolower((unsigned char)copy[i]);
    return copy;
}

static const char *complaint_about_host(const char *authority, size_t len)
{
    if (memchr(authority, '@', len))
        return "a URL with a user name or a password is not played";
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)authority[i] >= 0x80)
            return "write the host of this URL in its ASCII form (xn--…)";
    }
    return "the host of this URL makes no sense";
}

static int classify_http(const char *url, enum url_kind *ret_kind, char **ret_url,
                         const char **ret_why)
{
    const char *host;
    size_t len = strlen(url);
    const char *authority = url + http_scheme_len(url);
    AUTO_FREE char *encoded = NULL;
    *ret_why = NULL;
    if (len > URL_HTTP_MAX)
        *ret_why = "this URL is too long";
    else if (!text_is_printable(url, len) || strchr(url, '\\'))
        *ret_why = "there are control characters or a backslash in this URL";
    /* It would tell yt-dlp which headers to send where, and which of its rules to leave out. */
    else if (strstr(url, "__youtubedl_smuggle"))
        *ret_why = "this URL has instructions for yt-dlp in it";
    else if (!find_url_host(url, &host, &len))
        *ret_why = complaint_about_host(authority, strcspn(authority, "/?#"));
    else if (!(encoded = encode_http(url)))
        return -ENOMEM;
    else if (strlen(encoded) > URL_HTTP_MAX)
        *ret_why = "this URL is too long";
    if (*ret_why)
        return 0;
    *ret_kind = URL_HTTP;
    *ret_url = TAKE_PTR(encoded);
    return 0;
}

/* ---- search terms ---- */

/* yt-dlp's: a site's letters, "search" or "searchdate", how many are wanted. "…all", which would
 * ask for every page of results, is none. */
static bool is_search(const char *url)
{
    size_t letters = strspn(url, "abcdefghijklmnopqrstuvwxyz");
    size_t digits = strspn(url + letters, "0123456789");
    if (letters > SEARCH_PREFIX_MAX || digits > SEARCH_DIGITS_MAX || url[letters + digits] != ':' ||
        url[letters] == '0')
        return false;
    size_t site = letters;
    if (site > 4 && strncmp(url + site - 4, "date", 4) == 0)
        site -= 4;
    return site > 6 && strncmp(url + site - 6, "search", 6) == 0;
}

bool url_is_search_for_one(const char *url)
{
    size_t letters = strspn(url, "abcdefghijklmnopqrstuvwxyz");
    return is_search(url) && (url[letters] == ':' || strncmp(url + letters, "1:", 2) == 0);
}

static int classify_search(const char *url, enum url_kind *ret_kind, char **ret_term,
                           const char **ret_why)
{
    size_t len = strlen(url);
    const char *term = strchr(url, ':') + 1;
    if (len > URL_SEARCH_MAX || !text_is_printable(url, len) || term[strspn(term, " ")] == '\0') {
        *ret_why = "a search term must be text, of at most 1024 bytes";
        return 0;
    }
    *ret_term = strdup(url);
    *ret_kind = URL_SEARCH;
    return *ret_term ? 0 : -ENOMEM;
}

int url_classify(const char *url, enum url_kind *ret_kind, char **ret_text, const char **ret_why)
{
    *ret_kind = URL_UNSUPPORTED;
    if (strncasecmp(url, "file:", 5) == 0)
        return classify_file_url(url + 5, ret_kind, ret_text, ret_why);
    if (http_scheme_len(url) > 0)
        return classify_http(url, ret_kind, ret_text, ret_why);
    if (is_search(url))
        return classify_search(url, ret_kind, ret_text, ret_why);
    if (url[0] == '/') {
        *ret_text = strdup(url);
        *ret_kind = URL_FILE;
        return *ret_text ? 0 : -ENOMEM;
    }
    *ret_why = "this is no http(s) or file: URL, no absolute path, and no search term such as "
               "\"ytsearch:some words\"";
    return 0;
}

/* ---- how long a link is good ---- */

/* The number behind name= or name/, where `name` begins a query item or a path segment. */
static int64_t time_behind(const char *at, const char *name)
{
    size_t len = strlen(name);
    if (strncasecmp(at, name, len) != 0 || (at[len] != '=' && at[len] != '/'))
        return 0;
    const char *digits = at + len + 1;
    size_t n = strspn(digits, "0123456789");
    const char after = digits[n];
    /* Ten digits: from 2001 to 2286. Anything else is a duration, or no time at all. */
    if (n != 10 || (after != '\0' && !strchr("&/;#?", after)))
        return 0;
    return strtoll(digits, NULL, 10);
}

int64_t url_expiry(const char *url)
{
    static const char *const names[] = { "expire", "expires", "exp", "x-expires", "deadline" };
    int64_t soonest = 0;
    for (const char *p = strpbrk(url, "/?&;"); p; p = strpbrk(p + 1, "/?&;")) {
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            int64_t t = time_behind(p + 1, names[i]);
            if (t > 0 && (soonest == 0 || t < soonest))
                soonest = t;
        }
    }
    return soonest;
}
