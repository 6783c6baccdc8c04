#include "media/variants.h"

#include "media/list_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    ENTRIES_MAX = 128, /* of either kind; what comes later is not looked at */
    GROUP_BYTES = 64,
    CHOICES_MAX = 3 * ENTRIES_MAX,
    /* [bit/s] Of sound alone. Less can be heard, and more cannot. */
    ENOUGH_BITS = 96000,
    TOO_MANY_BITS = 400000,
    USUAL_BITS = 128000, /* where nobody says it */
};

struct rendition {
    char group[GROUP_BYTES];
    char *url; /* NULL: it lies in the variants that name its group */
    int preference;
    bool is_surround;
    bool is_chosen;
};

struct variant {
    char group[GROUP_BYTES]; /* "": its sound is in it */
    char *url;
    long bits; /* [bit/s] 0: not said */
    bool has_picture;
    bool is_surround;
};

enum choice_class { SOUND_ALONE, SOUND_INSIDE, OTHER_SOUND, SOUND_ELSEWHERE };

struct choice {
    enum choice_class class;
    const char *url; /* of a variant or a rendition */
    bool is_surround;
    long bits;        /* [bit/s] of sound alone */
    long bits_in_all; /* [bit/s] the most of a variant that it belongs to */
    size_t order;
};

struct master {
    struct rendition renditions[ENTRIES_MAX];
    struct variant variants[ENTRIES_MAX];
    struct choice choices[CHOICES_MAX];
    size_t n_renditions, n_variants, n_choices;
};

/* ---- reading ---- */

/* Takes the next attribute of a list ("NAME=value,NAME=\"value\""). Returns false at its end. */
static bool next_attribute(const char **at, const char **name, size_t *name_len, const char **value,
                           size_t *len)
{
    const char *p = *at + strspn(*at, " ,");
    *name = p;
    *name_len = strcspn(p, "=");
    if (p[*name_len] == '\0')
        return false;
    *value = p + *name_len + 1;
    if (**value == '"') {
        (*value)++;
        *len = strcspn(*value, "\"");
        *at = *value + *len + ((*value)[*len] == '"');
    } else {
        *len = strcspn(*value, ",");
        *at = *value + *len;
    }
    return true;
}

/* Copies an attribute of the tag `line`, "" if it has none. Returns whether it has it. */
static bool attribute(const char *line, const char *wanted, char *dst, size_t size)
{
    const char *at = strchr(line, ':') + 1;
    const char *name, *value;
    size_t name_len, len;
    dst[0] = '\0';
    while (next_attribute(&at, &name, &name_len, &value, &len)) {
        if (name_len == strlen(wanted) && memcmp(name, wanted, name_len) == 0) {
            (void)snprintf(dst, size, "%.*s", (int)len, value);
            return true;
        }
    }
    return false;
}

/* A number that an attribute begins with ("16/JOC"); 0 if it has none. */
static long number_of(const char *line, const char *wanted)
{
    char value[32];
    long n = attribute(line, wanted, value, sizeof value) ? strtol(value, NULL, 10) : 0;
    return n > 0 ? n : 0;
}

static bool is_said(const char *line, const char *wanted)
{
    char value[8];
    return attribute(line, wanted, value, sizeof value) && strcasecmp(value, "YES") == 0;
}

/* The default is the one to hear, else one that a player may choose by itself; what describes
 * pictures to the blind is for who asks for it. */
static int preference_of(const char *line)
{
    char value[256];
    bool describes = attribute(line, "CHARACTERISTICS", value, sizeof value) &&
                     strstr(value, "describes-video") != NULL;
    return (is_said(line, "DEFAULT") ? 4 : 0) + (describes ? 0 : 2) +
           (is_said(line, "AUTOSELECT") ? 1 : 0);
}

static void read_rendition(struct master *m, const char *line, const char *base)
{
    char value[LIST_TEXT_MAX];
    struct rendition r = { .preference = preference_of(line) };
    if (m->n_renditions == ENTRIES_MAX || !attribute(line, "TYPE", value, sizeof value) ||
        strcmp(value, "AUDIO") != 0)
        return;
    (void)attribute(line, "GROUP-ID", r.group, sizeof r.group);
    r.is_surround = number_of(line, "CHANNELS") > 2;
    if (attribute(line, "URI", value, sizeof value)) {
        r.url = list_text_resolve(base, value);
        if (!r.url)
            return;
    }
    m->renditions[m->n_renditions++] = r;
}

static bool names_one_of(const char *codecs, const char *const *names)
{
    for (; *names; names++) {
        if (strstr(codecs, *names))
            return true;
    }
    return false;
}

static struct variant read_variant(const char *line)
{
    static const char *const pictures[] = { "avc", "hvc", "hev",  "dvh", "vp0",
                                            "vp8", "vp9", "av01", NULL };
    static const char *const surround[] = { "ac-3", "ec-3", NULL };
    static const char *const plain[] = { "mp4a", "opus", "Opus", "fLaC", "alac", NULL };
    struct variant v = { 0 };
    char value[512];
    v.has_picture = attribute(line, "RESOLUTION", value, sizeof value);
    v.bits = number_of(line, "BANDWIDTH");
    if (attribute(line, "CODECS", value, sizeof value)) {
        v.has_picture = v.has_picture || names_one_of(value, pictures);
        v.is_surround = names_one_of(value, surround) && !names_one_of(value, plain);
    }
    (void)attribute(line, "AUDIO", v.group, sizeof v.group);
    return v;
}

static void read_master(struct master *m, const char *text, const char *base)
{
    char line[LIST_TEXT_MAX];
    struct variant next = { 0 };
    bool is_announced = false;
    while (list_text_line(&text, line)) {
        if (strncmp(line, "#EXT-X-MEDIA:", 13) == 0) {
            read_rendition(m, line, base);
        } else if (strncmp(line, "#EXT-X-STREAM-INF:", 18) == 0) {
            next = read_variant(line);
            is_announced = true;
        } else if (is_announced && line[0] != '\0' && line[0] != '#') {
            is_announced = false;
            next.url = m->n_variants < ENTRIES_MAX ? list_text_resolve(base, line) : NULL;
            if (next.url)
                m->variants[m->n_variants++] = next;
        }
    }
}

/* ---- choosing ---- */

static void add(struct master *m, const struct choice *c)
{
    for (size_t i = 0; i < m->n_choices; i++) {
        struct choice *have = &m->choices[i];
        if (strcmp(have->url, c->url) != 0)
            continue;
        if (have->class > c->class)
            have->class = c->class;
        if (have->bits_in_all < c->bits_in_all)
            have->bits_in_all = c->bits_in_all;
        if (c->bits > 0)
            have->bits = c->bits;
        return;
    }
    if (m->n_choices < CHOICES_MAX) {
        m->choices[m->n_choices] = *c;
        m->choices[m->n_choices].order = m->n_choices;
        m->n_choices++;
    }
}

/* The rendition of a group that is to be heard; NULL if there is no such group. */
static struct rendition *pick(struct master *m, const char *group)
{
    struct rendition *best = NULL;
    for (size_t i = 0; i < m->n_renditions && group[0]; i++) {
        struct rendition *r = &m->renditions[i];
        if (strcmp(r->group, group) == 0 && (!best || r->preference > best->preference))
            best = r;
    }
    return best;
}

static void choose_by_variant(struct master *m, const struct variant *v)
{
    struct rendition *r = pick(m, v->group);
    bool is_elsewhere = r && r->url && v->has_picture;
    struct choice inside = { .class = !v->has_picture ? SOUND_ALONE
                                      : is_elsewhere  ? SOUND_ELSEWHERE
                                                      : SOUND_INSIDE,
                             .url = v->url,
                             .is_surround = v->is_surround || (r && r->is_surround),
                             .bits = v->has_picture ? 0 : v->bits,
                             .bits_in_all = v->bits };
    if (r && r->url) {
        struct choice alone = inside;
        alone.class = SOUND_ALONE;
        alone.url = r->url;
        r->is_chosen = true;
        add(m, &alone);
    }
    add(m, &inside);
}

static int tier(long bits)
{
    return bits < ENOUGH_BITS ? 2 : bits > TOO_MANY_BITS ? 1 : 0;
}

static int compare(long a, long b)
{
    return a < b ? -1 : a > b;
}

static int by_bits(const struct choice *a, const struct choice *b)
{
    long x = a->bits > 0 ? a->bits : USUAL_BITS;
    long y = b->bits > 0 ? b->bits : USUAL_BITS;
    int r = compare(tier(x), tier(y));
    if (r == 0)
        r = tier(x) == 1 ? compare(x, y) : compare(y, x);
    return r == 0 ? compare(b->bits_in_all, a->bits_in_all) : r;
}

static int by_preference(const void *a, const void *b)
{
    const struct choice *x = a;
    const struct choice *y = b;
    int r = compare(x->class, y->class);
    if (r == 0)
        r = compare(x->is_surround, y->is_surround);
    if (r == 0)
        r = x->class == SOUND_ALONE ? by_bits(x, y) : compare(x->bits_in_all, y->bits_in_all);
    return r == 0 ? compare((long)x->order, (long)y->order) : r;
}

static void choose(struct master *m)
{
    for (size_t i = 0; i < m->n_variants; i++)
        choose_by_variant(m, &m->variants[i]);
    for (size_t i = 0; i < m->n_renditions; i++) {
        const struct rendition *r = &m->renditions[i];
        struct choice other = { .class = OTHER_SOUND,
                                .url = r->url,
                                .is_surround = r->is_surround };
        if (r->url && !r->is_chosen)
            add(m, &other);
    }
    qsort(m->choices, m->n_choices, sizeof m->choices[0], by_preference);
}

size_t variants_urls(const char *text, const char *base, char *urls[], size_t max)
{
    size_t n = 0;
    struct master *m = calloc(1, sizeof *m);
    if (!m)
        return 0;
    read_master(m, text, base);
    choose(m);
    for (size_t i = 0; i < m->n_choices && n < max; i++) {
        urls[n] = strdup(m->choices[i].url);
        n += urls[n] != NULL;
    }
    for (size_t i = 0; i < m->n_renditions; i++)
        free(m->renditions[i].url);
    for (size_t i = 0; i < m->n_variants; i++)
        free(m->variants[i].url);
    free(m);
    return n;
}
