/* Every error a client can see: the one list of codes, wire names and default texts. */
#ifndef TUTTI_BASE_ERRORS_H
#define TUTTI_BASE_ERRORS_H

#define TUTTI_ERRORS(X) \
    X(INVALID_COMMAND, "invalid_command", "the command cannot be understood") \
    X(LINE_TOO_LONG, "line_too_long", "a line may be at most 65536 bytes long") \
    X(POOL_EXHAUSTED, "pool_exhausted", "all seats are taken") \
    X(NO_SESSION, "no_session", "nothing is playing in this channel") \
    X(UNSUPPORTED_URL, "unsupported_url", "this kind of URL cannot be played") \
    X(FORBIDDEN_URL, "forbidden_url", "this URL may not be played") \
    X(NOT_FOUND, "not_found", "there is nothing at this URL") \
    X(EXTRACTION_FAILED, "extraction_failed", "no stream could be found behind this page") \
    X(EXTRACTION_TIMEOUT, "extraction_timeout", "finding the stream took too long") \
    X(SOURCE_FAILED, "source_failed", "the source was lost") \
    X(DECODE_FAILED, "decode_failed", "there is no audio in this source that can be decoded") \
    X(NOT_SEEKABLE, "not_seekable", "this source cannot be seeked") \
    X(WORKER_CRASHED, "worker_crashed", "the worker for this channel died") \
    X(CLIENT_REPLACED, "client_replaced", "another process has become this client") \
    X(SHUTTING_DOWN, "shutting_down", "the daemon is shutting down") \
    X(INTERNAL, "internal", "an internal error occurred")

enum tutti_error {
    TUTTI_OK = 0,
#define X(name, wire, text) TUTTI_E_##name,
    TUTTI_ERRORS(X)
#undef X
        TUTTI_ERROR_COUNT
};

#define TUTTI_WARNINGS(X) \
    X(WORKER_RESTARTED, "worker_restarted") \
    X(SPAN_SKIPPED, "span_skipped") \
    X(SOURCE_RECONNECTED, "source_reconnected") \
    X(SOURCE_STALLED, "source_stalled") \
    X(SOURCE_TRUNCATED, "source_truncated") \
    X(FIRST_ENTRY, "first_entry") \
    X(SLOW_CONSUMER, "slow_consumer")

enum tutti_warning {
    TUTTI_W_NONE = 0,
#define X(name, wire) TUTTI_W_##name,
    TUTTI_WARNINGS(X)
#undef X
        TUTTI_WARNING_COUNT
};

/* The name on the wire, for example "pool_exhausted". Never NULL: an unknown code is "internal". */
const char *error_wire_name(enum tutti_error code);

/* A default sentence for people. Never NULL. */
const char *error_text(enum tutti_error code);

/* The name on the wire, for example "slow_consumer". Never NULL. */
const char *warning_wire_name(enum tutti_warning code);

#endif
