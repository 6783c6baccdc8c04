#include "owner/news.h"

#include "base/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* An event in the forms that were asked for until now. */
struct forms {
    const struct event *event;
    size_t n;
    struct form {
        char *(*format)(const struct event *e, size_t *ret_len);
        char *bytes;
        size_t len;
    } form[NEWS_FORMS];
};

void news_init(struct news *n, uv_loop_t *loop)
{
    *n = (struct news){ 0 };
    for (size_t i = 0; i < NEWS_FORMS; i++)
        buf_init(&n->logs[i].records, 2 * NEWS_KEPT_BYTES);
    (void)uv_idle_init(loop, &n->idle);
    n->idle.data = n;
}

/* ---- what subscribers are still to be told ---- */

/* The log of a form; a free one where nobody reads that form yet. */
static struct news_log *log_for(struct news *n, const struct ear *ear)
{
    struct news_log *free_log = NULL;
    for (size_t i = 0; i < NEWS_FORMS; i++) {
        struct news_log *l = &n->logs[i];
        if (l->n_readers > 0 && l->format == ear->front->ops->format)
            return l;
        if (l->n_readers == 0 && !free_log)
            free_log = l;
    }
    assert(free_log);
    free_log->format = ear->front->ops->format;
    return free_log;
}

void news_subscribe(struct news *n, struct ear *ear)
{
    if (ear->subscribes)
        return;
    struct news_log *l = log_for(n, ear);
    l->n_readers++;
    ear->subscribes = true;
    ear->log = l;
    ear->n_told = buf_len(&l->records);
    DL_APPEND(n->subscribers, ear);
}

static void forget_if_all_are_told(struct news *n)
{
    const struct ear *ear;
    DL_FOREACH(n->subscribers, ear)
    {
        if (ear->n_told < buf_len(&ear->log->records))
            return;
    }
    for (size_t i = 0; i < NEWS_FORMS; i++)
        buf_consume(&n->logs[i].records, buf_len(&n->logs[i].records));
    struct ear *each;
    DL_FOREACH(n->subscribers, each)
    {
        each->n_told = 0;
    }
    (void)uv_idle_stop(&n->idle);
}

void news_unsubscribe(struct news *n, struct ear *ear)
{
    if (!ear->subscribes)
        return;
    if (n->next == ear)
        n->next = ear->next;
    DL_DELETE(n->subscribers, ear);
    ear->subscribes = false;
    ear->log->n_readers--;
    if (!n->subscribers)
        forget_if_all_are_told(n);
}

/* Telling may make the ear unsubscribe, and more be said. */
void news_catch_up(struct news *n, struct ear *ear)
{
    while (ear->subscribes && ear->n_told < buf_len(&ear->log->records)) {
        const char *record = buf_head(&ear->log->records) + ear->n_told;
        size_t len;
        memcpy(&len, record, sizeof len);
        ear->n_told += sizeof len + len;
        ear->front->ops->event(ear, record + sizeof len, len);
    }
}

static void on_idle(uv_idle_t *idle)
{
    struct news *n = idle->data;
    uint64_t end_ns = clock_now_ns() + NEWS_TURN_US * NS_PER_US;
    if (!n->next)
        n->next = n->subscribers;
    while (n->next && clock_now_ns() < end_ns) {
        struct ear *ear = n->next;
        n->next = ear->next;
        news_catch_up(n, ear);
    }
    if (!n->next)
        forget_if_all_are_told(n);
}

static void tell_all_now(struct news *n)
{
    struct ear *ear, *tmp;
    DL_FOREACH_SAFE(n->subscribers, ear, tmp)
    {
        news_catch_up(n, ear);
    }
    forget_if_all_are_told(n);
}

void news_done(struct news *n)
{
    tell_all_now(n);
    for (size_t i = 0; i < NEWS_FORMS; i++)
        buf_done(&n->logs[i].records);
    uv_close((uv_handle_t *)&n->idle, NULL);
}

/* ---- an event ---- */

struct ear *news_answer(const struct event *e, const struct ticket *ticket)
{
    return ticket->front->ops->answer(ticket->front, ticket, e);
}

static const struct form *form_for(struct forms *f,
                                   char *(*format)(const struct event *e, size_t *ret_len))
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->form[i].format == format)
            return &f->form[i];
    }
    assert(f->n < NEWS_FORMS);
    struct form *form = &f->form[f->n++];
    form->format = format;
    form->bytes = format(f->event, &form->len);
    return form;
}

static void tell(struct forms *f, struct ear *ear)
{
    const struct form *form = form_for(f, ear->front->ops->format);
    ear->front->ops->event(ear, form->bytes, form->len);
}

/* Those of one form miss the event for want of memory, which each is told. */
static void tell_of_loss(const struct news *n, const struct news_log *l, const struct ear *owner,
                         const struct ear *has_heard)
{
    struct ear *ear, *tmp;
    DL_FOREACH_SAFE(n->subscribers, ear, tmp)
    {
        if (ear->log == l && ear != owner && ear != has_heard)
            ear->front->ops->event(ear, NULL, 0);
    }
}

static int put_record(struct news_log *l, const struct form *form)
{
    size_t size = sizeof form->len + form->len;
    char *room = form->bytes ? buf_reserve(&l->records, size) : NULL;
    if (!room)
        return -1;
    memcpy(room, &form->len, sizeof form->len);
    memcpy(room + sizeof form->len, form->bytes, form->len);
    buf_commit(&l->records, size);
    return 0;
}

/* One that hears the event otherwise, and has been told all that came before, passes over it. */
static void pass_over(struct ear *ear)
{
    if (ear && ear->subscribes)
        ear->n_told = buf_len(&ear->log->records);
}

void news_tell(struct news *n, const struct event *e, struct ear *owner, struct ear *has_heard)
{
    struct forms f = { .event = e };
    bool is_lost[NEWS_FORMS] = { false };
    if (owner)
        news_catch_up(n, owner);
    if (has_heard)
        news_catch_up(n, has_heard);
    for (size_t i = 0; i < NEWS_FORMS; i++) {
        struct news_log *l = &n->logs[i];
        is_lost[i] = l->n_readers > 0 && put_record(l, form_for(&f, l->format)) < 0;
    }
    pass_over(owner);
    pass_over(has_heard);
    if (owner && owner != has_heard)
        tell(&f, owner);
    for (size_t i = 0; i < NEWS_FORMS; i++) {
        if (is_lost[i])
            tell_of_loss(n, &n->logs[i], owner, has_heard);
        if (buf_len(&n->logs[i].records) > NEWS_KEPT_BYTES)
            tell_all_now(n);
    }
    if (n->subscribers)
        (void)uv_idle_start(&n->idle, on_idle);
    for (size_t i = 0; i < f.n; i++)
        free(f.form[i].bytes);
}
