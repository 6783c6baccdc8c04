#include "feed/lease.h"

#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct lease {
    struct pool *pool;
    struct worker *worker;
    const struct lease_ops *ops;
    struct feed *heard;
    struct feed *follower;
    uint32_t follower_number;
};

static void on_message(const struct wmsg *m, void *arg)
{
    struct lease *l = arg;
    bool is_followers = l->follower && m->type != WMSG_BELL && m->play == l->follower_number;
    l->ops->message(m, is_followers ? l->follower : l->heard);
}

static void on_died(const char *why, void *arg)
{
    AUTO_FREE struct lease *l = arg;
    l->ops->died(why, worker_take_ring(l->worker), l->heard, l->follower);
}

int lease_new(struct pool *pool, struct worker *w, const struct lease_ops *ops, struct feed *heard,
              struct wmsg *open, int source_fd, struct lease **ret_lease)
{
    static const struct worker_user_ops user_ops = { .message = on_message, .died = on_died };
    AUTO_FREE struct lease *l = calloc(1, sizeof *l);
    if (l)
        *l = (struct lease){ .pool = pool, .worker = w, .ops = ops, .heard = heard };
    int r = worker_open(w, &user_ops, l, open, source_fd);
    if (r < 0)
        return r;
    if (!l) { /* a worker is given back once it was opened */
        pool_release_worker(pool, w);
        return -ENOMEM;
    }
    *ret_lease = TAKE_PTR(l);
    return 0;
}

void lease_release(struct lease *l)
{
    assert(!l->follower);
    pool_release_worker(l->pool, l->worker);
    free(l);
}

struct feed *lease_heard(const struct lease *l)
{
    return l->heard;
}

struct feed *lease_follower(const struct lease *l)
{
    return l->follower;
}

struct ring_consumer *lease_ring(const struct lease *l)
{
    return worker_ring(l->worker);
}

int lease_follow(struct lease *l, struct feed *follower, struct wmsg *next, int source_fd)
{
    assert(!l->follower && follower != l->heard);
    int r = worker_next(l->worker, next, source_fd);
    if (r < 0)
        return r;
    l->follower = follower;
    l->follower_number = next->play;
    return 0;
}

void lease_unfollow(struct lease *l, bool tell)
{
    assert(l->follower);
    l->follower = NULL;
    if (tell)
        worker_drop_next(l->worker);
}

void lease_join(struct lease *l)
{
    assert(l->follower);
    l->heard = TAKE_PTR(l->follower);
    worker_join(l->worker, l);
}

int lease_render(struct lease *l, struct wmsg_render *render)
{
    return worker_render(l->worker, render);
}

void lease_replace_source(struct lease *l, uint32_t number, int source_fd)
{
    worker_replace_source(l->worker, number, source_fd);
}

bool lease_wake(struct lease *l, unsigned lane)
{
    return worker_wake(l->worker, lane);
}

void lease_hear_words(struct lease *l)
{
    worker_hear_words(l->worker);
}

void lease_kill(struct lease *l, const char *why)
{
    worker_kill(l->worker, why);
}
