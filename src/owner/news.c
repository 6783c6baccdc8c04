#include "owner/news.h"

#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

enum { FORMS_MAX = 4 };

/* An event in the forms that were asked for until now. */
struct forms {
    const struct event *event;
    size_t n;
    struct form {
        char *(*format)(const struct event *e, size_t *ret_len);
        char *bytes;
        size_t len;
    } form[FORMS_MAX];
};

void news_subscribe(struct news *n, struct ear *ear)
{
    if (!ear->subscribes)
        DL_APPEND(n->subscribers, ear);
    ear->subscribes = true;
}

void news_unsubscribe(struct news *n, struct ear *ear)
{
    if (ear->subscribes)
        DL_DELETE(n->subscribers, ear);
    ear->subscribes = false;
}

struct ear *news_answer(const struct event *e, const struct ticket *ticket)
{
    return ticket->front->ops->answer(ticket->front, ticket, e);
}

static const struct form *form_for(struct forms *f, const struct ear *ear)
{
    const struct front_ops *ops = ear->front->ops;
    for (size_t i = 0; i < f->n; i++) {
        if (f->form[i].format == ops->format)
            return &f->form[i];
    }
    assert(f->n < FORMS_MAX);
    struct form *form = &f->form[f->n++];
    form->format = ops->format;
    form->bytes = ops->format(f->event, &form->len);
    return form;
}

static void tell(struct forms *f, struct ear *ear)
{
    const struct form *form = form_for(f, ear);
    ear->front->ops->event(ear, form->bytes, form->len);
}

void news_tell(const struct news *n, const struct event *e, struct ear *owner,
               const struct ear *has_heard)
{
    struct forms f = { .event = e };
    struct ear *ear, *tmp;
    if (owner && owner != has_heard)
        tell(&f, owner);
    DL_FOREACH_SAFE(n->subscribers, ear, tmp)
    {
        if (ear != owner && ear != has_heard)
            tell(&f, ear);
    }
    for (size_t i = 0; i < f.n; i++)
        free(f.form[i].bytes);
}
