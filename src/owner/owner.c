#include "owner/owner.h"

#include "base/log.h"
#include "session/sessions.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <uthash.h>

struct owner {
    struct owners *all;
    uint64_t number;
    char id[OWNER_ID_BYTES + 1];
    const struct front *front;
    struct ear *ear;
    void *data;
    uv_timer_t grace;
    UT_hash_handle by_id;
    UT_hash_handle by_number;
};

struct owners {
    struct owners_config config;
    struct news news;
    uint64_t last_number;
    struct owner *by_id;
    struct owner *by_number;
};

struct owners *owners_new(const struct owners_config *config)
{
    struct owners *all = calloc(1, sizeof *all);
    if (!all)
        return NULL;
    all->config = *config;
    news_init(&all->news, config->loop);
    return all;
}

static int make_id(char id[OWNER_ID_BYTES + 1])
{
    unsigned char bytes[OWNER_ID_BYTES / 2];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return -EIO;
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(id + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void forget(struct owner *o)
{
    o->front->ops->gone(o);
    HASH_DELETE(by_id, o->all->by_id, o);
    HASH_DELETE(by_number, o->all->by_number, o);
    uv_close((uv_handle_t *)&o->grace, on_timer_closed);
}

void owners_done(struct owners *all)
{
    struct owner *o, *tmp;
    HASH_ITER(by_number, all->by_number, o, tmp)
    {
        forget(o);
    }
    news_done(&all->news);
}

void owners_free(struct owners *all)
{
    free(all);
}

struct owner *owner_new(struct owners *all, struct ear *ear, void *data)
{
    struct owner *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    *o = (struct owner){ .all = all, .front = ear->front, .ear = ear, .data = data };
    o->number = ++all->last_number;
    if (make_id(o->id) < 0) {
        free(o);
        return NULL;
    }
    (void)uv_timer_init(all->config.loop, &o->grace);
    o->grace.data = o;
    HASH_ADD(by_id, all->by_id, id, OWNER_ID_BYTES, o);
    HASH_ADD(by_number, all->by_number, number, sizeof o->number, o);
    if (!o->by_id.tbl || !o->by_number.tbl) {
        if (o->by_id.tbl)
            HASH_DELETE(by_id, all->by_id, o);
        uv_close((uv_handle_t *)&o->grace, on_timer_closed);
        return NULL;
    }
    return o;
}

struct owner *owners_find(struct owners *all, const char *id)
{
    struct owner *o = NULL;
    if (strlen(id) == OWNER_ID_BYTES)
        HASH_FIND(by_id, all->by_id, id, OWNER_ID_BYTES, o);
    return o;
}

struct owner *owners_find_number(struct owners *all, uint64_t number)
{
    struct owner *o;
    HASH_FIND(by_number, all->by_number, &number, sizeof number, o);
    return o;
}

const char *owner_id(const struct owner *o)
{
    return o->id;
}

uint64_t owner_number(const struct owner *o)
{
    return o->number;
}

struct ear *owner_ear(const struct owner *o)
{
    return o->ear;
}

void *owner_data(const struct owner *o)
{
    return o->data;
}

static void on_grace_over(uv_timer_t *timer)
{
    struct owner *o = timer->data;
    log_debug("owner", "client %s did not come back", o->id);
    sessions_owner_gone(o->all->config.sessions, o->number);
    forget(o);
}

void owner_leave(struct owner *o, bool has_more)
{
    struct owners *all = o->all;
    assert(o->ear);
    o->ear = NULL;
    bool is_kept = has_more || sessions_have_plays_of(all->config.sessions, o->number) ||
                   HASH_CNT(by_number, all->by_number) <= all->config.kept_max;
    (void)uv_timer_start(&o->grace, on_grace_over, is_kept ? all->config.grace_ms : 0, 0);
}

void owner_return(struct owner *o, struct ear *ear)
{
    assert(ear->front == o->front);
    (void)uv_timer_stop(&o->grace);
    o->ear = ear;
}

struct news *owners_news(struct owners *all)
{
    return &all->news;
}

void owners_say(const struct event *e, const struct ticket *answer, uint64_t owner, void *arg)
{
    struct owners *all = arg;
    struct ear *has_heard = answer ? news_answer(e, answer) : NULL;
    if (owner == 0)
        return;
    const struct owner *o = owners_find_number(all, owner);
    news_tell(&all->news, e, o ? o->ear : NULL, has_heard);
}
