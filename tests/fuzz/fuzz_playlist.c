/* Playlists: whatever the text, only http(s) URLs of a bounded length come out, and a list
 * that is made to begin later begins at or before what was asked for. */
#include "fuzz.h"

#include "media/list_text.h"
#include "media/playlist.h"
#include "media/renumber.h"
#include "media/segments.h"

#include <libavutil/mem.h>
#include <stdlib.h>
#include <string.h>

/* As a live list that is read three times, the second time without its first line. */
static void renumber(const char *text)
{
    static struct renumber state;
    const char *later = text + strcspn(text, "\n");
    state = (struct renumber){ 0 };
    for (int i = 0; i < 3; i++) {
        char *seen = renumber_text(&state, i == 1 ? later : text);
        MUST(seen && strncmp(seen, "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:", 30) == 0);
        MUST(seen[30] >= '0' && seen[30] <= '9');
        av_free(seen);
    }
}

static void cut(const char *text, double at_s, double grid_s)
{
    double begin_s = -1, again_s;
    long n = segments_before(text, at_s, grid_s, &begin_s);
    MUST(n < 0 || (begin_s >= 0 && begin_s <= at_s + 0.01 * (double)n));
    char *rest = n >= 0 ? segments_cut(text, n) : NULL;
    if (rest)
        MUST(segments_before(rest, 0, 0, &again_s) == 0 || strstr(rest, "#EXTINF:"));
    av_free(rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *urls[PLAYLIST_ENTRIES_MAX];
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    for (enum listing kind = LISTING_VARIANTS; kind <= LISTING_XML; kind++) {
        size_t n =
            playlist_urls(text, kind, "http://host/folder/list?x", urls, PLAYLIST_ENTRIES_MAX);
        while (n > 0) {
            const char *url = urls[--n];
            MUST(strncasecmp(url, "http", 4) == 0 && strlen(url) < LIST_TEXT_MAX);
            free(urls[n]);
        }
    }
    (void)listing_of(text, size, "audio/x-mpegurl", "http://host/list");
    MUST(segments_gap_s(text) >= 0);
    renumber(text);
    cut(text, 7, 0);
    cut(text, 7, 1152.0 / 44100);
    free(text);
    return 0;
}
