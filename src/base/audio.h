/* The arithmetic of frames: everything Tutti delivers is 48 kHz, 20 ms. */
#ifndef TUTTI_BASE_AUDIO_H
#define TUTTI_BASE_AUDIO_H

#include <stdint.h>

enum {
    AUDIO_RATE = 48000, /* [samples/s] of every position and duration */
    AUDIO_CHANNELS = 2,
    AUDIO_FRAME_SAMPLES = 960, /* 20 ms */
    AUDIO_FRAMES_PER_S = 50,
    AUDIO_PACKET_MAX = 1275,       /* [bytes] of one Opus frame, RFC 6716 section 3.2.1 */
    AUDIO_ENCODER_LOOKAHEAD = 312, /* [samples] of libopus at 48 kHz, application audio */
};

#define AUDIO_FRAME_NS (UINT64_C(20) * 1000 * 1000)

/* Seconds to samples, rounded to the nearest. The caller has checked the range. */
static inline int64_t audio_samples(double seconds)
{
    return (int64_t)(seconds * AUDIO_RATE + (seconds < 0 ? -0.5 : 0.5));
}

static inline double audio_seconds(int64_t samples)
{
    return (double)samples / AUDIO_RATE;
}

#endif
