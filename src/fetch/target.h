/* What of a URL decides about a request: scheme, host, port. */
#ifndef TUTTI_FETCH_TARGET_H
#define TUTTI_FETCH_TARGET_H

#include <stdbool.h>
#include <stddef.h>

struct curl_slist;

enum { TARGET_HOST_MAX = 255 };

struct target {
    bool is_https;
    char host[TARGET_HOST_MAX + 1]; /* as curl connects to it: an IPv4 address in plain form */
    unsigned port;
};

/* Returns 0; -EINVAL if it is no URL; -EACCES for a scheme other than http and https. */
int target_read(const char *url, struct target *ret);

bool target_is_same(const struct target *a, const struct target *b);

/* curl's list of request headers: those in `headers` ("Name: value\n" each) that are the source's
 * business, without those that name its user unless `with_credentials`, and with `own` added.
 * Returns 0 or -ENOMEM. */
int target_make_headers(const char *headers, bool with_credentials, const char *const *own,
                        struct curl_slist **ret_list);

#endif
