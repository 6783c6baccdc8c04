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

/* Returns 0; -EACCES for a scheme other than http and https; -EINVAL if it is no URL, or none that
 * may stand in a message. A host in other letters than ASCII counts as none: what it becomes on its
 * way to a resolver or a proxy could not be judged. */
int target_read(const char *url, struct target *ret);

/* Where a redirect from `url` leads that names `location`: an URL that needs not be fit for
 * target_read. Servers name files as they are called: blanks, control characters and bytes of other
 * alphabets are percent-encoded, as browsers do it. Returns 0, -EINVAL if it makes no URL, or
 * -ENOMEM; *ret_url is the caller's. */
int target_redirect(const char *url, const char *location, char **ret_url);

bool target_is_same(const struct target *a, const struct target *b);

/* curl's list of request headers: those in `headers` ("Name: value\n" each) that are the source's
 * business, without cookies, and without those that name its user unless `with_credentials`, and
 * with `own` added. Returns 0 or -ENOMEM. */
int target_make_headers(const char *headers, bool with_credentials, const char *const *own,
                        struct curl_slist **ret_list);

/* The cookies in `headers`, as one value, the caller's; NULL if there are none. Returns 0 or
 * -ENOMEM. */
int target_read_cookies(const char *headers, char **ret_value);

#endif
