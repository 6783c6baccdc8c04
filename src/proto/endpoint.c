#include "proto/endpoint.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PORT_USUAL = 443, PORT_DIGITS = 5 };

static bool is_below(const char *host, const char *domain)
{
    size_t len = strlen(host), n = strlen(domain);
    return len > n + 1 && host[len - n - 1] == '.' && strcasecmp(host + len - n, domain) == 0;
}

static bool is_permitted(const char *host, const char *const *hosts, size_t n_hosts)
{
    for (size_t i = 0; i < n_hosts; i++) {
        if (strcasecmp(host, hosts[i]) == 0)
            return true;
    }
    return is_below(host, "discord.media") || is_below(host, "discord.gg");
}

static bool is_name(const char *host)
{
    if (!isalnum((unsigned char)*host))
        return false;
    for (const char *at = host; *at; at++) {
        if (!isalnum((unsigned char)*at) && *at != '-' && (*at != '.' || at[1] == '.'))
            return false;
    }
    return true;
}

/* `text` is what stands behind the host: nothing, or a colon and a port. */
static bool read_port(const char *text, uint16_t *ret_port)
{
    unsigned long port = PORT_USUAL;
    if (*text == ':') {
        size_t n = strspn(++text, "0123456789");
        if (n == 0 || n > PORT_DIGITS || text[n] != '\0')
            return false;
        port = strtoul(text, NULL, 10);
    }
    *ret_port = (uint16_t)port;
    return port > 0 && port <= UINT16_MAX;
}

bool endpoint_read(const char *endpoint, const char *const *hosts, size_t n_hosts,
                   char ret_host[ENDPOINT_HOST_MAX + 1], uint16_t *ret_port)
{
    char host[ENDPOINT_HOST_MAX + 1];
    uint16_t port;
    size_t len = strcspn(endpoint, ":");
    if (len > ENDPOINT_HOST_MAX)
        return false;
    memcpy(host, endpoint, len);
    host[len] = '\0';
    if (!is_name(host) || !is_permitted(host, hosts, n_hosts) || !read_port(endpoint + len, &port))
        return false;
    memcpy(ret_host, host, len + 1);
    *ret_port = port;
    return true;
}
