/*
 * A worker may die and a source may change, the music goes on: what the worker has left in its ring
 * is read while another one opens the source at the first frame that is missing.
 */
#include "feed/parts.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#include <stdio.h>

/* Of what has been heard it is not said that there is nothing: it was lost. */
static bool is_of_finding(enum tutti_error code)
{
    return code == TUTTI_E_UNSUPPORTED_URL || code == TUTTI_E_FORBIDDEN_URL ||
           code == TUTTI_E_NOT_FOUND || code == TUTTI_E_EXTRACTION_FAILED ||
           code == TUTTI_E_EXTRACTION_TIMEOUT;
}

static void forget_change(struct feed *f)
{
    change_cancel(&f->change);
    reader_expect_nothing(&f->reader);
}

void feed_lose(struct feed *f, enum tutti_error code, const char *why)
{
    bool ready = feed_is_ready(f);
    f->loss.code = ready && is_of_finding(code) ? TUTTI_E_SOURCE_FAILED : code;
    (void)text_sanitise(f->loss.why, sizeof f->loss.why, why);
    if (!ready || (!f->reader.kept && !f->lease)) {
        feed_fail(f, f->loss.code, f->loss.why);
        return;
    }
    feed_move(f, FEED_LOST);
    if (f->job)
        pool_cancel(f->pool, TAKE_PTR(f->job));
    forget_change(f);
    f->awaits_next = false;
    f->ops->refused(f->loss.code, f->loss.why, f->arg);
    feed_post(f, POST_SPENT);
}

void feed_lose_source(struct feed *f, enum tutti_error code, const char *why)
{
    if (!reader_is_complete(&f->reader) && !feed_is_failing(f))
        feed_lose(f, code, why);
}

/* ---- the source is looked for anew ---- */

static bool find_source(struct feed *f)
{
    char why[LOCATE_WHY_MAX];
    if (feed_source_find(&f->source, why) != TUTTI_OK)
        return false;
    if (!feed_is_ready(f) && f->state != FEED_FINDING)
        feed_move(f, FEED_FINDING);
    return true;
}

static bool may_reopen(struct feed *f)
{
    bool ready = feed_is_ready(f);
    uint64_t n_made = f->reader.taken.n + (ready ? reader_fill(&f->reader) : 0);
    return feed_source_may_reopen(&f->source, n_made, ready || f->facts.is_opened);
}

/* Nothing of the new resource is put behind what came from the old one. What is in hand is heard
 * while it is opened anew, at the first frame that is missing. */
static void reopen(struct feed *f, bool fresh, const char *why)
{
    if (f->announced)
        feed_warn(f, TUTTI_W_SOURCE_RECONNECTED, why);
    feed_source_forget(&f->source, fresh);
    if (f->hosted_by)
        feed_leave_host(f);
    if (f->job)
        pool_cancel(f->pool, TAKE_PTR(f->job));
    if (f->lease)
        lease_kill(f->lease, why); /* feed_mend goes on from here */
    else if (!find_source(f))
        feed_fail(f, TUTTI_E_SOURCE_FAILED, why);
    else
        feed_post(f, POST_LOOK); /* the feed before it may have to wait for it */
}

void feed_change_source(struct feed *f)
{
    if (reader_is_complete(&f->reader))
        return; /* nobody needs it any more */
    if (may_reopen(f))
        reopen(f, false, "the source has changed: it is opened anew");
    else
        feed_lose_source(f, TUTTI_E_SOURCE_FAILED, "the source changes again and again");
}

bool feed_renew_source(struct feed *f, unsigned http_status)
{
    if (!feed_source_is_expired(&f->source, http_status) || feed_is_failing(f) || !may_reopen(f))
        return false;
    log_info("feed", "links have expired (HTTP status %u), the source is looked for anew",
             http_status);
    reopen(f, true, "links of the source have expired: it is opened anew");
    return true;
}

/* ---- the worker died ---- */

static void take_hint(struct feed *f)
{
    struct ring_record r;
    const struct segment *now = &f->reader.now;
    if (f->reader.kept && ring_last_made(f->reader.kept, now->lane, &r) && r.gen == now->gen &&
        r.play == f->number && rescue_hint_is_sane(&r.hint))
        f->hint = r.hint;
}

/* What the new worker is to render: what is missing or, after some deaths at one place, what comes
 * a little later. */
static void plan_the_rest(struct feed *f, const struct ring_record *newest, bool skips)
{
    uint32_t n_slots = ring_consumer_shape(f->reader.now.ring)->n_slots;
    struct place begin = rescue_first_missing(f->reader.place, newest, n_slots);
    if (skips)
        begin.samples += RESCUE_SKIP_SAMPLES;
    change_want(&f->change,
                &(struct wmsg_render){
                    .pos = begin.samples, .sound = f->heard, .from = f->heard, .exact = !skips });
    reader_expect(&f->reader, &(struct segment){ 0 },
                  &(struct passage){ JOINT_AT_END, .on_grid = !skips, .begin = begin });
    if (skips)
        feed_warn(f, TUTTI_W_SPAN_SKIPPED, "a span that cannot be decoded is skipped");
}

/* The change that was under way is made by the new worker, at once. */
static void plan_the_change_again(struct feed *f)
{
    struct passage passage = f->reader.passage;
    change_unsent(&f->change);
    if (passage.joint == JOINT_SAME_FRAME) {
        passage.begin = f->reader.place;
        change_move(&f->change, passage.begin);
    }
    reader_expect(&f->reader, &(struct segment){ 0 }, &passage);
}

static bool makes_a_change(const struct feed *f)
{
    return change_is_under_way(&f->change) && f->reader.passage.joint != JOINT_AT_END;
}

/* All frames are there: nobody is needed to finish. */
static void finish_with_what_is_there(struct feed *f)
{
    forget_change(f);
    feed_post_in_force(f);
}

/* Another worker takes over. Returns false if none can. */
static bool go_on(struct feed *f, enum rescue_verdict verdict)
{
    struct ring_record newest;
    bool known = f->reader.kept && reader_newest(&f->reader, &newest);
    if (verdict == RESCUE_GIVE_UP || (!feed_source_is_here(&f->source) && !f->source.reopens))
        return false;
    if (!f->source.reopens)
        feed_warn(f, TUTTI_W_WORKER_RESTARTED, "the worker died; another one takes over");
    if (known && ((newest.flags & RING_END) || newest.play != f->number) && !makes_a_change(f)) {
        finish_with_what_is_there(f);
        return true;
    }
    take_hint(f);
    if (feed_is_ready(f) && makes_a_change(f))
        plan_the_change_again(f);
    else if (feed_is_ready(f))
        plan_the_rest(f, known ? &newest : NULL, verdict == RESCUE_SKIP);
    if (f->source.reopens)
        return find_source(f);
    feed_procure(f);
    return true;
}

void feed_mend(struct feed *f, struct ring_consumer *ring, const char *why)
{
    struct death death = {
        .doing = ring_worker_state(ring),
        .n_made = ring_frames_made(ring),
        .had_begun = feed_is_ready(f),
        .says_nothing = f->source.reopens, /* it was ended by us */
    };
    reader_keep(&f->reader, ring);
    if (!death.had_begun)
        forget_change(f);
    f->facts.is_opened = false;
    if (feed_is_failing(f))
        return; /* what it has left is heard, then the feed fails */
    if (f->state == FEED_READY)
        feed_move(f, FEED_RESCUING);
    if (go_on(f, rescue_judge(&f->rescue, &death, clock_now_ns())))
        return;
    char text[FEED_WHY_MAX];
    (void)snprintf(text, sizeof text, "the worker of this channel is lost: %s", why);
    feed_lose(f, TUTTI_E_WORKER_CRASHED, text);
}
