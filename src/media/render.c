#include "media/render.h"

#include "base/audio.h"
#include "base/log.h"
#include "media/encode.h"
#include "media/gain.h"
#include "media/passthrough.h"

#include <stdlib.h>
#include <string.h>

enum {
    /* Frames encoded and thrown away before the first, so that the encoder has heard what the
     * listener's decoder has heard. */
    PRIME_FRAMES = 4,
    /* Encoded before packets are passed again: the ramp, and as many as the listener's decoder
     * needs to be where the source's encoder was (fewer, and a tone wavers by 2 dB). */
    RAMP_FRAMES = 4,
};

struct render {
    struct track *track;
    uint32_t play;
    struct track_info info;
    struct wmsg_render how;
    struct encoder *encoder;
    struct gain *gain;
    struct passthrough *passthrough;
    bool passing;
    bool alone;  /* the next encoded frame must lean on none before it */
    bool dry;    /* the source had no more when last read */
    bool given;  /* a frame has been given */
    bool ended;  /* the end marker has been given */
    bool padded; /* silence was put behind the end */
    int64_t pos; /* [samples] of the next frame */
    struct {
        struct track *track; /* NULL: none */
        uint32_t play;
        struct track_info info;
        struct wmsg_render how;
        bool feeds;    /* the encoder is being fed from it already */
        int error;     /* negative errno: it could not be read */
        bool has_pcm;  /* its first frame's samples are in `pcm` */
        bool restarts; /* the join is given; it begins with a frame of its own */
    } next;
    bool fades;         /* the next encoded frame leads to where packets begin */
    int64_t pass_again; /* [samples] pass packets from this position on; −1 never */
    float pcm[(AUDIO_FRAME_SAMPLES + GAIN_AHEAD) * AUDIO_CHANNELS];
    uint8_t packet[AUDIO_PACKET_MAX];
};

int render_new(uint32_t bitrate, uint32_t complexity, struct render **ret)
{
    struct render *r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    int e = encoder_new(bitrate, complexity, &r->encoder);
    if (e == 0)
        e = gain_new(&r->gain);
    if (e == 0)
        e = passthrough_new(&r->passthrough);
    if (e < 0) {
        render_free(r);
        return e;
    }
    *ret = r;
    return 0;
}

void render_free(struct render *r)
{
    if (!r)
        return;
    encoder_free(r->encoder);
    gain_free(r->gain);
    passthrough_free(r->passthrough);
    free(r);
}

static bool passes(const struct track_info *info, const struct wmsg_render *how)
{
    return info->passable && sound_is_plain(&how->sound) && sound_is_plain(&how->from);
}

/* One encoder can run across the join if both sides are encoded. A limiter that looks ahead would
 * have to change its mind about samples that it has let go; it begins anew instead. And where the
 * current track is not heard at all, what is read of it only warms the encoder up. */
static bool joins_smoothly(const struct render *r)
{
    double from = r->how.sound.volume;
    double to = r->next.how.sound.volume;
    if (r->how.pos >= track_end(r->track) + (int64_t)r->info.lag)
        return false;
    return r->next.track && !r->passing && !passes(&r->next.info, &r->next.how) &&
           (from == to || (from <= 1 && to <= 1));
}

/* The current track has ended at dst or before; the next one goes on. If that fails, the current
 * one ends as if there were none. */
static int read_next(struct render *r, float *dst, int n)
{
    int e = r->next.feeds ? 0 : track_go(r->next.track, r->next.how.pos);
    if (e == 0) {
        r->next.feeds = true;
        e = track_read(r->next.track, dst, n);
    }
    r->next.error = e < 0 ? e : 0;
    return e < 0 && e != -EINTR ? 0 : e;
}

/* Reads n samples as they are heard: behind the end of the source comes the next one, or silence.
 * *ret_split says how many of them are the current track's. */
static int read_padded(struct render *r, float *dst, int n, int *ret_split)
{
    *ret_split = r->next.feeds ? 0 : n;
    int got = r->next.feeds ? read_next(r, dst, n) : track_read(r->track, dst, n);
    if (got >= 0 && got < n && !r->next.feeds && joins_smoothly(r)) {
        *ret_split = got;
        int more = read_next(r, dst + (size_t)got * AUDIO_CHANNELS, n - got);
        got = more < 0 ? more : got + more;
    }
    if (got < 0)
        return got;
    r->dry = got < n;
    r->padded |= r->dry;
    memset(dst + (size_t)got * AUDIO_CHANNELS, 0,
           (size_t)(n - got) * AUDIO_CHANNELS * sizeof(float));
    return 0;
}

/* Feeds n samples, and has as many but for what a limiter keeps back at the beginning. The volume
 * changes at the next track's first sample, which may be the first of them. */
static int next_pcm(struct render *r, int n)
{
    bool fed = r->next.feeds;
    int split;
    int e = read_padded(r, r->pcm, n, &split);
    if (e < 0)
        return e;
    if (!fed && r->next.feeds && !sound_is_same(&r->next.how.sound, &r->how.sound)) {
        (void)gain_run(r->gain, r->pcm, split);
        gain_turn(r->gain, (float)r->next.how.sound.volume);
        (void)gain_run(r->gain, r->pcm + (size_t)split * AUDIO_CHANNELS, n - split);
    } else {
        (void)gain_run(r->gain, r->pcm, n);
    }
    return 0;
}

/* The encoder is fed so far before `pos` that encoder and limiter are warm when it comes. Before
 * the source's first sample there is nothing to hear, and nothing is fed. */
static int begin_encoding(struct render *r, int64_t pos)
{
    int64_t input = pos + AUDIO_ENCODER_LOOKAHEAD - r->info.lag;
    int n_prime = PRIME_FRAMES;
    while (n_prime > 0 && input - (int64_t)n_prime * AUDIO_FRAME_SAMPLES < 0)
        n_prime--;
    int64_t from = input - (int64_t)n_prime * AUDIO_FRAME_SAMPLES;
    int e = track_go(r->track, from);
    if (e < 0)
        return e;
    encoder_reset(r->encoder);
    gain_begin(r->gain, (float)r->how.from.volume, (float)r->how.sound.volume, input - from);
    e = next_pcm(r, gain_ahead(r->gain));
    if (e < 0)
        return e;
    for (int i = 0; i < n_prime; i++) {
        e = next_pcm(r, AUDIO_FRAME_SAMPLES);
        if (e < 0)
            return e;
        (void)encoder_run(r->encoder, r->pcm, false, r->packet);
    }
    r->passing = false;
    r->alone = true;
    r->pos = pos;
    return 0;
}

/*
 * Packets begin on the grid of frames. A seek at another volume than 1 may have left it: then the
 * way back to passing leads ahead to the next packet. The frame that ramps to 1 fades over to the
 * sound there in its second half.
 *
 *   off the grid  ├────────▶ ramp ┐ fade            the frame at `pos`
 *   on the grid          ├────────┴────┤├────────┤  the frames from `pos` of the grid on
 */
static int fade_to_grid(struct render *r, int64_t *ret_next_pos)
{
    float there[AUDIO_FRAME_SAMPLES * AUDIO_CHANNELS];
    int64_t grid = (r->pos / AUDIO_FRAME_SAMPLES + 1) * AUDIO_FRAME_SAMPLES;
    int64_t lead = AUDIO_ENCODER_LOOKAHEAD - r->info.lag;
    int e = track_go(r->track, grid + lead);
    int n = e < 0 ? e : track_read(r->track, there, AUDIO_FRAME_SAMPLES);
    if (n < 0)
        return n;
    if (n < AUDIO_FRAME_SAMPLES) /* the end is near: not worth while any more */
        return track_go(r->track, r->pos + AUDIO_FRAME_SAMPLES + lead + gain_ahead(r->gain));
    for (int i = GAIN_RAMP; i < AUDIO_FRAME_SAMPLES; i++) {
        float w = (float)(i - GAIN_RAMP + 1) / (AUDIO_FRAME_SAMPLES - GAIN_RAMP);
        for (int c = 2 * i; c < 2 * i + 2; c++)
            r->pcm[c] += (there[c] - r->pcm[c]) * w;
    }
    gain_begin(r->gain, 1, 1, 0);
    *ret_next_pos = grid + AUDIO_FRAME_SAMPLES;
    r->pass_again = grid + (int64_t)RAMP_FRAMES * AUDIO_FRAME_SAMPLES;
    return 0;
}

static int begin_passing(struct render *r, int64_t pos)
{
    int e = passthrough_go(r->passthrough, r->track, pos);
    if (e < 0)
        return e;
    r->passing = true;
    r->pos = pos / AUDIO_FRAME_SAMPLES * AUDIO_FRAME_SAMPLES;
    r->pass_again = -1;
    return 0;
}

void render_set_next(struct render *r, struct track *next, uint32_t play,
                     const struct wmsg_render *how)
{
    memset(&r->next, 0, sizeof r->next);
    r->next.track = next;
    if (!next)
        return;
    r->next.play = play;
    r->next.how = *how;
    r->next.how.from = how->sound;
    r->next.how.exact = 0;
    track_get_info(next, &r->next.info);
}

bool render_is_late(const struct render *r)
{
    return r->ended || r->padded;
}

struct track *render_track(const struct render *r)
{
    return r->next.restarts ? r->next.track : r->track;
}

int64_t render_pos(const struct render *r)
{
    return r->next.restarts ? r->next.how.pos : r->pos;
}

int render_next_error(const struct render *r)
{
    return r->next.error;
}

int render_begin(struct render *r, struct track *t, uint32_t play, const struct wmsg_render *how)
{
    r->track = t;
    r->play = play;
    track_get_info(t, &r->info);
    r->how = *how;
    r->next.error = 0;
    r->next.feeds = r->next.has_pcm = r->next.restarts = false;
    r->ended = r->padded = r->given = false;
    r->pass_again = -1;
    bool on_grid = how->pos % AUDIO_FRAME_SAMPLES == 0;
    bool passable = r->info.passable && sound_is_plain(&how->sound) && (on_grid || !how->exact);
    if (passable && passes(&r->info, how))
        return begin_passing(r, how->pos);
    if (passable && on_grid)
        r->pass_again = how->pos + (int64_t)RAMP_FRAMES * AUDIO_FRAME_SAMPLES;
    r->fades =
        r->info.passable && sound_is_plain(&how->sound) && !sound_is_plain(&how->from) && !on_grid;
    return begin_encoding(r, how->pos);
}

/* The frames are the next track's from here on; the encoder knows nothing of it. A frame at
 * position p decodes to what begins at p − L, on either side of the join. */
static void step_over(struct render *r, int64_t end)
{
    uint32_t gen = r->how.gen;
    r->pos += r->next.how.pos - end + (int64_t)r->next.info.lag - (int64_t)r->info.lag;
    r->track = r->next.track;
    r->play = r->next.play;
    r->info = r->next.info;
    r->how = r->next.how;
    r->how.gen = gen;
    r->pass_again = -1;
    memset(&r->next, 0, sizeof r->next);
    r->next.has_pcm = true;
}

/* The next track begins with a frame of its own. */
static int restart_with_next(struct render *r)
{
    struct wmsg_render how = r->next.how;
    struct track *track = r->next.track;
    uint32_t play = r->next.play;
    how.gen = r->how.gen;
    memset(&r->next, 0, sizeof r->next);
    return render_begin(r, track, play, &how);
}

static int put_end(struct render *r, struct frame *ret)
{
    int e = track_find_end(r->track);
    if (e < 0)
        return e;
    if (!track_has_sound(r->track))
        return -EBADMSG;
    int64_t end = track_end(r->track);
    memset(ret, 0, sizeof *ret);
    ret->record.gen = r->how.gen;
    ret->record.flags = RING_END;
    ret->record.play = r->play;
    ret->record.pos = end > 0 ? end : 0;
    ret->record.hint = RING_NO_HINT;
    bool late = r->padded && r->given && !r->next.feeds && joins_smoothly(r);
    if (!r->next.track || r->next.error < 0 || late) {
        r->ended = true;
        return 1;
    }
    ret->record.flags |= RING_JOIN;
    if (r->next.feeds)
        step_over(r, end);
    else
        r->next.restarts = true;
    return 1;
}

static int put_frame(struct render *r, const uint8_t *bytes, int len, int flags, struct frame *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->record.gen = r->how.gen;
    ret->record.len = (uint16_t)len;
    ret->record.flags = (uint16_t)flags;
    ret->record.play = r->play;
    ret->record.pos = r->pos;
    ret->record.hint = track_hint(r->track, r->pos);
    ret->bytes = bytes;
    r->given = true;
    r->pos += AUDIO_FRAME_SAMPLES;
    return 1;
}

static int pass_frame(struct render *r, struct frame *ret)
{
    struct passed passed;
    int64_t resume = r->pos;
    int e = passthrough_next(r->passthrough, &passed, &resume);
    if (e == 1) {
        r->pos = passed.pos;
        return put_frame(r, passed.bytes, passed.len, RING_PASSTHROUGH, ret);
    }
    if (e == -ENOTSUP) {
        log_debug("render", "a packet cannot be passed through, decoding from here");
        return begin_encoding(r, r->given ? resume : r->how.pos);
    }
    if (e == 0)
        return put_end(r, ret);
    return e;
}

static int encode_frame(struct render *r, struct frame *ret)
{
    int e = r->next.has_pcm ? 0 : next_pcm(r, AUDIO_FRAME_SAMPLES);
    if (e < 0)
        return e;
    r->next.has_pcm = false;
    int64_t end = track_end(r->track);
    /* A play that begins behind the end gives nothing; one that reaches it gives what lags. */
    if (end < 0 ? r->dry : r->pos >= (r->how.pos >= end ? end : end + (int64_t)r->info.lag))
        return put_end(r, ret);
    int64_t next_pos = r->pos + AUDIO_FRAME_SAMPLES;
    if (r->fades && !r->next.feeds && !r->dry)
        e = fade_to_grid(r, &next_pos);
    r->fades = false;
    int len = e < 0 ? e : encoder_run(r->encoder, r->pcm, r->alone, r->packet);
    if (len < 0)
        return len;
    r->alone = false;
    e = put_frame(r, r->packet, len, r->padded ? RING_TAIL : 0, ret);
    r->pos = next_pos;
    return e;
}

int render_enter_next(struct render *r)
{
    return r->next.restarts ? restart_with_next(r) : 0;
}

int render_next(struct render *r, struct frame *ret)
{
    if (r->ended)
        return 0;
    int entered = render_enter_next(r);
    if (entered < 0)
        return entered;
    if (!r->passing && r->pass_again >= 0 && r->pos >= r->pass_again) {
        int e = begin_passing(r, r->pos);
        if (e < 0)
            return e;
    }
    if (r->passing) {
        int e = pass_frame(r, ret);
        if (e != 0 || r->passing)
            return e;
    }
    return encode_frame(r, ret);
}
