#include "fetch/response.h"

#include "base/text.h"

#include <curl/curl.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void response_init(struct response *r)
{
    memset(r, 0, sizeof *r);
    r->content_length = r->range_from = r->range_total = -1;
    r->retry_after_s = r->retry_date_s = -1;
}

/* A number of bytes, or −1: a server that says "18446744073709551615" does not know. */
static int64_t read_count(const char *s, const char **ret_end)
{
    const char *at = s;
    int64_t n = 0;
    while (isdigit((unsigned char)*at) && n <= FETCH_LENGTH_MAX)
        n = n * 10 + (*at++ - '0');
    bool ok = at > s && n <= FETCH_LENGTH_MAX;
    while (isdigit((unsigned char)*at))
        at++;
    if (ret_end)
        *ret_end = at;
    return ok ? n : -1;
}

static void take_status(struct response *r, const char *line)
{
    response_init(r);
    r->is_http1 = strncmp(line, "HTTP/2", 6) != 0 && strncmp(line, "HTTP/3", 6) != 0;
    const char *space = strchr(line, ' ');
    int64_t status = space ? read_count(space + 1, NULL) : -1;
    r->status = status >= 100 && status <= 999 ? (unsigned)status : 0;
}

/* "bytes 0-99/100", "bytes 0-99/…" with an asterisk, "bytes …/100" with an asterisk for 416 */
static void take_range(struct response *r, const char *value)
{
    if (strncasecmp(value, "bytes", 5) != 0)
        return;
    value += 5;
    value += strspn(value, " =");
    if (*value != '*')
        r->range_from = read_count(value, NULL);
    const char *slash = strchr(value, '/');
    if (slash)
        r->range_total = read_count(slash + 1, NULL);
}

static void take_text(char *dst, size_t size, const char *value)
{
    (void)text_sanitise(dst, size, value);
}

static void take_retry(struct response *r, const char *value)
{
    if (isdigit((unsigned char)*value)) {
        int64_t s = read_count(value, NULL);
        r->retry_after_s = s < 0 || s > 86400 ? 86400 : s;
    } else {
        r->retry_date_s = (int64_t)curl_getdate(value, NULL);
    }
}

static bool is_word(const char *word, size_t len, const char *const *words)
{
    for (; *words; words++) {
        if (strlen(*words) == len && strncasecmp(word, *words, len) == 0)
            return true;
    }
    return false;
}

/* Content-Encoding: nothing was asked for, but some servers have their files in one form only.
 * Words that name no packing (aws-chunked, utf-8, binary, …) say nothing about the bytes. */
static void take_encoding(struct response *r, const char *value)
{
    static const char *const known[] = { "gzip", "x-gzip", "deflate", NULL };
    /* https://www.iana.org/assignments/http-parameters */
    static const char *const others[] = { "br",  "zstd", "compress",  "x-compress",   "dcb",
                                          "dcz", "exi",  "aes128gcm", "pack200-gzip", NULL };
    for (const char *at = value + strspn(value, ", \t"); *at; at += strspn(at, ", \t")) {
        size_t len = strcspn(at, ", \t");
        if (is_word(at, len, others))
            r->coding = CODING_OTHER;
        else if (is_word(at, len, known))
            r->coding = r->coding == CODING_NONE ? CODING_GZIP : CODING_OTHER;
        at += len;
    }
}

static void take_header(struct response *r, const char *name, const char *value)
{
    if (strcasecmp(name, "content-length") == 0)
        r->content_length = read_count(value, NULL);
    else if (strcasecmp(name, "content-range") == 0)
        take_range(r, value);
    else if (strcasecmp(name, "accept-ranges") == 0)
        r->accepts_ranges = strcasecmp(value, "bytes") == 0;
    else if (strcasecmp(name, "content-encoding") == 0)
        take_encoding(r, value);
    else if (strcasecmp(name, "transfer-encoding") == 0)
        r->is_chunked = strcasecmp(value, "identity") != 0;
    else if (strcasecmp(name, "content-type") == 0)
        take_text(r->content_type, sizeof r->content_type, value);
    else if (strcasecmp(name, "etag") == 0)
        take_text(r->etag, sizeof r->etag, value);
    else if (strcasecmp(name, "last-modified") == 0)
        take_text(r->last_modified, sizeof r->last_modified, value);
    else if (strcasecmp(name, "retry-after") == 0)
        take_retry(r, value);
    else if (strcasecmp(name, "icy-name") == 0)
        take_text(r->icy_name, sizeof r->icy_name, value);
    else if (strcasecmp(name, "icy-metaint") == 0)
        r->icy_interval = read_count(value, NULL);
    if (strncasecmp(name, "icy-", 4) == 0)
        r->is_icy = true;
}

void response_take_line(struct response *r, const char *line, size_t len)
{
    char text[8192];
    while (len > 0 && isspace((unsigned char)line[len - 1]))
        len--;
    if (len >= sizeof text || memchr(line, '\0', len))
        return; /* nothing that we look for is so long */
    memcpy(text, line, len);
    text[len] = '\0';
    if (strncmp(text, "HTTP/", 5) == 0 || strncmp(text, "ICY ", 4) == 0) {
        bool icy = text[0] == 'I';
        take_status(r, text);
        r->is_icy = icy;
        return;
    }
    char *colon = strchr(text, ':');
    if (!colon)
        return;
    *colon = '\0';
    char *value = colon + 1;
    value += strspn(value, " \t");
    take_header(r, text, value);
}

bool response_is_transfer_coded(const char *line, size_t len)
{
    static const char *const name[] = { "transfer-encoding", NULL };
    static const char *const none[] = { "identity", "chunked", NULL };
    const char *colon = memchr(line, ':', len);
    if (!colon || !is_word(line, (size_t)(colon - line), name))
        return false;
    const char *end = line + len;
    for (const char *at = colon + 1; at < end; at++) {
        const char *word = at;
        while (at < end && *at != ',' && !isspace((unsigned char)*at))
            at++;
        if (at > word && !is_word(word, (size_t)(at - word), none))
            return true;
    }
    return false;
}

const char *response_validator(const struct response *r)
{
    return r->etag[0] ? r->etag : r->last_modified;
}

int64_t response_total(const struct response *r)
{
    if (r->status == 206 || r->status == 416)
        return r->range_total;
    /* Where both are there, chunks count. */
    return r->is_chunked ? -1 : r->content_length;
}
