#include "fetch/resource.h"

#include "base/cleanup.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int resource_init(struct resource *r, const char *url, const char *headers)
{
    *r = (struct resource){ .end = -1, .length = -1, .sent_length = -1, .live.length = -1 };
    return resource_relink(r, url, headers);
}

void resource_done(struct resource *r)
{
    free(r->url);
    free(r->headers);
    free(r->home);
    free(r->base);
    *r = (struct resource){ 0 };
}

int resource_relink(struct resource *r, const char *url, const char *headers)
{
    AUTO_FREE char *new_url = strdup(url);
    AUTO_FREE char *new_headers = strdup(headers);
    if (!new_url || !new_headers)
        return -ENOMEM;
    free(r->url);
    free(r->headers);
    free(r->base);
    r->url = TAKE_PTR(new_url);
    r->headers = TAKE_PTR(new_headers);
    r->base = NULL;
    r->validator[0] = '\0';
    return 0;
}

int64_t resource_end(const struct resource *r)
{
    if (r->end >= 0 && (r->length < 0 || r->end < r->length))
        return r->end;
    return r->length;
}

bool resource_is_open_ended(const struct response *a)
{
    return a->is_http1 && a->content_length < 0 && !a->is_chunked;
}

static bool is_etag(const char *validator)
{
    return strchr(validator, '"') != NULL;
}

/* A weak and a strong tag of the same value name what is the same for our purpose. Two validators
 * of different kinds say nothing. */
static bool are_validators_equal(const char *a, const char *b)
{
    if (!*a || !*b || is_etag(a) != is_etag(b))
        return true;
    a += strncmp(a, "W/", 2) == 0 ? 2 : 0;
    b += strncmp(b, "W/", 2) == 0 ? 2 : 0;
    return strcmp(a, b) == 0;
}

static bool is_same(const struct resource *r, const struct response *a)
{
    int64_t total = r->is_encoded ? -1 : response_total(a);
    if (!r->is_known || r->facts & FETCH_LIVE)
        return true;
    if (total >= 0 && r->length >= 0 && total != r->length)
        return false;
    return are_validators_equal(r->validator, response_validator(a));
}

static void judge_body(const struct resource *r, const struct response *a, int64_t asked,
                       struct judgement *j)
{
    bool partial = a->status == 206;
    bool is_packed = r->is_seen ? r->is_encoded : a->coding == CODING_GZIP;
    j->from = partial ? a->range_from : 0;
    if (partial && j->from < 0)
        j->from = asked > 0 ? asked : 0;
    if (r->is_known && r->facts & FETCH_LIVE)
        j->from = asked > 0 ? asked : 0;
    if (!is_same(r, a)) {
        j->verdict = VERDICT_CHANGED;
    } else if (partial && (j->from > (asked > 0 ? asked : 0) || (is_packed && j->from > 0))) {
        j->verdict = VERDICT_FAILED;
        (void)snprintf(j->why, sizeof j->why, "the server sent other bytes than were asked for");
    }
}

/* 416: what was asked for lies behind the end. */
static void judge_range_error(const struct resource *r, const struct response *a, int64_t asked,
                              struct judgement *j)
{
    int64_t length = a->range_total >= 0 ? a->range_total : r->length;
    if (length >= 0 && asked == length)
        j->verdict = VERDICT_END;
    else if (r->is_known && length >= 0 && r->length >= 0 && length != r->length)
        j->verdict = VERDICT_CHANGED;
    else
        j->verdict = length >= 0 && asked < length ? VERDICT_FAILED : VERDICT_END;
    j->from = asked > 0 ? asked : 0;
}

/* Some servers refuse a request because it asks for a part, in whatever words; they are told from
 * those that refuse it anyway by being asked without. Only at first: a server that has given a part
 * means something else. */
static bool refuses_parts(const struct resource *r, const struct response *a, int64_t asked)
{
    if (asked < 0 || r->is_unranged || r->is_known)
        return false;
    switch (a->status) {
    case 400:
    case 403:
    case 405:
    case 406:
    case 501:
        return true;
    case 416: /* unless it says that there is nothing so far behind */
        return a->range_total < 0 || a->range_total > asked;
    default:
        return false;
    }
}

static int64_t retry_after(const struct response *a, int64_t now_s)
{
    if (a->retry_after_s >= 0)
        return a->retry_after_s;
    if (a->retry_date_s < 0)
        return -1;
    return a->retry_date_s > now_s ? a->retry_date_s - now_s : 0;
}

void resource_judge(const struct resource *r, const struct response *a, int64_t asked,
                    int64_t now_s, struct judgement *ret)
{
    unsigned s = a->status;
    *ret = (struct judgement){
        .verdict = VERDICT_ACCEPT, .status = s, .retry_after_s = -1, .code = TUTTI_E_SOURCE_FAILED
    };
    (void)snprintf(ret->why, sizeof ret->why, "the server answers %u", s);
    if (s == 200 || s == 206) {
        judge_body(r, a, asked, ret);
    } else if (refuses_parts(r, a, asked)) {
        ret->verdict = VERDICT_WHOLE;
    } else if (s == 416 && asked >= 0) {
        judge_range_error(r, a, asked, ret);
    } else if (s == 408 || s == 425 || s == 429 || (s >= 500 && s <= 599)) {
        ret->verdict = VERDICT_RETRY;
        ret->retry_after_s = retry_after(a, now_s);
    } else if (fetch_is_refusal(s)) {
        bool gone = s == 404 || s == 410;
        ret->verdict = VERDICT_REFUSED;
        ret->code = gone ? TUTTI_E_NOT_FOUND : TUTTI_E_SOURCE_FAILED;
        (void)snprintf(ret->why, sizeof ret->why, "%s: %u",
                       gone ? "there is nothing at this URL" : "the server refuses", s);
    } else {
        ret->verdict = VERDICT_FAILED;
    }
}

static void copy_text(char *dst, size_t size, const char *s)
{
    (void)snprintf(dst, size, "%s", s);
}

/* A file with titles in it is not as long as what its server counts, either. */
static void settle_facts(struct resource *r)
{
    bool live = r->facts & FETCH_LIVE;
    r->is_encoded = r->is_titled || r->coding == CODING_GZIP;
    bool is_unknown = live || r->is_encoded || live_length_is_absurd(&r->live);
    r->length = is_unknown ? -1 : r->sent_length;
    bool ranges = r->gives_parts && !live && !r->is_encoded && !r->is_unranged;
    r->facts = (r->facts & ~(unsigned)FETCH_RANGES) | (ranges ? FETCH_RANGES : 0);
}

bool resource_judge_live(struct resource *r)
{
    bool becomes = r->wants_icy && !(r->facts & FETCH_LIVE) && live_judge(&r->live) == LIVE_YES;
    if (becomes) {
        r->facts = FETCH_LIVE;
        r->is_titled = false;
        settle_facts(r);
    }
    return becomes;
}

void resource_look(struct resource *r, const uint8_t *bytes, size_t len)
{
    r->live.container = live_look(bytes, len);
    if (!resource_judge_live(r) && r->sent_length >= 0)
        settle_facts(r); /* an absurd length may be none after all */
}

void resource_learn(struct resource *r, const struct response *a)
{
    if (!r->validator[0])
        copy_text(r->validator, sizeof r->validator, response_validator(a));
    if (r->is_known)
        return;
    r->is_known = true;
    r->coding = a->coding;
    r->sent_length = response_total(a);
    bool unknown = a->coding == CODING_GZIP || r->sent_length < 0;
    r->live.is_icy = a->is_icy;
    r->live.gives_parts = a->status == 206;
    r->live.length = unknown ? -1 : r->sent_length;
    r->is_titled = r->wants_icy && a->icy_interval > 0;
    r->gives_parts = a->status == 206 || a->accepts_ranges;
    r->facts = resource_is_open_ended(a) ? FETCH_OPEN_ENDED : 0;
    if (!resource_judge_live(r))
        settle_facts(r);
    copy_text(r->content_type, sizeof r->content_type, a->content_type);
    copy_text(r->name, sizeof r->name, a->icy_name);
}

void resource_see(struct resource *r, bool is_packed)
{
    if (r->is_seen)
        return;
    r->is_seen = true;
    r->coding = is_packed ? CODING_GZIP : CODING_NONE;
    settle_facts(r);
}
