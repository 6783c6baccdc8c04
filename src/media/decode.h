/* One libavcodec decoder. Samples to be trimmed are left in and reported, because only the caller
 * knows where in the source it is. */
#ifndef TUTTI_MEDIA_DECODE_H
#define TUTTI_MEDIA_DECODE_H

#include <libavcodec/avcodec.h>
#include <stdbool.h>

struct decoder;

/* `par` must outlive it. Returns 0, -EBADMSG when there is no decoder for it or it refuses the
 * parameters, or -ENOMEM. */
int decoder_new(const AVCodecParameters *par, struct decoder **ret);
void decoder_free(struct decoder *d);

/* Forgets everything it has heard; the next packet may come from anywhere. `setup` is the extradata
 * in force for it, NULL: those in `par`. Returns 0 or -ENOMEM. */
int decoder_begin(struct decoder *d, const AVBufferRef *setup);

/* Gives it one packet and the setup in force for it, NULL for the end. Returns 0, -EBADMSG if the
 * packet is broken (go on with the next), or -ENOMEM. All frames must have been received before. */
int decoder_send(struct decoder *d, const AVPacket *packet, const AVBufferRef *setup);

/* Returns 1 with a frame that is valid until the next call, 0 when a packet is wanted, -ENODATA
 * after the last frame, -EBADMSG for a broken frame (go on), or -ENOMEM. */
int decoder_receive(struct decoder *d, AVFrame **ret);

/* [samples] that the frame says should be skipped at its beginning. */
uint32_t decoder_skip(const AVFrame *frame);

#endif
