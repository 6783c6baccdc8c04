/*
 * Events: what is said of a channel, as a plain struct. Who hears it, and in which form it is
 * written, is the business of those above: see proto/event_json.h. See docs/protocol.md.
 */
#ifndef TUTTI_PROTO_EVENT_H
#define TUTTI_PROTO_EVENT_H

#include "base/errors.h"
#include "proto/duration.h"

#include <stdbool.h>
#include <stdint.h>

enum event_type {
    EVENT_READY,
    EVENT_PAUSED,
    EVENT_RESUMED,
    EVENT_SEEKED,
    EVENT_VOLUME,
    EVENT_TITLE,
    EVENT_DURATION,
    EVENT_STOPPED,
    EVENT_FINISHED,
    EVENT_WARNING,
    EVENT_ERROR,
    EVENT_VOICE,
    EVENT_TYPE_COUNT
};

enum stop_reason {
    STOP_BY_COMMAND,
    STOP_REPLACED,
    STOP_CLIENT_GONE,
    STOP_SHUTDOWN,
    STOP_REASON_COUNT
};

/* Of a voice connection. */
enum call_state {
    CALL_CONNECTING,
    CALL_READY,
    CALL_RESUMING, /* the gateway was lost; sound goes on */
    CALL_CLOSED,   /* over; another `connect` is needed */
    CALL_DISCONNECTED,
    CALL_STATE_COUNT
};

/* A voice connection as `status` and `hello` show it. Snowflakes. */
struct call_info {
    uint64_t channel, guild, user;
    uint64_t voice_channel; /* Discord's, where `channel` is the client's own name for it */
    enum call_state state;
    int ping_ms; /* −1: not known yet */
};

struct event {
    enum event_type type;
    uint64_t channel;         /* 0: left out */
    const char *play_id;      /* NULL: null in an answer that no play gave, left out of an error */
    const char *title;        /* ready, title; NULL: left out */
    const char *message;      /* warning, error */
    int64_t position;         /* [samples at 48 kHz] */
    struct duration duration; /* ready, duration */
    bool is_live;             /* ready, duration */
    double level;             /* volume */
    bool is_kept;             /* volume: for the channel; false: left out */
    uint64_t frames;          /* finished */
    uint32_t sequence;        /* seeked: of the first frame of the new place */
    bool passthrough;         /* ready */
    bool seekable;            /* ready */
    enum stop_reason reason;  /* stopped */
    enum tutti_error error;   /* error */
    enum tutti_warning warning;   /* warning */
    const struct call_info *call; /* voice */
    unsigned close_code;          /* voice: Discord's; 0: none */
};

/* A session as `status` and `hello` show it. */
struct session_info {
    uint64_t channel;
    const char *play_id;
    const char *state; /* "extracting", "streaming", "paused" */
    const char *url;
    const char *title; /* or NULL */
    int64_t position;  /* [samples at 48 kHz] */
    struct duration duration;
    bool is_live;
    int64_t lag; /* [samples at 48 kHz] a live stream: behind its station; −1: none or unknown */
    double volume;
    bool passthrough;
    bool seekable;
    const struct session_info *pending, *next; /* play id and URL of what waits; NULL: none */
    int64_t buffered;                          /* [samples at 48 kHz] */
    uint64_t underruns;
};

#endif
