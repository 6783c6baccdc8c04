#include "media/gain.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RING = 256 };

_Static_assert((int)RING > (int)GAIN_AHEAD, "all that is looked ahead at is kept");
_Static_assert((RING & (RING - 1)) == 0, "free-running indices wrap into it");

static const float ceiling = 0.98F;
static const float release = 1.0F / (0.08F * 48000); /* 80 ms */

struct gain {
    float from;
    float to;
    int64_t n; /* samples fed */
    int64_t n_before;
    bool limits;
    /* limiter */
    float delay[RING][2];
    float smooth[RING];  /* released minimum of the last GAIN_AHEAD samples */
    double sum;          /* of the smooth[] that count */
    float held;          /* the last smooth[] */
    float falling[RING]; /* candidates for the minimum, ascending in time and value */
    int64_t falling_at[RING];
    unsigned first, last; /* of falling[], free-running */
};

int gain_new(struct gain **ret)
{
    *ret = calloc(1, sizeof **ret);
    return *ret ? 0 : -ENOMEM;
}

void gain_free(struct gain *g)
{
    free(g);
}

void gain_begin(struct gain *g, float from, float to, int64_t n_before)
{
    assert(from >= 0 && to >= 0);
    memset(g, 0, sizeof *g);
    g->from = from;
    g->to = to;
    g->n_before = n_before;
    g->limits = from > 1 || to > 1;
    g->held = 1;
    for (int i = 0; i < RING; i++)
        g->smooth[i] = 1;
    g->sum = GAIN_AHEAD;
}

int gain_ahead(const struct gain *g)
{
    return g->limits ? GAIN_AHEAD : 0;
}

static float factor_at(const struct gain *g, int64_t n)
{
    int64_t i = n - g->n_before;
    if (i < 0)
        return g->from;
    if (i >= GAIN_RAMP)
        return g->to;
    return g->from + (g->to - g->from) * (float)(i + 1) / (GAIN_RAMP + 1);
}

void gain_turn(struct gain *g, float to)
{
    g->from = factor_at(g, g->n);
    g->to = to;
    g->n_before = g->n;
}

/* The smallest `need` among this sample's and the GAIN_AHEAD before it. */
static float sliding_min(struct gain *g, float need)
{
    while (g->last != g->first && g->falling[(g->last - 1) % RING] >= need)
        g->last--;
    g->falling[g->last % RING] = need;
    g->falling_at[g->last % RING] = g->n;
    g->last++;
    while (g->falling_at[g->first % RING] < g->n - GAIN_AHEAD)
        g->first++;
    return g->falling[g->first % RING];
}

/* Puts one sample in, takes the one GAIN_AHEAD before it out. The mean over the look-ahead of a
 * minimum over the look-ahead has reached the minimum when the peak comes out. */
static void limit(struct gain *g, const float in[2], float out[2])
{
    float peak = fmaxf(fabsf(in[0]), fabsf(in[1]));
    float min = sliding_min(g, peak > ceiling ? ceiling / peak : 1);
    float risen = g->held + (1 - g->held) * release;
    g->held = risen < min ? risen : min;
    unsigned now = (unsigned)(g->n % RING);
    unsigned old = (unsigned)((g->n + RING - GAIN_AHEAD) % RING);
    g->sum += (double)g->held - (double)g->smooth[old];
    g->smooth[now] = g->held;
    float turn = (float)(g->sum / GAIN_AHEAD);
    out[0] = g->delay[old][0] * turn;
    out[1] = g->delay[old][1] * turn;
    g->delay[now][0] = in[0];
    g->delay[now][1] = in[1];
}

static void run_plain(struct gain *g, float *s, int n)
{
    int i = 0;
    for (; i < n && g->n + i < g->n_before + GAIN_RAMP; i++) {
        float f = factor_at(g, g->n + i);
        s[2 * i] *= f;
        s[2 * i + 1] *= f;
    }
    if (g->to != 1) {
        for (; i < n; i++) {
            s[2 * i] *= g->to;
            s[2 * i + 1] *= g->to;
        }
    }
    g->n += n;
}

int gain_run(struct gain *g, float *s, int n)
{
    assert(n >= 0);
    if (!g->limits) {
        if (g->from != 1 || g->to != 1)
            run_plain(g, s, n);
        return n;
    }
    int n_out = 0;
    for (int i = 0; i < n; i++, g->n++) {
        float f = factor_at(g, g->n);
        float in[2] = { s[2 * i] * f, s[2 * i + 1] * f };
        float out[2];
        limit(g, in, out);
        if (g->n >= GAIN_AHEAD) {
            s[2 * n_out] = out[0];
            s[2 * n_out + 1] = out[1];
            n_out++;
        }
    }
    return n_out;
}
