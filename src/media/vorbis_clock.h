/* How many samples each Vorbis packet adds: that depends on its block and on the one before it
 * (Vorbis I specification, section 4.3.8), so packets must be shown in order. */
#ifndef TUTTI_MEDIA_VORBIS_CLOCK_H
#define TUTTI_MEDIA_VORBIS_CLOCK_H

#include <libavcodec/packet.h>
#include <stdint.h>

struct vorbis_clock;

/* `setup`: the three headers as extradata. Returns 0, -EBADMSG or -ENOMEM. */
int vorbis_clock_new(const uint8_t *setup, int setup_bytes, struct vorbis_clock **ret);
void vorbis_clock_free(struct vorbis_clock *c);

/* The next packet may come from anywhere. */
void vorbis_clock_reset(struct vorbis_clock *c);

/* [samples] that a decoder yields for this packet; −1: not to be told, because it is the first one
 * shown, or broken. */
int vorbis_clock_step(struct vorbis_clock *c, const AVPacket *av);

#endif
