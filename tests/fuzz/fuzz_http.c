/* What a server sends: the head of an answer, the start of a body, a radio's metadata. The first
 * byte sets the interval of the metadata; the whole is fed in two ways, which must agree. */
#include "base/text.h"
#include "fetch/icy.h"
#include "fetch/resource.h"
#include "fetch/sniff.h"
#include "fuzz.h"

#include <string.h>

struct heard {
    size_t audio, titles;
    uint32_t sum;
};

static int hear_audio(const uint8_t *bytes, size_t len, void *arg)
{
    struct heard *h = arg;
    h->audio += len;
    for (size_t i = 0; i < len; i++)
        h->sum = h->sum * 31 + bytes[i];
    return 0;
}

static void hear_title(const char *title, void *arg)
{
    struct heard *h = arg;
    size_t len = strlen(title);
    MUST(len <= ICY_TITLE_MAX && text_is_printable(title, len));
    h->titles++;
}

static struct heard feed(const uint8_t *data, size_t size, size_t interval, size_t piece)
{
    struct heard h = { 0 };
    struct icy icy;
    struct icy_ops ops = { hear_audio, hear_title, &h };
    icy_init(&icy, interval);
    for (size_t at = 0; at < size; at += piece)
        MUST(icy_feed(&icy, data + at, piece < size - at ? piece : size - at, &ops) == 0);
    return h;
}

static void take_head(const uint8_t *data, size_t size)
{
    struct response r;
    struct resource res;
    struct judgement j;
    response_init(&r);
    for (size_t at = 0; at < size;) {
        const uint8_t *newline = memchr(data + at, '\n', size - at);
        size_t len = newline ? (size_t)(newline - (data + at)) + 1 : size - at;
        response_take_line(&r, (const char *)data + at, len);
        at += len;
    }
    MUST(r.status <= 999);
    MUST(response_total(&r) >= -1 && response_total(&r) <= FETCH_LENGTH_MAX);
    MUST(r.range_from >= -1 && r.range_from <= FETCH_LENGTH_MAX);
    MUST(fetch_text_is_sane(FETCH_TEXT_TYPE, r.content_type));
    MUST(fetch_text_is_sane(FETCH_TEXT_VALIDATOR, response_validator(&r)));
    MUST(fetch_text_is_sane(FETCH_TEXT_LINE, r.icy_name));
    MUST(resource_init(&res, "http://a", "") == 0);
    res.wants_icy = true;
    resource_judge(&res, &r, 100, 0, &j);
    if (j.verdict == VERDICT_ACCEPT) {
        MUST(j.from >= 0 && j.from <= 100);
        resource_learn(&res, &r);
        MUST(fetch_length_is_sane(res.length) && res.facts <= FETCH_FLAGS_ALL);
        resource_judge(&res, &r, 100, 0, &j); /* the same answer again is no other resource */
        MUST(j.verdict == VERDICT_ACCEPT);
    }
    resource_done(&res);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t interval = (size_t)data[0] + 1;
    struct heard whole = feed(data + 1, size - 1, interval, size);
    struct heard bytes = feed(data + 1, size - 1, interval, 1);
    MUST(memcmp(&whole, &bytes, sizeof whole) == 0);
    MUST(sniff_kind("", data + 1, size - 1) < FETCH_KIND_COUNT);
    take_head(data + 1, size - 1);
    return 0;
}
