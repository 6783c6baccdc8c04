/* What yt-dlp printed: on standard output, and on standard error. */
#include "extract/complaint.h"
#include "extract/found.h"
#include "base/url.h"
#include "fuzz.h"

#include <string.h>

static void complain(const uint8_t *data, size_t size)
{
    char why[COMPLAINT_MAX];
    char *text = malloc(size + 1);
    if (!text)
        return;
    memcpy(text, data, size);
    text[size] = '\0';
    (void)complaint_read(text, why);
    MUST(why[0] != '\0' && strlen(why) < COMPLAINT_MAX && !strchr(why, '\n'));
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct found f;
    const char *why = NULL;
    complain(data, size);
    if (found_read_text((const char *)data, size, &f, &why) != TUTTI_OK) {
        MUST(why != NULL);
        return 0;
    }
    MUST(url_is_http(f.url));
    MUST(!f.thumbnail || url_is_http(f.thumbnail));
    MUST(!f.title || (f.title[0] != '\0' && strlen(f.title) <= FOUND_TITLE_MAX));
    MUST(strlen(f.headers) <= FOUND_HEADERS_MAX && !strchr(f.headers, '\r'));
    MUST(f.duration_s == -1 || (f.duration_s > 0 && f.duration_s < 1e8));
    found_done(&f);
    return 0;
}
