#include "server/client.h"

#include "base/log.h"
#include "server/audio.h"
#include "server/control.h"
#include "server/client_limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Nobody can guess an id: it is all that a connection needs to become a client. */
static int make_id(char id[CLIENT_ID_BYTES + 1])
{
    unsigned char bytes[CLIENT_ID_BYTES / 2];
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

static void forget(struct client *c)
{
    if (c->audio)
        audio_close(c->audio);
    HASH_DELETE(by_id, c->all->by_id, c);
    HASH_DELETE(by_number, c->all->by_number, c);
    uv_close((uv_handle_t *)&c->grace, on_timer_closed);
}

struct client *client_new(struct clients *all, struct control_conn *control)
{
    struct client *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->all = all;
    c->number = ++all->last_number;
    c->control = control;
    c->outlet.ops = all->outlet_ops;
    if (make_id(c->id) < 0) {
        free(c);
        return NULL;
    }
    (void)uv_timer_init(all->loop, &c->grace);
    c->grace.data = c;
    HASH_ADD(by_id, all->by_id, id, CLIENT_ID_BYTES, c);
    HASH_ADD(by_number, all->by_number, number, sizeof c->number, c);
    if (!c->by_id.tbl || !c->by_number.tbl) {
        if (c->by_id.tbl)
            HASH_DELETE(by_id, all->by_id, c);
        uv_close((uv_handle_t *)&c->grace, on_timer_closed);
        return NULL;
    }
    client_update_flow(c);
    return c;
}

struct client *client_find(struct clients *all, const char *id)
{
    struct client *c = NULL;
    if (strlen(id) == CLIENT_ID_BYTES)
        HASH_FIND(by_id, all->by_id, id, CLIENT_ID_BYTES, c);
    return c;
}

struct client *client_find_number(struct clients *all, uint64_t number)
{
    struct client *c;
    HASH_FIND(by_number, all->by_number, &number, sizeof number, c);
    return c;
}

static void on_grace_over(uv_timer_t *timer)
{
    struct client *c = timer->data;
    log_debug("server", "client %s did not come back", c->id);
    sessions_client_gone(c->all->sessions, c->number);
    forget(c);
}

void client_leave(struct client *c)
{
    c->control = NULL;
    client_update_flow(c);
    bool has_something = c->audio || sessions_have_plays_of(c->all->sessions, c->number);
    bool kept = has_something || HASH_CNT(by_number, c->all->by_number) <= LIMIT_CLIENTS_KEPT;
    (void)uv_timer_start(&c->grace, on_grace_over, kept ? c->all->grace_ms : 0, 0);
}

void client_return(struct client *c, struct control_conn *control)
{
    (void)uv_timer_stop(&c->grace);
    c->control = control;
    client_update_flow(c);
}

void client_set_audio(struct client *c, struct audio_conn *audio)
{
    c->audio = audio;
    c->ever_attached |= audio != NULL;
    client_update_flow(c);
}

static enum outlet_flow flow_of(const struct client *c)
{
    if (!c->control)
        return OUTLET_HOLD;
    if (c->audio)
        return audio_is_credit_flow(c->audio) ? OUTLET_CREDIT : OUTLET_PACED;
    return !c->ever_attached && c->all->unattached_listener ? OUTLET_PACED : OUTLET_HOLD;
}

void client_update_flow(struct client *c)
{
    enum outlet_flow flow = flow_of(c);
    if (flow == c->outlet.flow)
        return;
    c->outlet.flow = flow;
    sessions_outlet_changed(c->all->sessions, c->number);
}

void clients_set_unattached_listener(struct clients *all, bool there_is)
{
    if (all->unattached_listener == there_is)
        return;
    all->unattached_listener = there_is;
    struct client *c, *tmp;
    HASH_ITER(by_number, all->by_number, c, tmp)
    {
        if (!c->ever_attached)
            client_update_flow(c);
    }
}

void clients_done(struct clients *all)
{
    struct client *c, *tmp;
    HASH_ITER(by_number, all->by_number, c, tmp)
    {
        if (c->control)
            c->control->client = NULL;
        forget(c);
    }
}
