/* Which proxy a URL is asked for through: what the administrator said, else the usual environment
 * (http_proxy, https_proxy, all_proxy, no_proxy). curl is told the answer and decides nothing
 * itself, because the address policy must know who is connected to. Pure. */
#ifndef TUTTI_FETCH_PROXY_H
#define TUTTI_FETCH_PROXY_H

#include <stdbool.h>

/* URLs, or NULL; `none`: the hosts that need no proxy, "name,.domain,*", or NULL. All borrowed. */
struct proxies {
    const char *http;
    const char *https;
    const char *none;
};

/* `given` (--http-proxy) stands for all URLs and takes no exceptions; NULL: as the environment
 * says. */
struct proxies proxies_from_environment(const char *given);

/* The proxy for this host, or NULL. */
const char *proxy_for(const struct proxies *p, bool is_https, const char *host);

#endif
