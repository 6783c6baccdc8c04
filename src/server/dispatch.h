/*
 * The dispatcher: commands in, calls to the sessions out; events of the sessions in, lines to those
 * who should hear them out. It knows nothing of how lines come and go.
 */
#ifndef TUTTI_SERVER_DISPATCH_H
#define TUTTI_SERVER_DISPATCH_H

#include "base/complaints.h"
#include "extract/extractor.h"
#include "pool/pool.h"
#include "server/audio.h"
#include "server/client.h"
#include "server/control.h"
#include "session/sessions.h"

struct dispatch {
    uv_loop_t *loop;
    struct controls *controls;
    struct clients *clients;
    struct sessions *sessions;
    struct pool *pool;
    struct extractor *extractor;
    struct audio *audio;
    uint64_t started_ns;
    struct complaints complaints;
    unsigned n_watching; /* connections that hear of every session */
};

/* control_ops; `arg` is the struct dispatch. */
void dispatch_opened(struct control_conn *c, void *arg);
void dispatch_line(struct control_conn *c, const char *line, size_t len, void *arg);
void dispatch_line_too_long(struct control_conn *c, void *arg);
void dispatch_closed(struct control_conn *c, void *arg);

/* sessions_event_fn and audio_slow_fn; `arg` is the struct dispatch. */
void dispatch_event(const struct event *e, const struct origin *answer, uint64_t owner, void *arg);
void dispatch_slow(uint64_t client, uint64_t channel, uint64_t n_dropped, void *arg);

#endif
