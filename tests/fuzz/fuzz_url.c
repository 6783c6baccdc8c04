/* What a `url` names. */
#include "base/url.h"
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum url_kind kind;
    char *path = NULL;
    const char *why = NULL;
    char *url = malloc(size + 1);
    if (!url)
        return 0;
    memcpy(url, data, size);
    url[size] = '\0';
    if (url_classify(url, &kind, &path, &why) == 0) {
        MUST((kind == URL_UNSUPPORTED) == (path == NULL));
        MUST((kind == URL_UNSUPPORTED) == (why != NULL));
        MUST(kind != URL_FILE || path[0] == '/');
        MUST(kind != URL_FILE || strlen(path) <= strlen(url));
        MUST(kind != URL_SEARCH || strcmp(path, url) == 0);
    }
    if (kind == URL_HTTP && path) {
        char host[URL_HOST_MAX + 1];
        MUST(url_is_http(path));
        MUST(url_http_host(path, host) && host[0] != '\0' && !strpbrk(host, "@/\\ "));
        MUST(url_expiry(path) >= 0);
    }
    free(path);
    free(url);
    return 0;
}
