/* What a `url` names. */
#include "extract/url.h"
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
        MUST((kind == URL_FILE) == (path != NULL));
        MUST((kind == URL_UNSUPPORTED) == (why != NULL));
        MUST(!path || path[0] == '/');
        MUST(!path || strlen(path) <= strlen(url));
    }
    free(path);
    free(url);
    return 0;
}
