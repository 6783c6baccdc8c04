#include "fetch/connection.h"

#include "base/clock.h"
#include "base/log.h"
#include "fetch/content.h"
#include "fetch/outage.h"
#include "fetch/pace.h"
#include "fetch/readahead.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void ask(struct transfer *t, bool fresh);
static void on_timer(uv_timer_t *timer);

static void set_timer(struct transfer *t, uint64_t ms)
{
    (void)uv_timer_start(&t->timer, on_timer, ms, 0);
}

static void drop_request(struct transfer *t)
{
    request_free(t->request);
    t->request = NULL;
    (void)uv_timer_stop(&t->timer);
}

void connection_close(struct transfer *t)
{
    drop_request(t);
    t->state = DORMANT;
    t->tries = 0;
    t->outage_ns = 0;
}

static void finish(struct transfer *t, enum transfer_end end)
{
    assert(end != NOT_OVER);
    drop_request(t);
    t->state = OVER;
    t->end = end;
    t->ops.changed(t, t->ops.arg);
}

static void fail(struct transfer *t, const struct judgement *j)
{
    t->failure = *j;
    finish(t, OVER_FAILED);
}

static void fail_with(struct transfer *t, enum tutti_error code, const char *why)
{
    struct judgement j = { .verdict = VERDICT_FAILED, .code = code };
    (void)snprintf(j.why, sizeof j.why, "%s", why);
    fail(t, &j);
}

/* ---- its loss ---- */

/* Tries again, now or later. `after_s`: what the server asks for, or −1. */
static void retry(struct transfer *t, const char *why, int64_t after_s)
{
    uint64_t now_ns = clock_now_ns();
    drop_request(t);
    outage_begin(t, why, now_ns);
    if (outage_is_given_up(t, now_ns)) {
        fail_with(t, TUTTI_E_SOURCE_FAILED, why);
        return;
    }
    uint64_t ms = outage_pause_ms(t, after_s, now_ns);
    log_debug("fetch", "%s: again in %u ms", why, (unsigned)ms);
    t->state = WAITING;
    set_timer(t, ms);
}

static void lose(struct transfer *t, const char *why)
{
    pace_judge(t);
    bool again = t->lost_end == t->window.end;
    t->lost_end = t->window.end;
    /* A reader that does not read now need not be told; it is asked for again when it is wanted. */
    if (t->state == PAUSED || !t->is_active) {
        connection_close(t);
    } else if (t->is_open_ended && again && t->at >= t->window.end &&
               !(t->resource->facts & FETCH_LIVE)) { /* a station is waited for, up to the limit */
        finish(t, OVER_CUT);
    } else {
        outage_note_bytes(t);
        retry(t, why, -1);
    }
}

/* ---- its answer ---- */

static int on_head(const struct response *r, void *arg)
{
    struct transfer *t = arg;
    struct resource *res = t->resource;
    int64_t asked = res->facts & FETCH_LIVE && res->is_known ? t->window.end : t->asked;
    resource_judge(res, r, asked, (int64_t)time(NULL), &t->verdict);
    t->byte_ns = clock_now_ns();
    if (t->verdict.verdict != VERDICT_ACCEPT)
        return -1;
    resource_learn(res, r);
    t->at = t->verdict.from;
    t->is_open_ended = resource_is_open_ended(r);
    return content_begin(t, r) < 0 ? -1 : 0;
}

static int on_data(const uint8_t *bytes, size_t len, void *arg)
{
    struct transfer *t = arg;
    int r = content_take(t, bytes, len);
    if (r == 0) {
        t->state = PAUSED;
        return 0;
    }
    t->byte_ns = clock_now_ns();
    if (t->flow_ns == 0)
        t->flow_ns = t->byte_ns;
    t->is_told_changed = r == -ESTALE;
    if (r == -EBADMSG) {
        t->verdict.verdict = VERDICT_FAILED;
        (void)snprintf(t->verdict.why, sizeof t->verdict.why,
                       "what came is not encoded as it says");
    }
    return r < 0 ? -1 : 1;
}

static void on_progress(void *arg)
{
    struct transfer *t = arg;
    struct resource *res = t->resource;
    if (t->verdict.verdict == VERDICT_ACCEPT && res->is_known && !res->base)
        res->base = strdup(request_url(t->request));
    if (t->state == ASKING && t->verdict.verdict == VERDICT_ACCEPT) {
        t->state = FLOWING;
        set_timer(t, t->context->stall_ms);
    } else if (t->state == PAUSED) {
        set_timer(t, t->context->idle_ms);
    }
    if (t->window.end > t->start_end && t->outage_ns != 0)
        outage_end(t);
    t->ops.changed(t, t->ops.arg);
}

/* ---- its end ---- */

static void expire(struct transfer *t, const struct judgement *j)
{
    drop_request(t);
    t->state = EXPIRED;
    t->failure = *j;
    t->ops.expired(j->status, j->why, t->ops.arg);
}

/* The redirects of the first time may have led to a place that was good for a while only. */
static bool try_first_url(struct transfer *t)
{
    if (!t->resource->base || strcmp(t->resource->base, t->resource->url) == 0)
        return false;
    free(t->resource->base);
    t->resource->base = NULL;
    drop_request(t);
    ask(t, false);
    return true;
}

static void end_by_verdict(struct transfer *t)
{
    struct judgement j = t->verdict;
    switch (j.verdict) {
    case VERDICT_WHOLE:
        t->resource->is_unranged = true;
        drop_request(t);
        ask(t, false);
        break;
    case VERDICT_RETRY:
        retry(t, j.why, j.retry_after_s);
        break;
    case VERDICT_REFUSED:
        if (try_first_url(t))
            break;
        if (t->resource->is_relinkable)
            expire(t, &j);
        else
            fail(t, &j);
        break;
    case VERDICT_CHANGED:
        finish(t, OVER_CHANGED);
        break;
    case VERDICT_END:
        if (!t->resource->is_known) {
            t->resource->is_known = true;
            t->resource->length = t->window.end;
        }
        /* Less than was promised, if a length was: nobody knows which of the two is right. */
        finish(t, t->window.end < resource_end(t->resource) ? OVER_CUT : OVER_END);
        break;
    case VERDICT_FAILED:
        if (!try_first_url(t))
            fail(t, &j);
        break;
    case VERDICT_ACCEPT: /* our own fault: no memory */
        retry(t, "out of memory", -1);
        break;
    }
}

static void complete(struct transfer *t)
{
    pace_judge(t);
    int64_t end = resource_end(t->resource);
    bool has_end = !t->is_open_ended && !t->resource->live.is_icy;
    if (t->resource->facts & FETCH_LIVE && !has_end) {
        lose(t, "the stream ended");
    } else if (t->at < t->window.end) {
        finish(t, OVER_CHANGED); /* it has become shorter than what we have of it */
    } else if (end >= 0 && t->window.end < end) {
        /* The server gives it in pieces, or less than it promised, or next to nothing each time. */
        if (outage_brought_enough(t))
            ask(t, false);
        else
            lose(t, "the answer ended early");
    } else {
        finish(t, t->is_open_ended && end < 0 ? OVER_CUT : OVER_END);
    }
}

/* Other bytes than those we have: another resource, or a station. */
static void meet_others(struct transfer *t)
{
    t->resource->live.differs = true;
    if (!resource_judge_live(t->resource)) {
        finish(t, OVER_CHANGED);
        return;
    }
    t->ops.live(t->ops.arg);
    lose(t, "the connection was lost");
}

static void on_done(const struct request_result *result, void *arg)
{
    struct transfer *t = arg;
    char why[256];
    (void)snprintf(why, sizeof why, "%s", result->why);
    switch (result->end) {
    case REQUEST_COMPLETE:
        request_free(t->request);
        t->request = NULL;
        complete(t);
        break;
    case REQUEST_LOST:
        lose(t, why);
        break;
    case REQUEST_ABORTED:
        if (t->is_told_changed)
            meet_others(t);
        else
            end_by_verdict(t);
        break;
    case REQUEST_FORBIDDEN:
        fail_with(t, TUTTI_E_FORBIDDEN_URL, why);
        break;
    case REQUEST_REFUSED:
        if (t->resource->is_known)
            lose(t, why);
        else
            fail_with(t, TUTTI_E_SOURCE_FAILED, why);
        break;
    }
}

/* ---- its beginning ---- */

/* [ms] until an answer must have begun. */
static uint64_t answer_ms(const struct transfer *t)
{
    uint64_t connect_ms = (uint64_t)t->context->request.connect_timeout_ms;
    uint64_t ms = connect_ms > t->context->stall_ms ? connect_ms : t->context->stall_ms;
    /* Better one slow answer to the first request than none to several. */
    return !t->resource->is_known && ms < OUTAGE_OPEN_MS ? OUTAGE_OPEN_MS : ms;
}

static void ask(struct transfer *t, bool fresh)
{
    const struct resource *res = t->resource;
    bool ranges =
        !res->is_encoded && !res->is_unranged && !(res->is_known && res->facts & FETCH_LIVE);
    t->asked = ranges ? t->window.end : -1;
    struct request_spec spec = {
        .url = res->base ? res->base : res->url,
        .headers = res->headers,
        .home = res->home ? res->home : res->url,
        .jar = res->jar,
        .from = t->asked,
        .end = ranges ? res->end : -1,
        .icy = res->wants_icy,
        .fresh = fresh,
    };
    struct request_ops ops = { on_head, on_data, on_progress, on_done, t };
    t->state = ASKING;
    t->end = NOT_OVER;
    t->is_told_changed = false;
    t->flow_ns = t->waited_ns = 0;
    t->start_end = t->window.end;
    t->at = t->window.end;
    t->byte_ns = clock_now_ns();
    int r = request_new(&t->context->request, &spec, &ops, &t->request);
    if (r == 0) {
        set_timer(t, answer_ms(t));
    } else if (r == -ENOMEM) {
        retry(t, "out of memory", -1);
    } else {
        fail_with(t, r == -EACCES ? TUTTI_E_FORBIDDEN_URL : TUTTI_E_UNSUPPORTED_URL,
                  r == -EACCES ? "its host is private" : "this URL cannot be read");
    }
}

void connection_open(struct transfer *t)
{
    assert(!t->request);
    ask(t, false);
}

void connection_resume(struct transfer *t)
{
    assert(t->state == PAUSED && t->request);
    t->state = FLOWING;
    t->byte_ns = clock_now_ns();
    set_timer(t, t->context->stall_ms);
    request_resume(t->request);
}

void connection_hurry(struct transfer *t)
{
    assert(t->state == WAITING);
    uint64_t ms = outage_patience_ms(t, clock_now_ns());
    if (uv_timer_get_due_in(&t->timer) > ms)
        set_timer(t, ms);
}

/* ---- time ---- */

static uint64_t elapsed_ms(uint64_t since_ns)
{
    return (clock_now_ns() - since_ns) / NS_PER_MS;
}

static void check_stall(struct transfer *t, uint64_t limit_ms)
{
    uint64_t passed = elapsed_ms(t->byte_ns);
    if (passed < limit_ms) {
        set_timer(t, limit_ms - passed);
        return;
    }
    char why[64];
    (void)snprintf(why, sizeof why, "no byte for %.1f s", (double)passed / 1000);
    lose(t, why);
}

static void check_idle(struct transfer *t)
{
    uint64_t limit = t->context->idle_ms + 2 * t->read_gap_ns / NS_PER_MS;
    uint64_t passed = elapsed_ms(t->read_ns);
    if (passed < limit) {
        set_timer(t, limit - passed);
        return;
    }
    log_debug("fetch", "nobody has read for %u s: connection closed", (unsigned)(passed / 1000));
    connection_close(t);
    if (!t->is_active)
        readahead_restart(t, t->window.begin);
}

static void on_timer(uv_timer_t *timer)
{
    struct transfer *t = timer->data;
    switch (t->state) {
    case ASKING:
        check_stall(t, answer_ms(t));
        break;
    case FLOWING:
        check_stall(t, t->context->stall_ms);
        break;
    case PAUSED:
        check_idle(t);
        break;
    case WAITING:
        if (t->is_active && (t->is_wanted || elapsed_ms(t->read_ns) < t->context->idle_ms))
            ask(t, true);
        else
            connection_close(t);
        break;
    default:
        break;
    }
}
