/* Events and sessions as JSON: the lines of version 1 of the protocol. See docs/protocol.md. */
#ifndef TUTTI_PROTO_EVENT_JSON_H
#define TUTTI_PROTO_EVENT_JSON_H

#include "proto/event.h"

#include <jansson.h>
#include <stddef.h>

/* One line with its newline, to be freed with free(), or NULL when out of memory. `tag` may be
 * NULL. */
char *event_json_line(const struct event *e, const char *tag);

/* The same of any object, which it takes over and which may be NULL: then so is the line. */
char *event_json_object_line(json_t *object, const char *tag);

/* One entry of a `sessions` array. NULL when out of memory. */
/* A voice connection as `hello` and `status` show it. NULL without memory. */
json_t *event_json_call(const struct call_info *c);

json_t *event_json_session(const struct session_info *s);

/* Seconds, rounded to the millisecond. */
json_t *event_json_seconds(int64_t samples);

#endif
