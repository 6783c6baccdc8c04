#include "proto/event_json.h"

#include "base/audio.h"
#include "base/cleanup.h"
#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const type_names[EVENT_TYPE_COUNT] = {
    [EVENT_READY] = "ready",     [EVENT_PAUSED] = "paused",     [EVENT_RESUMED] = "resumed",
    [EVENT_SEEKED] = "seeked",   [EVENT_VOLUME] = "volume",     [EVENT_TITLE] = "title",
    [EVENT_STOPPED] = "stopped", [EVENT_FINISHED] = "finished", [EVENT_WARNING] = "warning",
    [EVENT_ERROR] = "error",     [EVENT_DURATION] = "duration", [EVENT_VOICE] = "voice",
};

static const char *const call_names[CALL_STATE_COUNT] = {
    [CALL_CONNECTING] = "connecting",     [CALL_READY] = "ready",   [CALL_RESUMING] = "resuming",
    [CALL_DISCONNECTED] = "disconnected", [CALL_CLOSED] = "closed",
};

static const char *const duration_names[DURATION_KIND_COUNT] = {
    [DURATION_UNKNOWN] = "unknown",
    [DURATION_ESTIMATED] = "estimated",
    [DURATION_EXACT] = "exact",
};

static const char *const reason_names[STOP_REASON_COUNT] = {
    [STOP_BY_COMMAND] = "stop",
    [STOP_REPLACED] = "replaced",
    [STOP_CLIENT_GONE] = "client_gone",
    [STOP_SHUTDOWN] = "shutdown",
};

json_t *event_json_seconds(int64_t samples)
{
    return json_real(round(audio_seconds(samples) * 1000) / 1000);
}

/* As a string: numbers of JSON are not exact for so many digits. */
static json_t *snowflake(uint64_t n)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, n);
    return json_string(text);
}

static void set_duration(json_t *o, const struct duration *d, bool is_live)
{
    (void)json_object_set_new(o, "duration",
                              d->samples < 0 ? json_null() : event_json_seconds(d->samples));
    (void)json_object_set_new(o, "duration_kind", json_string(duration_names[d->kind]));
    (void)json_object_set_new(o, "live", json_boolean(is_live));
}

/* A string of JSON is UTF-8. Where somebody has cut a sentence in the middle of a character, or
 * passed on bytes that never were text, the rest of it must still be told. */
static json_t *string_of_any_bytes(const char *text)
{
    json_t *string = json_string(text);
    size_t size = strlen(text) + 1;
    AUTO_FREE char *clean = string ? NULL : malloc(size);
    if (!clean)
        return string;
    (void)text_sanitise(clean, size, text);
    return json_string(clean);
}

static void set_text(json_t *o, const char *key, const char *text)
{
    if (text)
        (void)json_object_set_new(o, key, string_of_any_bytes(text));
}

static void set_call(json_t *o, const struct call_info *c)
{
    (void)json_object_set_new(o, "guild_id", snowflake(c->guild));
    (void)json_object_set_new(o, "user_id", snowflake(c->user));
    (void)json_object_set_new(o, "voice_channel_id", snowflake(c->voice_channel));
    set_text(o, "state", call_names[c->state]);
    if (c->ping_ms >= 0)
        (void)json_object_set_new(o, "ping_ms", json_integer(c->ping_ms));
}

static void set_details(json_t *o, const struct event *e)
{
    switch (e->type) {
    case EVENT_READY:
        set_duration(o, &e->duration, e->is_live);
        (void)json_object_set_new(o, "position", event_json_seconds(e->position));
        set_text(o, "title", e->title);
        (void)json_object_set_new(o, "passthrough", json_boolean(e->passthrough));
        (void)json_object_set_new(o, "seekable", json_boolean(e->seekable));
        break;
    case EVENT_FINISHED:
        (void)json_object_set_new(o, "frames", json_integer((json_int_t)e->frames));
        (void)json_object_set_new(o, "position", event_json_seconds(e->position));
        break;
    case EVENT_STOPPED:
        (void)json_object_set_new(o, "reason", json_string(reason_names[e->reason]));
        (void)json_object_set_new(o, "position", event_json_seconds(e->position));
        break;
    case EVENT_SEEKED:
        (void)json_object_set_new(o, "sequence", json_integer((json_int_t)e->sequence));
        (void)json_object_set_new(o, "position", event_json_seconds(e->position));
        break;
    case EVENT_PAUSED:
    case EVENT_RESUMED:
        (void)json_object_set_new(o, "position", event_json_seconds(e->position));
        break;
    case EVENT_VOLUME:
        (void)json_object_set_new(o, "level", json_real(e->level));
        if (e->is_kept)
            (void)json_object_set_new(o, "keep", json_true());
        break;
    case EVENT_TITLE:
        set_text(o, "title", e->title ? e->title : "");
        break;
    case EVENT_DURATION:
        set_duration(o, &e->duration, e->is_live);
        break;
    case EVENT_WARNING:
        set_text(o, "code", warning_wire_name(e->warning));
        set_text(o, "message", e->message ? e->message : warning_wire_name(e->warning));
        break;
    case EVENT_ERROR:
        set_text(o, "code", error_wire_name(e->error));
        set_text(o, "message", e->message ? e->message : error_text(e->error));
        break;
    case EVENT_VOICE:
        set_call(o, e->call);
        if (e->close_code != 0)
            (void)json_object_set_new(o, "code", json_integer(e->close_code));
        set_text(o, "message", e->message);
        break;
    case EVENT_TYPE_COUNT:
        break;
    }
}

char *event_json_object_line(json_t *object, const char *tag)
{
    if (!object)
        return NULL;
    if (tag)
        (void)json_object_set_new(object, "tag", json_string(tag));
    /* 12 digits show a quarter of a century to the millisecond and no rounding noise. */
    char *line = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(12));
    json_decref(object);
    size_t len = line ? strlen(line) : 0;
    char *longer = line ? realloc(line, len + 2) : NULL;
    if (!longer) {
        free(line);
        return NULL;
    }
    memcpy(longer + len, "\n", 2);
    return longer;
}

char *event_json_line(const struct event *e, const char *tag)
{
    json_t *o = json_object();
    if (!o)
        return NULL;
    set_text(o, "type", type_names[e->type]);
    if (e->channel != 0)
        (void)json_object_set_new(o, "channel_id", snowflake(e->channel));
    if (e->play_id)
        set_text(o, "play_id", e->play_id);
    else if (e->type != EVENT_ERROR && e->type != EVENT_WARNING && e->type != EVENT_VOICE)
        (void)json_object_set_new(o, "play_id", json_null());
    set_details(o, e);
    return event_json_object_line(o, tag);
}

static void set_waiting(json_t *o, const char *key, const struct session_info *s)
{
    json_t *waiting = s ? json_object() : NULL;
    if (!waiting)
        return;
    set_text(waiting, "play_id", s->play_id);
    set_text(waiting, "url", s->url);
    (void)json_object_set_new(o, key, waiting);
}

json_t *event_json_session(const struct session_info *s)
{
    json_t *o = json_object();
    if (!o)
        return NULL;
    (void)json_object_set_new(o, "channel_id", snowflake(s->channel));
    set_text(o, "play_id", s->play_id);
    set_text(o, "state", s->state);
    set_text(o, "url", s->url);
    set_text(o, "title", s->title);
    (void)json_object_set_new(o, "position", event_json_seconds(s->position));
    set_duration(o, &s->duration, s->is_live);
    if (s->lag >= 0)
        (void)json_object_set_new(o, "lag", event_json_seconds(s->lag));
    (void)json_object_set_new(o, "volume", json_real(s->volume));
    (void)json_object_set_new(o, "passthrough", json_boolean(s->passthrough));
    (void)json_object_set_new(o, "seekable", json_boolean(s->seekable));
    set_waiting(o, "pending", s->pending);
    set_waiting(o, "next", s->next);
    (void)json_object_set_new(o, "buffered", event_json_seconds(s->buffered));
    (void)json_object_set_new(o, "underruns", json_integer((json_int_t)s->underruns));
    return o;
}

json_t *event_json_call(const struct call_info *c)
{
    json_t *o = json_object();
    if (!o)
        return NULL;
    (void)json_object_set_new(o, "channel_id", snowflake(c->channel));
    set_call(o, c);
    return o;
}
