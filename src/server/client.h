/*
 * The clients: who owns sessions. A client is born with a control connection and may outlive it by
 * the grace time, so that it can come back (`hello` with its id) and find its sessions where they
 * were. Its outlet is its attached audio connection or, until it has ever attached, every audio
 * connection that never did.
 */
#ifndef TUTTI_SERVER_CLIENT_H
#define TUTTI_SERVER_CLIENT_H

#include "playout/outlet.h"
#include "session/sessions.h"

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>
#include <uv.h>

struct audio;
struct audio_conn;
struct control_conn;
struct clients;

enum { CLIENT_ID_BYTES = 32 };

/* Visible to the server folder only. */
struct client {
    struct clients *all;
    uint64_t number; /* never used twice */
    char id[CLIENT_ID_BYTES + 1];
    struct control_conn *control; /* NULL: gone, for now */
    struct audio_conn *audio;     /* attached, or NULL */
    bool ever_attached;
    struct outlet outlet;
    uv_timer_t grace;
    UT_hash_handle by_id;
    UT_hash_handle by_number;
};

struct clients {
    uv_loop_t *loop;
    struct sessions *sessions;
    struct audio *audio;
    uint64_t grace_ms;
    uint64_t last_number;
    uint64_t last_marks; /* of the connections that wanted them */
    const struct outlet_ops *outlet_ops;
    struct client *by_id;
    struct client *by_number;
    bool unattached_listener; /* there is an audio connection that never attached */
};

/* A new client for this connection; NULL without memory. */
struct client *client_new(struct clients *all, struct control_conn *control);

struct client *client_find(struct clients *all, const char *id);
struct client *client_find_number(struct clients *all, uint64_t number);

/* The control connection is closed or has become another client: the sessions hold their position
 * for the grace time, and so does the id. When there are thousands of clients, one that has nothing
 * to come back to is forgotten at once. */
void client_leave(struct client *c);

/* `control` is this client from now on. */
void client_return(struct client *c, struct control_conn *control);

/* Attaches an audio connection, or (NULL) says that it is gone. */
void client_set_audio(struct client *c, struct audio_conn *audio);

/* Works out anew how this client's frames flow, and tells its sessions of a change. */
void client_update_flow(struct client *c);

/* Whether there is any audio connection that never attached. */
void clients_set_unattached_listener(struct clients *all, bool there_is);

/* Forgets every client, at once and without grace. */
void clients_done(struct clients *all);

#endif
