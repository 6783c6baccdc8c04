/* What the parts of serve share. Visible to serve*.c only. */
#ifndef TUTTI_MEDIA_SERVE_PARTS_H
#define TUTTI_MEDIA_SERVE_PARTS_H

#include "base/errors.h"
#include "media/render.h"
#include "proto/wmsg.h"
#include "ring/producer.h"

#include <stdbool.h>
#include <stdint.h>

enum step {
    STEP_IDLE,   /* no play, or one that failed */
    STEP_RENDER, /* frames are to be made */
    STEP_ENDED,  /* the end marker is in the ring */
};

enum { SERVE_HEARD_MAX = 16 };

struct heard {
    struct wmsg m;
    int fd; /* that came along; −1 */
};

struct opening;

struct serve {
    int sock;
    struct ring_producer ring;
    enum ring_worker_state state; /* as the ring says it */
    bool done;
    /* the play */
    uint32_t play;
    struct wmsg_open open;
    struct track *track;
    struct source *source; /* of the track, or of the one being opened; NULL */
    struct render *render;
    bool is_opening;
    int64_t shift; /* [samples] added to positions: a live stream was joined here */
    bool joins;    /* a live stream is being joined anew: nothing of it has been made yet */
    /* the play that follows */
    uint32_t next_play;
    struct track *next_track; /* NULL: none */
    struct wmsg_render next_how;
    struct opening *opening; /* of a next source from the network; NULL */
    enum step step;
    bool announced;    /* OPENED has been sent */
    uint32_t told_cut; /* the play of which it was said that its source is incomplete */
    struct wmsg_length told_length; /* what the daemon knows of how long … */
    uint32_t told_length_of;        /* … this play is */
    unsigned lane;
    struct wmsg_render how; /* what is being rendered */
    int64_t resume_pos;     /* [samples] of the next frame to be made */
    bool gave_up;           /* waiting for its source, for a command's sake */
    unsigned n_vain;        /* times it gave up though there was no command */
    uint32_t n_made;        /* frames of this render */
    bool filled;            /* the depth was reached once */
    struct frame frame;     /* made, but there was no room for it */
    bool frame_waits;
    /* commands */
    struct heard heard[SERVE_HEARD_MAX]; /* and not acted on yet, in order */
    unsigned n_heard;
    bool has_render; /* the newest, not begun yet */
    struct wmsg_render next;
    bool in_burst;
    uint64_t burst_until_ns;
    uint64_t polled_ns;
};

/* serve.c */
bool serve_renders_next(const struct serve *s);
void serve_set_state(struct serve *s, enum ring_worker_state state);
void serve_end_play(struct serve *s);
void serve_close_play(struct serve *s);
void serve_begin_open(struct serve *s, int fd);
void serve_render_failed(struct serve *s, int r);

/* Opens the source that was handed over (taken in any case). Returns the track, or NULL with what
 * to tell the client. *ret_source is set while it is being opened. */
struct track *serve_open_track(const struct serve *s, struct source *source,
                               struct failure *ret_failure);

/* serve_say.c */
void serve_send(struct serve *s, const struct wmsg *m);
void serve_send_plain(struct serve *s, enum wmsg_type type);
void serve_say_failed(struct serve *s, uint32_t play, const struct failure *f);
void serve_say_opened(struct serve *s, struct track *track, uint32_t play, int64_t pos, bool passes,
                      bool late);
void serve_refuse_render(struct serve *s, const struct wmsg_render *render, enum tutti_error code);
void serve_tell_title(struct serve *s);
void serve_tell_length(struct serve *s, uint32_t play); /* if more is known than was told */
void serve_tell_cut(struct serve *s, uint32_t play); /* once for each play, before its end marker */

/* serve_hear.c */

/* Takes what waits in the socket and acts on it, newest changes only; waits for something first, up
 * to timeout_ms (−1: for good). Not from inside a read. */
void serve_hear(struct serve *s, int timeout_ms);

/* How a source of the play waits: commands are heard meanwhile. */
struct source_wait serve_source_wait(struct serve *s);

/* True for a position that the track cannot be brought to. */
bool serve_cannot_do(const struct track *track, const struct wmsg_render *render);

/* serve_next.c: the play that follows */
void serve_take_next(struct serve *s, const struct wmsg *m, int fd);
void serve_drop_next(struct serve *s);
void serve_take_joined(struct serve *s, uint32_t play);
int serve_opening_fd(const struct serve *s); /* to wait for; −1 */
void serve_go_on_opening(struct serve *s);
bool serve_replace_next(struct serve *s, uint32_t play, int fd); /* takes fd if it is the next's */

#endif
