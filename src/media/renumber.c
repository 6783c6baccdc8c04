#include "media/renumber.h"

#include "media/list_line.h"

#include <libavutil/bprint.h>
#include <libavutil/mem.h>
#include <stdlib.h>
#include <string.h>

enum { LOWER_MAX = 2 };

#define NUMBER_MAX (INT64_MAX / 4)

static const char number_tag[] = "#EXT-X-MEDIA-SEQUENCE:";
static const char key_tag[] = "#EXT-X-KEY:";

static bool has(const struct list_line *l, const char *what)
{
    return memmem(l->at, l->len, what, strlen(what)) != NULL;
}

/* FNV-1a */
static uint64_t hash(const struct list_line *l)
{
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; i < l->len; i++)
        h = (h ^ (unsigned char)l->at[i]) * 0x100000001b3;
    return h;
}

/* What of a list is remembered. */
static void read_list(struct renumber *r, const char *text)
{
    struct list_line l;
    r->own = 0;
    r->n = 0;
    while (list_next_line(&text, &l)) {
        if (list_behind(&l, number_tag)) {
            long long own = strtoll(l.at + strlen(number_tag), NULL, 10);
            r->own = own > 0 && own < NUMBER_MAX ? own : 0;
        } else if (list_names_segment(&l)) {
            if (r->n < RENUMBER_SEGMENTS_MAX)
                r->hashes[r->n] = hash(&l);
            r->n++;
        }
    }
}

static size_t n_hashes(const struct renumber *r)
{
    return r->n < RENUMBER_SEGMENTS_MAX ? r->n : RENUMBER_SEGMENTS_MAX;
}

/* True with by how many segments the list `b` begins behind `a`, if they have one in common. */
static bool find_common(const struct renumber *a, const struct renumber *b, long long *ret)
{
    for (size_t i = 0; i < n_hashes(a) && b->n > 0; i++) {
        if (a->hashes[i] == b->hashes[0]) {
            *ret = (long long)i;
            return true;
        }
    }
    for (size_t i = 0; i < n_hashes(b) && a->n > 0; i++) {
        if (b->hashes[i] == a->hashes[0]) {
            *ret = -(long long)i;
            return true;
        }
    }
    return false;
}

/* Sets the shift of the list that follows `before`. */
static void follow(struct renumber *now, const struct renumber *before)
{
    long long behind = 0;
    now->shift = before->shift;
    now->n_lower = 0;
    if (before->own + before->shift > NUMBER_MAX) {
        now->shift = 0; /* nonsense ends somewhere */
    } else if (!before->is_begun || now->own >= before->own) {
        return;
    } else if (find_common(before, now, &behind)) {
        now->shift = before->own + before->shift + behind - now->own;
    } else if (before->n_lower + 1 >= LOWER_MAX) {
        now->shift = before->own + before->shift + (long long)before->n - now->own;
    } else {
        *now = *before;
        now->n_lower++;
    }
    if (now->own + now->shift < 0)
        now->shift = -now->own;
}

/* A key without a vector of its own takes the segment's number for it (RFC 8216 section 5.2), which
 * is the one that was written. */
static void put_key(AVBPrint *out, const struct list_line *key, long long number)
{
    av_bprint_append_data(out, key->at, (unsigned)key->len);
    av_bprintf(out, ",IV=0x%032llx\n", (unsigned long long)number);
}

static char *put_list(const char *text, long long own, long long shift)
{
    AVBPrint out;
    char *ret;
    struct list_line l, key = { 0 };
    long long number = own;
    av_bprint_init(&out, 0, AV_BPRINT_SIZE_UNLIMITED);
    av_bprintf(&out, "#EXTM3U\n%s%lld\n", number_tag, own + shift);
    while (list_next_line(&text, &l)) {
        if (list_behind(&l, "#EXTM3U") || list_behind(&l, number_tag))
            continue;
        if (list_behind(&l, key_tag))
            key = shift != 0 && has(&l, "METHOD=AES-128") && !has(&l, "IV=")
                      ? l
                      : (struct list_line){ 0 };
        if (list_names_segment(&l) && key.len > 0)
            put_key(&out, &key, number);
        number += list_names_segment(&l);
        av_bprint_append_data(&out, l.at, (unsigned)l.len);
        av_bprint_chars(&out, '\n', 1);
    }
    bool whole = av_bprint_is_complete(&out);
    if (av_bprint_finalize(&out, &ret) < 0)
        return NULL;
    if (!whole)
        av_freep(&ret);
    return ret;
}

char *renumber_text(struct renumber *r, const char *text)
{
    struct renumber *now = malloc(sizeof *now);
    if (!now)
        return NULL;
    *now = (struct renumber){ .is_begun = true };
    read_list(now, text);
    long long own = now->own;
    follow(now, r);
    *r = *now;
    free(now);
    return put_list(text, own, r->shift);
}
