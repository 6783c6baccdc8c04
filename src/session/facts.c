/* What there is to know about a play. */
#include "session/play.h"

#include <stdlib.h>
#include <string.h>

void play_set_title(struct play *p, const char *title)
{
    char *copy = title[0] != '\0' ? strdup(title) : NULL;
    free(p->title);
    p->title = copy;
}

int64_t play_position(const struct play *p)
{
    if (p->duration >= 0 && p->rt.next_pos > p->duration)
        return p->duration;
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
