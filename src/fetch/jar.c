#include "fetch/jar.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

enum { JAR_BYTES_MAX = 128 * 1024 }; /* of what was set: no site of a browser's keeps as much */

struct jar {
    CURLSH *share;
    size_t n_bytes;
};

int jar_new(struct jar **ret_jar)
{
    struct jar *j = calloc(1, sizeof *j);
    if (!j)
        return -ENOMEM;
    j->share = curl_share_init();
    if (!j->share ||
        curl_share_setopt(j->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE) != CURLSHE_OK) {
        jar_free(j);
        return -ENOMEM;
    }
    *ret_jar = j;
    return 0;
}

void jar_free(struct jar *j)
{
    if (!j)
        return;
    if (j->share)
        (void)curl_share_cleanup(j->share);
    free(j);
}

void jar_join(struct jar *j, void *easy)
{
    (void)curl_easy_setopt(easy, CURLOPT_SHARE, j->share);
    (void)curl_easy_setopt(easy, CURLOPT_COOKIEFILE, ""); /* to share them is not to use them */
    if (j->n_bytes <= JAR_BYTES_MAX)
        return;
    (void)curl_easy_setopt(easy, CURLOPT_COOKIELIST, "ALL");
    j->n_bytes = 0;
}

void jar_note_line(struct jar *j, const char *line, size_t len)
{
    static const char name[] = "set-cookie:";
    if (len >= sizeof name - 1 && strncasecmp(line, name, sizeof name - 1) == 0)
        j->n_bytes += len;
}
