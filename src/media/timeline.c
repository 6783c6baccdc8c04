#include "media/timeline.h"

#include "base/audio.h"

#include <assert.h>
#include <libavutil/mathematics.h>
#include <string.h>

enum { FILTER_SAMPLES = 64 }; /* of the resampler, on each side */

static const struct stretch *at_pos(const struct timeline *t, int64_t pos)
{
    assert(t->n > 0 && t->n <= TIMELINE_STRETCHES_MAX);
    int i = t->n - 1;
    while (i > 0 && t->stretches[i].pos > pos)
        i--;
    return &t->stretches[i];
}

static int index_at(const struct timeline *t, int64_t sample)
{
    assert(t->n > 0 && t->n <= TIMELINE_STRETCHES_MAX);
    int i = t->n - 1;
    while (i > 0 && t->stretches[i].sample > sample)
        i--;
    return i;
}

void timeline_init(struct timeline *t, int rate)
{
    *t = (struct timeline){ .stretches = { { .rate = rate } }, .n = 1 };
}

int64_t timeline_pos(const struct timeline *t, int64_t sample)
{
    const struct stretch *s = &t->stretches[index_at(t, sample)];
    return s->pos + av_rescale_rnd(sample - s->sample, AUDIO_RATE, s->rate, AV_ROUND_UP);
}

static int64_t sample_in(const struct stretch *s, int64_t pos)
{
    return s->sample + av_rescale_rnd(pos - s->pos, s->rate, AUDIO_RATE, AV_ROUND_DOWN);
}

int64_t timeline_sample(const struct timeline *t, int64_t pos)
{
    return sample_in(at_pos(t, pos), pos);
}

int timeline_rate(const struct timeline *t, int64_t sample)
{
    return t->stretches[index_at(t, sample)].rate;
}

/* Begins on a sample that is a grid point too. Rates that share nearly no factor with 48 kHz would
 * put these a second apart; there half a sample is given away instead. */
int64_t timeline_feed(const struct timeline *t, int64_t pos)
{
    const struct stretch *s = at_pos(t, pos);
    int64_t unit = s->rate / av_gcd(s->rate, AUDIO_RATE);
    if (unit > s->rate / 4)
        unit = 1;
    int64_t from = sample_in(s, pos) - s->sample - FILTER_SAMPLES * (s->rate > AUDIO_RATE ? 4 : 1);
    return from <= 0 ? s->sample : s->sample + from / unit * unit;
}

void timeline_change_rate(struct timeline *t, int64_t sample, int rate)
{
    assert(rate > 0);
    int i = index_at(t, sample);
    struct stretch next = { sample, timeline_pos(t, sample), rate };
    if (t->stretches[i].sample < sample)
        i++;
    if (i == TIMELINE_STRETCHES_MAX) {
        i--;
        memmove(t->stretches + 1, t->stretches + 2, (size_t)(i - 1) * sizeof next);
    }
    t->stretches[i] = next;
    t->n = i + 1;
}
