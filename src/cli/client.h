/*
 * A control connection to the daemon: commands out, events in, one JSON object a line.
 * See docs/protocol.md. One thread; nothing here prints.
 */
#ifndef TUTTI_CLI_CLIENT_H
#define TUTTI_CLI_CLIENT_H

#include <jansson.h>

struct control_client;

enum { CLIENT_TAG_BYTES = 24, CLIENT_TIMEOUT_MS = 5000 };

/* Connects and takes the daemon's greeting. Returns 0 and a client to be freed with client_free;
 * negative errno of connect(2); -ETIMEDOUT if the daemon does not greet; -EPIPE if it closed the
 * connection unheard, as it does with those who may not connect; -EPROTO if it is no Tutti daemon
 * or speaks another version of the protocol. */
int client_open(const char *path, struct control_client **ret);
void client_free(struct control_client *c);

/* The id that the daemon gave this client: what an audio connection attaches to. */
const char *client_id(const struct control_client *c);

/* To poll for input; owned by the client. */
int client_fd(const struct control_client *c);

/* Sends a command and takes over the reference to it (NULL is -ENOMEM). With `ret_tag`, the command
 * gets a tag of its own, which the event that answers it will bear. Returns 0 or negative errno. */
int client_send(struct control_client *c, json_t *command, char ret_tag[CLIENT_TAG_BYTES]);

/* The next event that has arrived, without waiting. Returns 1 and a reference for the caller, 0 if
 * there is none yet, -EPIPE when the daemon has gone, -EPROTO for a line that is no JSON object, or
 * another negative errno. */
int client_next(struct control_client *c, json_t **ret_event);

/* Sends a command and waits for the event that answers it; other events on the way are dropped.
 * Returns 0 and the answer, which may be an `error` event; -ETIMEDOUT; or as client_next. */
int client_ask(struct control_client *c, json_t *command, json_t **ret_answer);

/* Access to a field, with a value for when it is missing or of another type. */
const char *event_text(const json_t *event, const char *key, const char *otherwise);
double event_number(const json_t *event, const char *key, double otherwise);
int event_is(const json_t *event, const char *type);

#endif
