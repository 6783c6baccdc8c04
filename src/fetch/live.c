#include "fetch/live.h"

#include <string.h>

enum {
    PACE_MS = 8000,      /* a connection has flowed so long … */
    PACE_SURE_MS = 3000, /* … or so, where other things speak for a station … */
    PACE_WAITED = 2,     /* … and half of that time its reader waited: it comes as it is heard */
};

/* [bytes] Nine hours of 128 kbit/s. */
#define ABSURD_LENGTH ((int64_t)512 << 20)

bool live_length_is_absurd(const struct live_facts *f)
{
    return !f->gives_parts && f->container != LIVE_FILE && f->length >= ABSURD_LENGTH;
}

/* It comes no faster than it is heard, though its reader would take more. */
static bool is_paced(const struct live_facts *f, uint64_t limit_ms)
{
    return f->flowed_ms >= limit_ms && f->waited_ms * PACE_WAITED >= f->flowed_ms;
}

enum live_verdict live_judge(const struct live_facts *f)
{
    bool has_length = f->length >= 0 && !live_length_is_absurd(f);
    if (f->gives_parts)
        return LIVE_NO;
    if (f->is_icy && !has_length)
        return LIVE_YES;
    if (f->container == LIVE_FILE || (has_length && !f->is_icy))
        return LIVE_NO;
    bool is_likely = f->is_icy || f->is_entry || f->length >= 0;
    if (is_paced(f, is_likely ? PACE_SURE_MS : PACE_MS))
        return LIVE_YES;
    return f->differs && is_likely && !has_length ? LIVE_YES : LIVE_PERHAPS;
}

/* The information frame of an MP3 says how many frames follow. */
static bool has_length_of_mp3(const uint8_t *bytes, size_t len)
{
    size_t n = len < 192 ? len : 192;
    return len >= 4 && bytes[0] == 0xff && (bytes[1] & 0xe0) == 0xe0 &&
           (memmem(bytes, n, "Xing", 4) || memmem(bytes, n, "Info", 4));
}

enum live_container live_look(const uint8_t *bytes, size_t len)
{
    static const struct {
        uint8_t at, n_bytes;
        const char *bytes;
    } marks[] = {
        { 4, 4, "ftyp" }, { 0, 4, "RIFF" }, { 0, 4, "fLaC" }, { 0, 3, "ID3" },
        { 0, 4, "FORM" }, { 0, 4, "caff" }, { 0, 4, "MAC " }, { 0, 4, "wvpk" },
    };
    if (len < 8)
        return LIVE_UNSEEN;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (memcmp(bytes + marks[i].at, marks[i].bytes, marks[i].n_bytes) == 0)
            return LIVE_FILE;
    }
    return has_length_of_mp3(bytes, len) ? LIVE_FILE : LIVE_FRAMES;
}
