#include "proto/command.h"

#include "base/audio.h"
#include "base/text.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a line is read with: the first complaint stays. */
struct fields {
    const json_t *object;
    char *reason;
    bool failed;
};

/* A quarter of a century: beyond any recording, well inside what samples can count. A client that
 * asks for more asks for what lies beyond the end, too. */
static const double position_max_s = 25.0 * 365 * 24 * 3600;

static void complain(struct fields *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void complain(struct fields *r, const char *fmt, ...)
{
    if (r->failed)
        return;
    r->failed = true;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(r->reason, COMMAND_REASON_MAX, fmt, ap);
    va_end(ap);
}

static const json_t *field(struct fields *r, const char *name, bool required)
{
    const json_t *v = json_object_get(r->object, name);
    if (!v && required)
        complain(r, "\"%s\" is missing", name);
    return v;
}

/* Copies a string of at most `max` bytes; an absent one leaves `out` empty. The JSON parser has
 * seen to it that it is UTF-8 and has no NUL. */
static bool read_string(struct fields *r, const char *name, char *out, size_t max)
{
    out[0] = '\0';
    const json_t *v = field(r, name, false);
    if (!v)
        return false;
    size_t len = json_string_length(v);
    if (!json_is_string(v) || len > max) {
        complain(r, "\"%s\" must be a string of at most %zu bytes", name, max);
        return false;
    }
    memcpy(out, json_string_value(v), len + 1);
    return true;
}

/* A volume. */
static double read_level(struct fields *r, const char *name, bool required)
{
    const json_t *v = field(r, name, required);
    if (!v)
        return 1;
    double d = json_is_number(v) ? json_number_value(v) : NAN;
    if (d >= 0 && d <= 2)
        return d;
    complain(r, "\"%s\" must be a number from 0 to 2", name);
    return 1;
}

static bool read_bool(struct fields *r, const char *name, bool required)
{
    const json_t *v = field(r, name, required);
    if (v && !json_is_boolean(v))
        complain(r, "\"%s\" must be true or false", name);
    return json_is_true(v);
}

int channel_parse(const char *s, uint64_t *ret_channel)
{
    uint64_t n = 0;
    size_t len = 0;
    for (; s[len] != '\0'; len++) {
        if (s[len] < '0' || s[len] > '9' || len >= 20)
            return -EINVAL;
        uint64_t digit = (uint64_t)(s[len] - '0');
        if (n > (UINT64_MAX - digit) / 10)
            return -EINVAL;
        n = n * 10 + digit;
    }
    if (len == 0 || n == 0)
        return -EINVAL;
    *ret_channel = n;
    return 0;
}

static uint64_t read_snowflake(struct fields *r, const char *name, bool required)
{
    const json_t *v = field(r, name, required);
    uint64_t n = 0;
    if (!v)
        return 0;
    if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v) ||
        channel_parse(json_string_value(v), &n) < 0)
        complain(r, "\"%s\" must be a string of decimal digits, 1 to 2^64-1", name);
    return n;
}

static uint64_t read_channel(struct fields *r, bool required)
{
    return read_snowflake(r, "channel_id", required);
}

static char *read_url(struct fields *r)
{
    const json_t *v = field(r, "url", true);
    if (!v)
        return NULL;
    if (!json_is_string(v) || json_string_length(v) == 0) {
        complain(r, "\"url\" must be a string that is not empty");
        return NULL;
    }
    char *url = strdup(json_string_value(v));
    if (!url)
        complain(r, "out of memory");
    return url;
}

static int64_t read_position(struct fields *r, bool required)
{
    const json_t *v = field(r, "position", required);
    if (!v)
        return 0;
    double d = json_is_number(v) ? json_number_value(v) : NAN;
    if (d >= 0)
        return audio_samples(fmin(d, position_max_s));
    complain(r, "\"position\" must be a number that is not negative");
    return 0;
}

static void read_play(struct fields *r, struct command *c)
{
    c->channel = read_channel(r, true);
    c->has_play_id = read_string(r, "play_id", c->play_id, COMMAND_PLAY_ID_MAX);
    c->has_volume = json_object_get(r->object, "volume") != NULL;
    c->volume = read_level(r, "volume", false);
    c->position = read_position(r, false);
    c->paused = read_bool(r, "paused", false);
    c->cut = read_bool(r, "cut", false);
    c->next = read_bool(r, "next", false);
    c->keep_owner = read_bool(r, "keep_owner", false);
    c->url = read_url(r);
}

static void read_hello(struct fields *r, struct command *c)
{
    const json_t *v = field(r, "client", false);
    if (v && !json_is_string(v))
        complain(r, "\"client\" must be a string");
    else if (json_string_length(v) <= COMMAND_CLIENT_MAX) /* a longer one is nobody's */
        (void)read_string(r, "client", c->client, COMMAND_CLIENT_MAX);
}

static void read_channel_only(struct fields *r, struct command *c)
{
    c->channel = read_channel(r, true);
}

static void read_stop(struct fields *r, struct command *c)
{
    c->channel = read_channel(r, true);
    c->has_play_id = read_string(r, "play_id", c->play_id, COMMAND_PLAY_ID_MAX);
}

static void read_volume(struct fields *r, struct command *c)
{
    c->channel = read_channel(r, true);
    c->volume = read_level(r, "level", true);
    c->keep = read_bool(r, "keep", false);
}

static void read_seek(struct fields *r, struct command *c)
{
    c->channel = read_channel(r, true);
    c->position = read_position(r, true);
}

static void read_status(struct fields *r, struct command *c)
{
    c->channel = read_channel(r, false);
}

static void read_watch(struct fields *r, struct command *c)
{
    c->on = read_bool(r, "on", true);
}

/* A text that is not empty and may stand in a line. */
static void read_credential(struct fields *r, const char *name, char *out, size_t max)
{
    if (field(r, name, true) && read_string(r, name, out, max) &&
        (*out == '\0' || !text_is_printable(out, strlen(out))))
        complain(r, "\"%s\" must be a string that is not empty, without control characters", name);
}

static void read_connect(struct fields *r, struct command *c)
{
    struct command_voice *v = &c->voice;
    c->channel = read_channel(r, true);
    v->guild = read_snowflake(r, "guild_id", true);
    v->user = read_snowflake(r, "user_id", true);
    v->channel = read_snowflake(r, "voice_channel_id", false);
    if (v->channel == 0)
        v->channel = c->channel;
    read_credential(r, "session_id", v->session_id, COMMAND_SESSION_MAX);
    read_credential(r, "token", v->token, COMMAND_TOKEN_MAX);
    read_credential(r, "endpoint", v->endpoint, COMMAND_ENDPOINT_MAX);
}

static const struct {
    const char *name;
    void (*read)(struct fields *r, struct command *c);
} types[COMMAND_TYPE_COUNT] = {
    [COMMAND_HELLO] = { "hello", read_hello },
    [COMMAND_PLAY] = { "play", read_play },
    [COMMAND_PAUSE] = { "pause", read_channel_only },
    [COMMAND_RESUME] = { "resume", read_channel_only },
    [COMMAND_STOP] = { "stop", read_stop },
    [COMMAND_VOLUME] = { "volume", read_volume },
    [COMMAND_SEEK] = { "seek", read_seek },
    [COMMAND_STATUS] = { "status", read_status },
    [COMMAND_STATS] = { "stats", NULL },
    [COMMAND_WATCH] = { "watch", read_watch },
    [COMMAND_CONNECT] = { "connect", read_connect },
    [COMMAND_DISCONNECT] = { "disconnect", read_channel_only },
};

static void read_type(struct fields *r, struct command *c)
{
    const json_t *v = field(r, "type", true);
    if (!v)
        return;
    if (!json_is_string(v)) {
        complain(r, "\"type\" must be a string");
        return;
    }
    for (int i = 0; i < COMMAND_TYPE_COUNT; i++) {
        if (strcmp(json_string_value(v), types[i].name) == 0) {
            c->type = (enum command_type)i;
            if (types[i].read)
                types[i].read(r, c);
            return;
        }
    }
    char name[32];
    (void)text_sanitise(name, sizeof name, json_string_value(v));
    complain(r, "unknown command \"%s\"", name);
}

static void read_object(struct fields *r, struct command *c)
{
    c->has_tag = read_string(r, "tag", c->tag, COMMAND_TAG_MAX);
    read_type(r, c);
}

int command_parse(const char *s, size_t len, struct command *ret,
                  char ret_reason[COMMAND_REASON_MAX])
{
    *ret = (struct command){ 0 };
    json_error_t error;
    /* As reals, integers may be of any size: too large a one is a field out of range, whose command
     * is answered with its tag. */
    json_t *object = json_loadb(s, len, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
    struct fields r = { .object = object, .reason = ret_reason };
    if (!object) {
        char text[COMMAND_REASON_MAX - 32];
        (void)text_sanitise(text, sizeof text, error.text);
        complain(&r, "not a JSON object: %s", text);
    } else if (!json_is_object(object)) {
        complain(&r, "not a JSON object");
    } else {
        read_object(&r, ret);
    }
    json_decref(object);
    if (!r.failed)
        return 0;
    command_done(ret);
    return -EBADMSG;
}

void command_done(struct command *c)
{
    free(c->url);
    c->url = NULL;
}
