/* What there is to know about a play. */
#include "session/play.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

void play_set_title(struct play *p, const char *title)
{
    char *copy = title[0] != '\0' ? strdup(title) : NULL;
    free(p->title);
    p->title = copy;
}

/* What a page says of a live stream is no length, and of media that know their own it is not
 * needed. */
void play_take_length(struct play *p, const struct wmsg_length *length)
{
    struct duration before = p->duration;
    bool was_live = p->is_live;
    p->is_live = length->is_live || p->net.is_live;
    p->duration = (struct duration){ length->duration, (enum duration_kind)length->kind };
    if (p->is_live) {
        p->duration = NO_DURATION;
        p->seekable = false;
    } else if (p->duration.kind == DURATION_UNKNOWN && p->net.duration >= 0)
        p->duration = (struct duration){ p->net.duration, DURATION_ESTIMATED };
    bool is_news = p->is_live != was_live || p->duration.kind != before.kind ||
                   p->duration.samples != before.samples;
    if (is_news && p->announced)
        p->ops->duration(p);
}

void play_keep_up(struct play *p)
{
    if (p->rendering || p->relic.ring || !p->worker)
        return;
    uint64_t now_ns = clock_now_ns();
    int64_t ready = play_buffered(p);
    bool has_all = ring_worker_state(p->rt.ring) == RING_WORKER_WAITING_SOURCE;
    if (has_all || ready > lag_now(&p->lag, now_ns, p->rt.frames, 0))
        lag_know(&p->lag, now_ns, p->rt.frames, ready);
    if (lag_has_grown(&p->lag, now_ns, p->rt.frames)) {
        log_info("session", "a live stream has fallen behind: it is joined anew");
        play_start_render(p, p->rt.next_pos, false);
    }
}

int64_t play_lag(const struct play *p)
{
    if (!p->is_live || !p->ready)
        return -1;
    return lag_now(&p->lag, clock_now_ns(), p->rt.frames, play_buffered(p));
}

int64_t play_position(const struct play *p)
{
    return p->rt.next_pos;
}

int64_t play_buffered(const struct play *p)
{
    if (!p->ready)
        return 0;
    return (int64_t)ring_consumer_fill(p->rt.ring, p->rt.lane) * AUDIO_FRAME_SAMPLES;
}

const char *play_state_name(const struct play *p)
{
    if (!p->ready)
        return "extracting";
    return p->paused ? "paused" : "streaming";
}
