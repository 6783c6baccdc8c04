/* The Opus encoder: 48 kHz stereo float in, one packet for each 20 ms out. */
#ifndef TUTTI_MEDIA_ENCODE_H
#define TUTTI_MEDIA_ENCODE_H

#include <stdbool.h>
#include <stdint.h>

struct encoder;

/* `bitrate` [bit/s] is brought into what Opus can do. Returns 0 or -ENOMEM. */
int encoder_new(uint32_t bitrate, uint32_t complexity, struct encoder **ret);
void encoder_free(struct encoder *e);

/* Forgets all it has heard. */
void encoder_reset(struct encoder *e);

/* Encodes AUDIO_FRAME_SAMPLES stereo samples into packet[AUDIO_PACKET_MAX]. `alone`: the packet
 * leans on no packet before it, for a decoder that has heard others than ours. Returns the packet's
 * length or -EINVAL. */
int encoder_run(struct encoder *e, const float *samples, bool alone, uint8_t *packet);

#endif
