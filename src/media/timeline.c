#include "media/timeline.h"

#include "base/audio.h"

#include <errno.h>

enum { FILTER_SAMPLES = 64 }; /* of the resampler, on each side */

static int64_t gcd(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t t = a % b;
        a = b;
        b = t;
    }
    return a;
}

static const struct stretch *at_pos(const struct timeline *t, int64_t pos)
{
    int i = t->n - 1;
    while (i > 0 && t->stretches[i].pos > pos)
        i--;
    return &t->stretches[i];
}

static int index_at(const struct timeline *t, int64_t sample)
{
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
    int64_t n = (sample - s->sample) * AUDIO_RATE;
    return s->pos + (n >= 0 ? (n + s->rate - 1) / s->rate : -((-n) / s->rate));
}

static int64_t sample_in(const struct stretch *s, int64_t pos)
{
    int64_t n = (pos - s->pos) * s->rate;
    return s->sample + (n >= 0 ? n / AUDIO_RATE : -((-n + AUDIO_RATE - 1) / AUDIO_RATE));
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
    int64_t unit = s->rate / gcd(s->rate, AUDIO_RATE);
    if (unit > s->rate / 4)
        unit = 1;
    int64_t from = sample_in(s, pos) - s->sample - FILTER_SAMPLES * (s->rate > AUDIO_RATE ? 4 : 1);
    return from <= 0 ? s->sample : s->sample + from / unit * unit;
}

int timeline_change_rate(struct timeline *t, int64_t sample, int rate)
{
    int i = index_at(t, sample);
    struct stretch next = { sample, timeline_pos(t, sample), rate };
    if (t->n == TIMELINE_STRETCHES_MAX)
        return -EBADMSG;
    if (t->stretches[i].sample == sample)
        t->stretches[i].rate = rate; /* the container was wrong */
    else
        t->stretches[t->n++] = next;
    return 0;
}
