/*
 * Any rate, layout and sample format to 48 kHz stereo float. One channel is copied to both; more
 * than two are mixed down without overflow.
 *
 * Output sample m stands for the instant of input sample m × rate / 48000, counted from the first
 * one fed: the resampler's own delay is taken out. n samples in make ceil(n × 48000 / rate) out.
 */
#ifndef TUTTI_MEDIA_RESAMPLE_H
#define TUTTI_MEDIA_RESAMPLE_H

#include <libavutil/frame.h>
#include <stdbool.h>
#include <stdint.h>

struct resampler;

int resampler_new(struct resampler **ret);
void resampler_free(struct resampler *r);

/* Begins anew with the parameters of `frame`; what waits stays to be taken. Returns 0 or -EBADMSG.
 */
int resampler_begin(struct resampler *r, const AVFrame *frame);

/* Forgets what waits and all parameters. */
void resampler_reset(struct resampler *r);

/* True once begun, and `frame` is of the parameters it was begun with. */
bool resampler_fits(const struct resampler *r, const AVFrame *frame);

/* Feeds samples from..from+n of the frame. Returns 0, -ENOMEM or -EBADMSG. */
int resampler_feed(struct resampler *r, const AVFrame *frame, int from, int n);

/* Feeds n samples of silence. */
int resampler_silence(struct resampler *r, int n);

/* Feeds the end: everything that belongs to what was fed can be taken then. Needs a new begin. */
int resampler_finish(struct resampler *r);

/* Samples that can be taken. */
int resampler_ready(const struct resampler *r);

/* Takes n ≤ resampler_ready stereo samples; dst NULL drops them. */
void resampler_take(struct resampler *r, float *dst, int n);

#endif
