#include "cli/source.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/ogg.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { HEAD_BYTES = 64 };

static bool is_file_url(const char *arg)
{
    return strncasecmp(arg, "file:", 5) == 0;
}

bool cli_source_is_remote(const char *arg)
{
    size_t n = 0;
    if (!isalpha((unsigned char)arg[0]) || is_file_url(arg))
        return false;
    while (isalnum((unsigned char)arg[n]) || (arg[n] != '\0' && strchr("+-.", arg[n])))
        n++;
    if (arg[n] != ':')
        return false;
    if (strncmp(arg + n, "://", 3) == 0)
        return true;
    /* yt-dlp's search terms: "ytsearch:", "ytsearch5:", "ytsearchdate:", "scsearch:". */
    const char *search = strcasestr(arg, "search");
    return search && search < arg + n;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "file:/a%20b", "file:///a%20b" or "file://localhost/a%20b" to "/a b", in place of malloc'ed
 * memory. NULL if it names another host or no path. */
static char *file_url_path(const char *url)
{
    const char *from = url + 5;
    if (strncmp(from, "//", 2) == 0)
        from += 2;
    if (strncasecmp(from, "localhost/", 10) == 0)
        from += 9;
    if (from[0] != '/')
        return NULL;
    char *path = malloc(strlen(from) + 1);
    char *to = path;
    while (path && *from != '\0') {
        int high = from[0] == '%' ? hex_value(from[1]) : -1;
        int low = high >= 0 ? hex_value(from[2]) : -1;
        *to++ = low >= 0 ? (char)(high << 4 | low) : *from;
        from += low >= 0 ? 3 : 1;
    }
    if (path)
        *to = '\0';
    return path;
}

static bool stays_in_path(unsigned char c)
{
    return isalnum(c) || strchr("/-._~", c);
}

/* A path whose bytes are no text cannot be said in JSON: it is sent as a percent-encoded URL. */
static char *encode_file_url(const char *path)
{
    AUTO_FREE char *encoded = text_percent_encode(path, stays_in_path);
    char *url;
    return encoded && asprintf(&url, "file://%s", encoded) >= 0 ? url : NULL;
}

static int absolute(const char *path, char **ret)
{
    char cwd[PATH_MAX] = "";
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    if (path[0] != '/' && !getcwd(cwd, sizeof cwd))
        return -errno;
    bool join = cwd[0] != '\0' && strcmp(cwd, "/") != 0;
    if (asprintf(ret, "%s%s%s", join ? cwd : "", path[0] == '/' ? "" : "/", path) < 0)
        return -ENOMEM;
    return 0;
}

int cli_source_url(const char *arg, char **ret_url)
{
    if (cli_source_is_remote(arg) || is_file_url(arg)) {
        *ret_url = strdup(arg);
        return *ret_url ? 0 : -ENOMEM;
    }
    AUTO_FREE char *path = NULL;
    int err = absolute(arg, &path);
    if (err < 0) {
        path = NULL; /* asprintf leaves it undefined */
        return err;
    }
    *ret_url = text_is_printable(path, strlen(path)) ? TAKE_PTR(path) : encode_file_url(path);
    return *ret_url ? 0 : -ENOMEM;
}

int cli_source_canonical(const char *arg, char **ret_path)
{
    AUTO_FREE char *decoded = is_file_url(arg) ? file_url_path(arg) : strdup(arg);
    if (!decoded)
        return is_file_url(arg) ? -ENOENT : -ENOMEM;
    char *path = realpath(decoded, NULL);
    if (!path)
        return -errno;
    *ret_path = path;
    return 0;
}

int cli_source_pre_skip(const char *arg)
{
    AUTO_FREE char *path = NULL;
    if (cli_source_is_remote(arg) || cli_source_canonical(arg, &path) < 0)
        return -1;
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    uint8_t head[HEAD_BYTES];
    ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof head);
    return n < 0 ? -1 : ogg_read_pre_skip(head, (size_t)n);
}
