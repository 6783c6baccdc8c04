/* What kind of thing a `url` names. Pure: no look at any file or host. */
#ifndef TUTTI_BASE_URL_H
#define TUTTI_BASE_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum url_kind {
    URL_FILE,        /* an absolute path or a file: URL */
    URL_HTTP,        /* http or https */
    URL_SEARCH,      /* a search term for yt-dlp, as in "ytsearch:never gonna" */
    URL_UNSUPPORTED, /* anything else */
};

enum {
    URL_HTTP_MAX = 8192,   /* [bytes] of an http(s) URL, as given and as returned */
    URL_SEARCH_MAX = 1024, /* [bytes] of a search term */
    URL_HOST_MAX = 253,    /* [bytes] of a host's name, without brackets */
};

/*
 * Tells the kind, and *ret_text, to be freed: for URL_FILE the absolute path; for URL_HTTP the URL
 * with its scheme in small letters and spaces and letters beyond ASCII percent-encoded; for
 * URL_SEARCH the term. Returns 0 or -ENOMEM. For URL_UNSUPPORTED *ret_why is a sentence (a
 * literal).
 *
 * file: URLs as in RFC 8089: an empty or "localhost" host, percent-encoding decoded, no encoded
 * NUL. http(s): a host of letters that every parser reads alike, no user name or password.
 */
int url_classify(const char *url, enum url_kind *ret_kind, char **ret_text, const char **ret_why);

/* True for an http or https URL of printable ASCII whose host url_classify would accept: for URLs
 * that others send us. */
bool url_is_http(const char *url);

/* The host of such a URL, small letters, without brackets and final dot. False if it has none. */
bool url_http_host(const char *url, char ret_host[URL_HOST_MAX + 1]);

/* True for a search term that asks for one result: "ytsearch:…", "ytsearch1:…". */
bool url_is_search_for_one(const char *url);

/* The Unix time [s] at which a link says that it expires (expire=, Expires= and the like), or 0. */
int64_t url_expiry(const char *url);

#endif
