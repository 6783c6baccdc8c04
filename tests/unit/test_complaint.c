/* What yt-dlp's complaints mean to the person who asked. */
#include "extract/complaint.h"
#include "unit.h"

static void complaints(void **state)
{
    static const struct {
        const char *text;
        const char *word; /* of the sentence */
        bool may_be_too_old;
    } rows[] = {
        { "ERROR: [youtube] x: Private video. Sign in if you've been granted access to this video",
          "private", false },
        { "ERROR: [youtube] x: Sign in to confirm your age. This video may be inappropriate for "
          "some users. Use --cookies-from-browser",
          "age-restricted", false },
        { "ERROR: [youtube] x: Sign in to confirm you\xe2\x80\x99re not a bot. Use --cookies",
          "robot", true },
        { "ERROR: [soundcloud] x: Unable to download JSON metadata: HTTP Error 429: Too Many "
          "Requests",
          "robot", true },
        { "ERROR: [youtube] x: Video unavailable. The uploader has not made this video available "
          "in "
          "your country",
          "part of the world", false },
        { "ERROR: [bbc] x: This video is not available from your location due to geo restriction",
          "part of the world", false },
        { "ERROR: [youtube] x: Video unavailable. This video has been removed by the uploader",
          "removed", false },
        { "ERROR: [youtube] x: Video unavailable", "removed", false },
        { "ERROR: [generic] x: Unable to download webpage: HTTP Error 404: Not Found (caused by "
          "<HTTPError 404: Not Found>)",
          "removed", false },
        { "ERROR: [youtube] x: This live event will begin in 3 hours.", "not started", false },
        { "ERROR: [youtube] x: Premieres in 5 hours", "not started", false },
        { "ERROR: [twitch:stream] x: The channel is not currently live", "not started", false },
        { "ERROR: [youtube] x: Join this channel to get access to members-only content like this",
          "members", false },
        { "ERROR: [x] This video is DRM protected", "DRM", false },
        { "ERROR: Unsupported URL: https://example.org/", "does not know", true },
        { "ERROR: [vimeo] 1: This video is only available for registered users. Use --cookies",
          "logged in", false },
        { "ERROR: [youtube] x: Requested format is not available. Use --list-formats", "no sound",
          true },
        { "WARNING: a\nERROR: [a] 1: Private video\n", "private", false },
        { "ERROR: first\nERROR: [a] something odd\n", "yt-dlp says: [a] something odd", true },
        { "\033[0;31mERROR:\033[0m [a] something odd", "yt-dlp says: [a] something odd", true },
        { "ERROR: odd thing; please report this issue on  https://github.com/", "says: odd thing",
          true },
        { "Traceback (most recent call last):\n  File x\nMemoryError\n\n", "says: MemoryError",
          true },
        { "", "no reason", true },
        { "\n \n", "no reason", true },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char why[COMPLAINT_MAX];
        bool old = complaint_read(rows[i].text, why);
        ROW_TRUE(rows[i].text, strstr(why, rows[i].word));
        ROW_TRUE(rows[i].text, old == rows[i].may_be_too_old);
        ROW_TRUE(rows[i].text, !strpbrk(why, "\n\033"));
    }
}

static void long_complaints_are_cut(void **state)
{
    char text[5000], why[COMPLAINT_MAX];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    memcpy(text, "ERROR: ", 7);
    (void)complaint_read(text, why);
    assert_true(strlen(why) < COMPLAINT_MAX);
    assert_true(strlen(why) > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(complaints),
        cmocka_unit_test(long_complaints_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
