#include "session/post.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct letter {
    struct event event; /* its strings are copies */
    struct ticket answer;
    bool is_answer;
    uint64_t owner;
    char play_id[COMMAND_PLAY_ID_MAX + 1];
};

/* Its pages cost memory once they are used, and the first ones are used again and again. */
struct post {
    struct post_ops ops;
    bool held;
    bool is_saying;
    struct {
        unsigned n, n_said;
        size_t text_len;
        struct letter letters[POST_LETTERS];
        char text[POST_TEXT_BYTES];
    } rt;
};

int post_new(const struct post_ops *ops, struct post **ret_post)
{
    struct post *p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    p->ops = *ops;
    *ret_post = p;
    return 0;
}

void post_free(struct post *p)
{
    free(p);
}

void post_hold(struct post *p)
{
    assert(!p->held);
    p->held = true;
}

/* Says what is kept. What it causes is kept behind it, and said as well. */
static void say_kept(struct post *p)
{
    bool is_outermost = !p->is_saying;
    p->is_saying = true;
    while (p->rt.n_said < p->rt.n) {
        const struct letter *l = &p->rt.letters[p->rt.n_said++];
        p->ops.say(&l->event, l->is_answer ? &l->answer : NULL, l->owner, p->ops.arg);
    }
    if (!is_outermost) /* a letter that is being said still has its strings here */
        return;
    p->is_saying = false;
    p->rt.n = p->rt.n_said = 0;
    p->rt.text_len = 0;
}

void post_release(struct post *p)
{
    assert(p->held);
    if (p->rt.n > 0)
        p->ops.flush(p->ops.arg);
    say_kept(p);
    p->held = false;
}

/* [bytes] that the copy of a string takes. */
static size_t size_of(const char *string)
{
    return string ? strlen(string) + 1 : 0;
}

static const char *copy(struct post *p, const char *string)
{
    size_t size = size_of(string);
    char *to = p->rt.text + p->rt.text_len;
    if (!string)
        return NULL;
    memcpy(to, string, size);
    p->rt.text_len += size;
    return to;
}

static bool has_room(const struct post *p, const struct event *e)
{
    return p->rt.n < POST_LETTERS &&
           size_of(e->title) + size_of(e->message) <= POST_TEXT_BYTES - p->rt.text_len &&
           size_of(e->play_id) <= sizeof p->rt.letters[0].play_id;
}

static void keep(struct post *p, const struct event *e, const struct ticket *answer, uint64_t owner)
{
    struct letter *l = &p->rt.letters[p->rt.n++];
    l->event = *e;
    l->is_answer = answer != NULL;
    if (answer)
        l->answer = *answer;
    l->owner = owner;
    l->event.title = copy(p, e->title);
    l->event.message = copy(p, e->message);
    if (e->play_id)
        l->event.play_id = memcpy(l->play_id, e->play_id, size_of(e->play_id));
}

void post_event(struct post *p, const struct event *e, const struct ticket *answer, uint64_t owner)
{
    if (p->held && has_room(p, e)) {
        keep(p, e, answer, owner);
        return;
    }
    p->ops.flush(p->ops.arg);
    say_kept(p);
    p->ops.say(e, answer, owner, p->ops.arg);
}
