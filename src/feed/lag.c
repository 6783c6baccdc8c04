#include "feed/lag.h"

#include "base/audio.h"
#include "base/clock.h"

/* [samples at 48 kHz] Longer than any hitch, shorter than what anybody would call live. */
#define GROWTH_MAX ((int64_t)5 * AUDIO_RATE)

void lag_know(struct lag *lag, uint64_t now_ns, uint64_t frames, int64_t ready)
{
    *lag = (struct lag){ .since_ns = now_ns, .frames = frames, .samples = ready };
}

/* [samples at 48 kHz] since it was known; negative where frames were taken faster than time. */
static int64_t growth(const struct lag *lag, uint64_t now_ns, uint64_t frames)
{
    int64_t passed_ms = (int64_t)((now_ns - lag->since_ns) / NS_PER_MS);
    return passed_ms * (AUDIO_RATE / 1000) - (int64_t)(frames - lag->frames) * AUDIO_FRAME_SAMPLES;
}

int64_t lag_now(const struct lag *lag, uint64_t now_ns, uint64_t frames, int64_t ready)
{
    if (lag->since_ns == 0)
        return -1;
    int64_t n = lag->samples + growth(lag, now_ns, frames);
    return n > ready ? n : ready;
}

bool lag_has_grown(const struct lag *lag, uint64_t now_ns, uint64_t frames)
{
    return lag->since_ns != 0 && growth(lag, now_ns, frames) > GROWTH_MAX;
}
