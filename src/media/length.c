#include "media/length.h"

#include "base/audio.h"
#include "proto/wmsg.h"

#include <libavutil/mathematics.h>

/* A container may say anything: what is no duration is unknown. */
struct duration length_declared(const struct demux *d)
{
    int64_t n = d->guessed >= 0 ? av_rescale(d->guessed, AUDIO_RATE, d->par->sample_rate) : -1;
    if (n < 0 || n > WMSG_POS_MAX || d->endless)
        return NO_DURATION;
    return (struct duration){ .samples = n, .kind = d->guess_kind };
}
