/*
 * Control lines: one JSON object a line in, one struct out. Pure and strict: an ill-typed, missing
 * or out-of-range field is refused with a sentence that names it; unknown fields are ignored, so
 * that a newer client can talk to an older daemon. See docs/protocol.md.
 */
#ifndef TUTTI_PROTO_COMMAND_H
#define TUTTI_PROTO_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    COMMAND_LINE_MAX = 65536,   /* [bytes] of a client's line, without its newline */
    COMMAND_TAG_MAX = 64,       /* [bytes] */
    COMMAND_PLAY_ID_MAX = 64,   /* [bytes] */
    COMMAND_CLIENT_MAX = 64,    /* [bytes] */
    COMMAND_REASON_MAX = 160,   /* [bytes] */
    COMMAND_SESSION_MAX = 128,  /* [bytes] of Discord's session id */
    COMMAND_TOKEN_MAX = 256,    /* [bytes] of its voice token */
    COMMAND_ENDPOINT_MAX = 261, /* [bytes] of a voice server's name and port */
};

enum command_type {
    COMMAND_HELLO,
    COMMAND_PLAY,
    COMMAND_PAUSE,
    COMMAND_RESUME,
    COMMAND_STOP,
    COMMAND_VOLUME,
    COMMAND_SEEK,
    COMMAND_STATUS,
    COMMAND_STATS,
    COMMAND_WATCH,
    COMMAND_CONNECT,
    COMMAND_DISCONNECT,
    COMMAND_TYPE_COUNT
};

struct command {
    enum command_type type;
    bool has_tag, has_play_id, has_volume;
    char tag[COMMAND_TAG_MAX + 1];
    uint64_t channel;                      /* 0 where none was given (status) */
    char *url;                             /* play; owned */
    char play_id[COMMAND_PLAY_ID_MAX + 1]; /* play, stop */
    double volume;                         /* play, volume: 0 … 2 */
    int64_t position;                      /* play, seek: [samples at 48 kHz] */
    bool paused, cut, next, keep_owner, keep, on;
    char client[COMMAND_CLIENT_MAX + 1]; /* hello; empty where none was given */
    struct command_voice {
        uint64_t guild, user, channel; /* snowflakes */
        char session_id[COMMAND_SESSION_MAX + 1];
        char token[COMMAND_TOKEN_MAX + 1];
        char endpoint[COMMAND_ENDPOINT_MAX + 1];
    } voice; /* connect */
};

/* Reads the line s[0..len). Returns 0 and the command (free it with command_done), or -EBADMSG and
 * why in ret_reason; then only ret->tag, ret->channel and ret->play_id are set, as far as they
 * could be read, and there is nothing to free. */
int command_parse(const char *s, size_t len, struct command *ret,
                  char ret_reason[COMMAND_REASON_MAX]);
void command_done(struct command *c);

/* Reads a channel id, "1" … "18446744073709551615". Returns 0 or -EINVAL. */
int channel_parse(const char *s, uint64_t *ret_channel);

#endif
