/* Who waits for a change of a play to be in force, and for which. */
#include "session/play.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

int play_add_waiter(struct play *p, enum command_type type, const struct ticket *ticket,
                    double level)
{
    if (p->n_waiters >= PLAY_WAITERS_MAX)
        return -ENOBUFS;
    struct waiter *w = calloc(1, sizeof *w);
    if (!w)
        return -ENOMEM;
    bool noted = type == COMMAND_VOLUME && p->ready && (float)p->volume != p->render.gain;
    *w = (struct waiter){
        .type = type, .ticket = *ticket, .level = level, .render = p->render_number + noted
    };
    LL_APPEND(p->waiters, w);
    p->n_waiters++;
    return 0;
}

static struct waiter *take_waiter(struct play *p, struct waiter *w)
{
    if (w) {
        LL_DELETE(p->waiters, w);
        p->n_waiters--;
    }
    return w;
}

struct waiter *play_take_waiter(struct play *p)
{
    return take_waiter(p, p->waiters);
}

struct waiter *play_take_served(struct play *p)
{
    struct waiter *w = p->waiters;
    while (w && p->rendering && (int32_t)(p->render_number - w->render) <= 0)
        w = w->next;
    return take_waiter(p, w);
}
