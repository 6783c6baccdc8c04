/* What a server sends: the head of an answer, the start of a body, gzip, a radio's metadata. The
 * first byte sets the interval of the metadata; the whole is fed in two ways, which must agree.
 * Whatever comes of it is told in messages that the daemon and the worker take: one that they
 * refuse would end the fetcher with all its sources. */
#include "base/text.h"
#include "fetch/icy.h"
#include "fetch/inflate.h"
#include "fetch/resource.h"
#include "fetch/sniff.h"
#include "fetch/target.h"
#include "fuzz.h"
#include "proto/fmsg.h"
#include "proto/smsg.h"

#include <errno.h>
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

static void say_to_daemon(const struct fmsg *m)
{
    static uint8_t bytes[FMSG_MAX];
    struct fmsg heard;
    MUST(fmsg_decode(bytes, fmsg_encode(m, bytes, sizeof bytes), &heard) == 0);
}

static void say_to_worker(const struct smsg *m)
{
    static uint8_t bytes[SMSG_MAX];
    struct smsg heard;
    MUST(smsg_decode(bytes, smsg_encode(m, bytes, sizeof bytes), &heard) == 0);
}

/* As fetch/source.c says it. */
static void say_known(const struct resource *r, const char *base)
{
    struct fmsg head = {
        .type = FMSG_HEAD,
        .head = { .length = r->length, .facts = r->facts, .kind = (uint32_t)r->kind },
        .content_type = r->content_type,
        .base = base,
        .validator = r->validator,
        .name = r->name,
    };
    struct smsg ready = {
        .type = SMSG_READY,
        .facts = { .flags = r->facts, .length = r->length, .kind = (uint32_t)r->kind },
        .content_type = r->content_type,
        .url = base,
    };
    say_to_daemon(&head);
    say_to_worker(&ready);
}

static void say_failed(enum tutti_error code, unsigned status, const char *why)
{
    struct fmsg failed = { .type = FMSG_FAILED,
                           .failed = { .code = code, .http_status = status },
                           .why = why };
    struct fmsg reconnected = { .type = FMSG_RECONNECTED, .why = why };
    struct smsg error = { .type = SMSG_ERROR,
                          .error = { .code = code, .http_status = status },
                          .text = why };
    struct smsg title = { .type = SMSG_TITLE, .text = why };
    say_to_daemon(&failed);
    say_to_daemon(&reconnected);
    say_to_worker(&error);
    say_to_worker(&title);
}

/* All of it as the place that a redirect names, and as words of which an error may be made. */
static void take_text(const char *text)
{
    char *url = NULL;
    struct target t;
    say_failed(TUTTI_E_SOURCE_FAILED, 0, text);
    int r = target_redirect("http://host.example/dir/page?x", text, &url);
    MUST(r == 0 || r == -EINVAL);
    if (r == 0 && target_read(url, &t) == 0) {
        MUST(fetch_text_is_sane(FETCH_TEXT_URL, url));
        MUST(text_is_printable(t.host, strlen(t.host)));
    }
    free(url);
    char *cookies = NULL;
    MUST(target_read_cookies(text, &cookies) == 0);
    MUST(!cookies || !strchr(cookies, '\n'));
    free(cookies);
}

static void take_head(const uint8_t *data, size_t size, const char *text)
{
    struct response r;
    struct resource res;
    struct judgement j;
    response_init(&r);
    for (size_t at = 0; at < size;) {
        const uint8_t *newline = memchr(data + at, '\n', size - at);
        size_t len = newline ? (size_t)(newline - (data + at)) + 1 : size - at;
        response_take_line(&r, (const char *)data + at, len);
        (void)response_is_transfer_coded((const char *)data + at, len);
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
    say_failed(j.code, j.status, j.why);
    if (j.verdict == VERDICT_ACCEPT) {
        MUST(j.from >= 0 && j.from <= 100);
        resource_learn(&res, &r);
        MUST(fetch_length_is_sane(res.length) && res.facts <= FETCH_FLAGS_ALL);
        say_known(&res, text);
        resource_judge(&res, &r, 100, 0, &j); /* the same answer again is no other resource */
        MUST(j.verdict == VERDICT_ACCEPT);
    }
    resource_done(&res);
}

/* Returns how many bytes it became, or negative errno. */
static ssize_t unpack(const uint8_t *data, size_t size, size_t piece, size_t room,
                      uint32_t *ret_sum)
{
    uint8_t out[512];
    ssize_t total = 0, n = 0;
    struct inflate *i;
    MUST(inflate_new(&i) == 0);
    *ret_sum = 0;
    for (size_t at = 0; at < size && n >= 0; at += piece) {
        const uint8_t *next = data + at;
        size_t left = piece < size - at ? piece : size - at;
        while ((n = inflate_some(i, &next, &left, out, room)) > 0) {
            MUST((size_t)n <= room && next + left <= data + size);
            for (ssize_t k = 0; k < n; k++)
                *ret_sum = *ret_sum * 31 + out[k];
            total += n;
        }
        MUST(n < 0 || left == 0);
    }
    inflate_free(i);
    return n < 0 ? n : total;
}

static void take_gzip(const uint8_t *data, size_t size)
{
    uint32_t whole_sum, bytes_sum;
    ssize_t whole = unpack(data, size, size + 1, 512, &whole_sum);
    ssize_t bytes = unpack(data, size, 1, 7, &bytes_sum);
    MUST(whole == bytes && (whole < 0 || whole_sum == bytes_sum));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t interval = (size_t)data[0] + 1;
    struct heard whole = feed(data + 1, size - 1, interval, size);
    struct heard bytes = feed(data + 1, size - 1, interval, 1);
    MUST(memcmp(&whole, &bytes, sizeof whole) == 0);
    MUST(sniff_kind("", "http://a/b", data + 1, size - 1) < FETCH_KIND_COUNT);
    (void)sniff_is_plain(data + 1, size - 1);
    take_gzip(data + 1, size - 1);
    char *text = strndup((const char *)data + 1, size - 1);
    MUST(text);
    take_head(data + 1, size - 1, text);
    take_text(text);
    free(text);
    return 0;
}
