#include "fetch/proxy.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *variable(const char *lower, const char *upper)
{
    const char *value = getenv(lower);
    if ((!value || !*value) && upper)
        value = getenv(upper);
    return value && *value ? value : NULL;
}

struct proxies proxies_from_environment(const char *given)
{
    if (given)
        return (struct proxies){ .http = given, .https = given };
    /* HTTP_PROXY in capitals may come from a request's "Proxy:" header in CGI: nobody reads it. */
    const char *all = variable("all_proxy", "ALL_PROXY");
    const char *http = variable("http_proxy", NULL);
    const char *https = variable("https_proxy", "HTTPS_PROXY");
    return (struct proxies){
        .http = http ? http : all,
        .https = https ? https : all,
        .none = variable("no_proxy", "NO_PROXY"),
    };
}

/* One entry of no_proxy: the host itself, or a domain above it. */
static bool names_host(const char *entry, size_t len, const char *host)
{
    if (len == 1 && *entry == '*')
        return true;
    if (len > 0 && *entry == '.') {
        entry++;
        len--;
    }
    size_t host_len = strlen(host);
    if (len == 0 || host_len < len || strncasecmp(host + host_len - len, entry, len) != 0)
        return false;
    return host_len == len || host[host_len - len - 1] == '.';
}

const char *proxy_for(const struct proxies *p, bool is_https, const char *host)
{
    const char *at = p->none ? p->none : "";
    while (*at) {
        at += strspn(at, ", ");
        size_t len = strcspn(at, ", ");
        if (names_host(at, len, host))
            return NULL;
        at += len;
    }
    return is_https ? p->https : p->http;
}
