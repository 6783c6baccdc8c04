#include "media/encode.h"

#include "base/audio.h"

#include <assert.h>
#include <errno.h>
#include <opus.h>
#include <stdlib.h>

struct encoder {
    OpusEncoder *opus;
};

int encoder_new(uint32_t bitrate, uint32_t complexity, struct encoder **ret)
{
    struct encoder *e = calloc(1, sizeof *e);
    if (!e)
        return -ENOMEM;
    int r;
    e->opus = opus_encoder_create(AUDIO_RATE, AUDIO_CHANNELS, OPUS_APPLICATION_AUDIO, &r);
    if (!e->opus) {
        free(e);
        return -ENOMEM;
    }
    opus_int32 rate = bitrate < 6000 ? 6000 : bitrate > 510000 ? 510000 : (opus_int32)bitrate;
    (void)opus_encoder_ctl(e->opus, OPUS_SET_BITRATE(rate));
    (void)opus_encoder_ctl(e->opus, OPUS_SET_VBR(1));
    (void)opus_encoder_ctl(e->opus, OPUS_SET_COMPLEXITY((opus_int32)complexity));
    *ret = e;
    return 0;
}

void encoder_free(struct encoder *e)
{
    if (!e)
        return;
    opus_encoder_destroy(e->opus);
    free(e);
}

void encoder_reset(struct encoder *e)
{
    (void)opus_encoder_ctl(e->opus, OPUS_RESET_STATE);
}

int encoder_run(struct encoder *e, const float *samples, bool alone, uint8_t *packet)
{
    assert(samples && packet);
    if (alone)
        (void)opus_encoder_ctl(e->opus, OPUS_SET_PREDICTION_DISABLED(1));
    int n = opus_encode_float(e->opus, samples, AUDIO_FRAME_SAMPLES, packet, AUDIO_PACKET_MAX);
    if (alone)
        (void)opus_encoder_ctl(e->opus, OPUS_SET_PREDICTION_DISABLED(0));
    return n > 0 ? n : -EINVAL;
}
