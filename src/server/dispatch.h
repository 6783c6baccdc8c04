/*
 * The dispatcher: commands in, calls to the sessions out; as a front, answers and events out, as
 * lines to those who should hear them. It knows nothing of how lines come and go.
 */
#ifndef TUTTI_SERVER_DISPATCH_H
#define TUTTI_SERVER_DISPATCH_H

#include "base/complaints.h"
#include "call/calls.h"
#include "extract/extractor.h"
#include "owner/owner.h"
#include "pool/pool.h"
#include "server/audio.h"
#include "server/control.h"
#include "server/tickets.h"
#include "session/sessions.h"

struct dispatch {
    struct front front; /* its ops are dispatch_front_ops */
    struct controls *controls;
    struct owners *owners;
    struct sessions *sessions;
    struct pool *pool;
    struct extractor *extractor;
    struct audio *audio;
    struct bot_calls *calls;
    struct voice *voice;
    struct tickets tickets;
    uint64_t started_ns;
    struct complaints complaints;
};

extern const struct front_ops dispatch_front_ops;

/* control_ops; `arg` is the struct dispatch. */
void dispatch_opened(struct control_conn *c, void *arg);
void dispatch_line(struct control_conn *c, const char *line, size_t len, void *arg);
void dispatch_line_too_long(struct control_conn *c, void *arg);
void dispatch_closed(struct control_conn *c, void *arg);

/* audio_ops; `arg` is the struct dispatch. */
struct outlet_set *dispatch_find(const char *client, void *arg);
/* calls_ops; `arg` is the struct dispatch. */
void dispatch_call_said(const struct event *e, uint64_t owner, void *arg);
void dispatch_call_rerouted(uint64_t channel, void *arg);

void dispatch_slow(uint64_t owner, uint64_t channel, uint64_t n_dropped, void *arg);

#endif
