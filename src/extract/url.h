/* What kind of thing a `url` names. Pure: no look at any file or host. */
#ifndef TUTTI_EXTRACT_URL_H
#define TUTTI_EXTRACT_URL_H

#include <stddef.h>

enum url_kind {
    URL_FILE,        /* an absolute path or a file: URL */
    URL_UNSUPPORTED, /* anything else */
};

/* Tells the kind; for URL_FILE *ret_path is the absolute path, to be freed. Returns 0 or -ENOMEM.
 * For URL_UNSUPPORTED *ret_why is a sentence (a literal). file: URLs as in RFC 8089: an empty or
 * "localhost" host, percent-encoding decoded, no encoded NUL. */
int url_classify(const char *url, enum url_kind *ret_kind, char **ret_path, const char **ret_why);

#endif
