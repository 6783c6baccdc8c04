#include "extract/formats.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    FORMATS_MAX = 2000, /* that are looked at */
    RATE_ENOUGH = 320,  /* [kbit/s] */
    HEIGHT_ENOUGH = 720,
};

/* What is better, in the order of weight; a later one counts where all before are equal. */
struct rank {
    enum { NO_SOUND, WITH_PICTURES, NOT_SAID, SOUND_ALONE } kind;
    int value[7];
};

enum { N_VALUES = sizeof((struct rank *)0)->value / sizeof(int) };

static const char *text(const json_t *format, const char *key)
{
    const char *s = json_string_value(json_object_get(format, key));
    return s ? s : "";
}

/* A number, rounded and cut to ±100,000; `otherwise` if there is none. */
static int number(const json_t *format, const char *key, int otherwise)
{
    const json_t *v = json_object_get(format, key);
    double d = json_is_number(v) ? json_number_value(v) : otherwise;
    return (int)lround(fmin(fmax(d, -1e5), 1e5));
}

static bool is_one_of(const char *s, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(s, names[i]) == 0)
            return true;
    }
    return false;
}

/* 2: a plain resource, 1: HLS, 0: neither. */
static int protocol_rank(const json_t *format)
{
    static const char *const plain[] = { "", "http", "https" };
    static const char *const hls[] = { "m3u8", "m3u8_native" };
    const char *protocol = text(format, "protocol");
    if (is_one_of(protocol, plain, 3))
        return 2;
    return is_one_of(protocol, hls, 2) ? 1 : 0;
}

static struct rank rank_format(const json_t *format)
{
    const char *acodec = text(format, "acodec"), *vcodec = text(format, "vcodec");
    bool alone = strcmp(vcodec, "none") == 0;
    struct rank r = { .kind = vcodec[0] == '\0' ? NOT_SAID : alone ? SOUND_ALONE : WITH_PICTURES };
    /* A storyboard, for one, has neither sound nor pictures. */
    if (strcmp(acodec, "none") == 0)
        return (struct rank){ .kind = NO_SOUND };
    int rate = number(format, "abr", 0);
    int height = number(format, "height", 0);
    int preference = number(format, "preference", 0);
    if (rate <= 0 && alone)
        rate = number(format, "tbr", 0);
    int values[N_VALUES] = {
        preference < 0 ? preference : 0, /* previews, copies that fail for some */
        number(format, "language_preference", -1),
        (int)r.kind,
        strcasecmp(acodec, "opus") == 0 && number(format, "asr", 48000) == 48000,
        protocol_rank(format),
        rate < RATE_ENOUGH ? rate : RATE_ENOUGH,
        height <= HEIGHT_ENOUGH ? height : HEIGHT_ENOUGH - height,
    };
    memcpy(r.value, values, sizeof values);
    return r;
}

static int compare(const struct rank *a, const struct rank *b)
{
    for (size_t i = 0; i < N_VALUES; i++) {
        if (a->value[i] != b->value[i])
            return a->value[i] < b->value[i] ? -1 : 1;
    }
    return 0;
}

struct format_choice {
    const json_t *best;
    struct rank rank;
    bool protected, unsupported;
};

static void consider(struct format_choice *c, const json_t *format)
{
    if (text(format, "url")[0] == '\0')
        return;
    struct rank rank = rank_format(format);
    if (rank.kind == NO_SOUND)
        return;
    if (json_is_true(json_object_get(format, "has_drm"))) {
        c->protected = true;
        return;
    }
    if (protocol_rank(format) == 0) {
        c->unsupported = true;
        return;
    }
    /* Of equals the later: yt-dlp sorts the better ones behind. */
    if (!c->best || compare(&rank, &c->rank) >= 0) {
        c->best = format;
        c->rank = rank;
    }
}

enum formats_result formats_choose(const json_t *info, const json_t **ret_format)
{
    static const char *const lists[] = { "formats", "requested_formats" };
    struct format_choice c = { 0 };
    for (size_t k = 0; k < 2 && !c.best; k++) {
        const json_t *list = json_object_get(info, lists[k]);
        for (size_t i = 0; i < json_array_size(list) && i < FORMATS_MAX; i++)
            consider(&c, json_array_get(list, i));
    }
    if (!c.best)
        consider(&c, info);
    if (c.best) {
        *ret_format = c.best;
        return FORMATS_FOUND;
    }
    return c.protected ? FORMATS_PROTECTED : c.unsupported ? FORMATS_UNSUPPORTED : FORMATS_NONE;
}
