#include "extract/url.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

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

int url_classify(const char *url, enum url_kind *ret_kind, char **ret_path, const char **ret_why)
{
    *ret_kind = URL_UNSUPPORTED;
    if (strncasecmp(url, "file:", 5) == 0)
        return classify_file_url(url + 5, ret_kind, ret_path, ret_why);
    if (url[0] == '/') {
        *ret_path = strdup(url);
        *ret_kind = URL_FILE;
        return *ret_path ? 0 : -ENOMEM;
    }
    *ret_why = "this version plays local files only: give an absolute path or a file: URL";
    return 0;
}
