/* Playlists: whatever the text, only http(s) URLs of a bounded length come out. */
#include "fuzz.h"

#include "media/playlist.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *urls[PLAYLIST_ENTRIES_MAX];
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    for (enum playlist_kind kind = PLAYLIST_VARIANTS; kind <= PLAYLIST_PLS; kind++) {
        size_t n =
            playlist_urls(text, kind, "http://host/folder/list?x", urls, PLAYLIST_ENTRIES_MAX);
        while (n > 0) {
            const char *url = urls[--n];
            MUST(strncasecmp(url, "http", 4) == 0 && strlen(url) < PLAYLIST_URL_MAX);
            free(urls[n]);
        }
    }
    (void)playlist_kind(text, "audio/x-mpegurl");
    free(text);
    return 0;
}
