#include "extract/complaint.h"

#include "base/text.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 1024, PATTERNS_MAX = 10 };

/* The first row with a pattern that occurs counts: the special stand before the general. yt-dlp's
 * messages are a site's own words as often as not, so that parts of sentences must do. */
static const struct row {
    const char *patterns[PATTERNS_MAX];
    const char *why;     /* NULL: yt-dlp's own words */
    bool may_be_too_old; /* sites change; a newer yt-dlp may know how */
} rows[] = {
    { { "http error 429", "too many requests", "rate-limit", "rate limit", "not a bot",
        "unusual traffic" },
      "the site takes us for a robot or limits how often it is asked: try again later, or from "
      "another address (--extract-proxy)",
      true },
    { { "private video", "video is private", "is private", "has been set to private" },
      "this is private",
      false },
    { { "confirm your age", "age-restricted", "age restricted", "inappropriate for some" },
      "this is age-restricted: it is shown to grown-ups who have logged in",
      false },
    { { "members-only", "members only", "join this channel", "requires payment", "premium",
        "purchase", "subscriber", "paying" },
      "this is for paying members",
      false },
    { { "your country", "your location", "your region", "geo restrict", "geo-restrict",
        "blocked it in", "georestrict" },
      "this may not be shown in our part of the world (--extract-proxy may help)",
      false },
    { { "live event will begin", "premieres in", "premiere will begin", "not started",
        "not currently live", "is offline", "is upcoming", "has not begun",
        "live event has ended" },
      "this live stream has not started yet, or is over",
      false },
    { { "drm protect", "drm-protect", "uses drm", " drm " },
      "this is protected against copying (DRM) and cannot be played",
      false },
    { { "unsupported url", "no suitable extractor", "is not a valid url" },
      "no media was found on this page, and yt-dlp does not know the site",
      true },
    { { "has been removed", "no longer available", "video unavailable", "does not exist",
        "has been terminated", "was deleted", "been deleted", "http error 404", "http error 410",
        "isn't available" },
      "this does not exist, or has been removed",
      false },
    { { "sign in", "log in", "login", "logged in", "registered users", "authentication",
        "--cookies", "password" },
      "this is shown only to those who have logged in",
      false },
    { { "requested format is not available", "no video formats", "no formats" },
      "there is no sound to be had from this page",
      true },
    { { "" }, NULL, true },
};

/* The line that tells, without the prefix. */
static const char *find_line(const char *text, size_t *ret_len)
{
    const char *found = NULL;
    for (const char *p = strstr(text, "ERROR:"); p; p = strstr(p + 1, "ERROR:")) {
        if (p == text || p[-1] == '\n' || p[-1] == 'm') /* the end of a colour */
            found = p + strlen("ERROR:");
    }
    if (found) {
        *ret_len = strcspn(found, "\n");
        return found;
    }
    /* A failure of Python's tells in its last line what it was. */
    size_t len = strlen(text);
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    const char *line = len > 0 ? memrchr(text, '\n', len) : NULL;
    line = line ? line + 1 : text;
    *ret_len = (size_t)(text + len - line);
    return line;
}

/* Leaves out what "ESC [ … letter" encloses. */
static void drop_colours(char *s)
{
    char *out = s;
    while (*s != '\0') {
        if (s[0] == '\033' && s[1] == '[') {
            s += 2 + strspn(s + 2, "0123456789;");
            s += *s != '\0';
        } else {
            *out++ = *s++;
        }
    }
    *out = '\0';
}

/* What yt-dlp adds for those who sit before it. */
static void drop_advice(char *line)
{
    static const char *const advice[] = { "; please report this issue", ". Please report this",
                                          " Use --cookies", " (caused by", "Confirm you are on" };
    for (size_t i = 0; i < sizeof advice / sizeof advice[0]; i++) {
        char *p = strstr(line, advice[i]);
        if (p)
            *p = '\0';
    }
}

static bool fits(const struct row *row, const char *line)
{
    for (size_t i = 0; i < PATTERNS_MAX && row->patterns[i]; i++) {
        if (strcasestr(line, row->patterns[i]))
            return true;
    }
    return false;
}

bool complaint_read(const char *text, char ret_why[COMPLAINT_MAX])
{
    char line[LINE_MAX_BYTES], clean[LINE_MAX_BYTES];
    size_t len;
    const char *found = find_line(text, &len);
    size_t most = len < sizeof line ? len : sizeof line - 1;
    (void)snprintf(line, sizeof line, "%.*s", (int)text_cut_utf8(found, most), found);
    drop_colours(line);
    const struct row *row = rows;
    while (!fits(row, line))
        row++;
    assert(row < rows + sizeof rows / sizeof rows[0]);
    drop_advice(line);
    (void)text_sanitise(clean, sizeof clean, line);
    const char *start = clean + strspn(clean, " ");
    if (row->why)
        (void)snprintf(ret_why, COMPLAINT_MAX, "%s", row->why);
    else if (start[0] == '\0')
        (void)snprintf(ret_why, COMPLAINT_MAX, "yt-dlp failed and gave no reason");
    else {
        char cut[COMPLAINT_MAX - 16];
        (void)text_sanitise(cut, sizeof cut, start);
        (void)snprintf(ret_why, COMPLAINT_MAX, "yt-dlp says: %s", cut);
    }
    return row->may_be_too_old;
}
