/* One libavcodec decoder. Samples to be trimmed are left in and reported, because only the caller
 * knows where in the source it is. */
#ifndef TUTTI_MEDIA_DECODE_H
#define TUTTI_MEDIA_DECODE_H

#include <libavcodec/avcodec.h>
#include <stdbool.h>

struct decoder;

/* `setup` is the extradata to use instead of those in `par`, or NULL. Returns 0, -EBADMSG when
 * there is no decoder for it or it refuses the parameters, or -ENOMEM. */
int decoder_new(const AVCodecParameters *par, const AVBufferRef *setup, struct decoder **ret);
void decoder_free(struct decoder *d);

/* Gives it one packet, NULL for the end. Returns 0, or -EBADMSG if the packet is broken (go on
 * with the next). All frames must have been received before. */
int decoder_send(struct decoder *d, const AVPacket *packet);

/* Returns 1 with a frame that is valid until the next call, 0 when a packet is wanted, -ENODATA
 * after the last frame, -EBADMSG for a broken frame (go on). */
int decoder_receive(struct decoder *d, AVFrame **ret);

/* [samples] that the frame says should be skipped at its beginning. */
uint32_t decoder_skip(const AVFrame *frame);

/* Forgets everything it has heard; the next packet may come from anywhere. */
void decoder_flush(struct decoder *d);

#endif
