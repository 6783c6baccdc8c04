#include "cli/client.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/sock.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
    /* The daemon's lines may be long: the status of thousands of sessions with their URLs. */
    IN_BYTES = 32 * 1024 * 1024,
    PROTOCOL = 1,
};

struct control_client {
    int fd;
    struct buf in;
    size_t scanned; /* buf_find_newline's */
    uint64_t n_tags;
    char id[80];
};

static int wait_event(struct control_client *c, uint64_t deadline_ns, json_t **ret_event)
{
    for (;;) {
        int n = client_next(c, ret_event);
        if (n != 0)
            return n;
        uint64_t now_ns = clock_now_ns();
        if (now_ns >= deadline_ns)
            return -ETIMEDOUT;
        n = sock_wait(c->fd, (int)((deadline_ns - now_ns) / NS_PER_MS) + 1);
        if (n < 0 && n != -EINTR)
            return n;
    }
}

static uint64_t deadline(void)
{
    return clock_now_ns() + CLIENT_TIMEOUT_MS * NS_PER_MS;
}

static int take_greeting(struct control_client *c)
{
    json_auto_t *hello = NULL;
    int n = wait_event(c, deadline(), &hello);
    if (n < 0)
        return n;
    const char *id = event_text(hello, "client", "");
    if (!event_is(hello, "hello") || event_number(hello, "protocol", 0) != PROTOCOL ||
        id[0] == '\0' || strlen(id) >= sizeof c->id)
        return -EPROTO;
    (void)snprintf(c->id, sizeof c->id, "%s", id);
    return 0;
}

int client_open(const char *path, struct control_client **ret)
{
    int fd = sock_connect(path);
    if (fd < 0)
        return fd;
    struct control_client *c = calloc(1, sizeof *c);
    if (!c) {
        (void)close(fd);
        return -ENOMEM;
    }
    c->fd = fd;
    buf_init(&c->in, IN_BYTES);
    int err = take_greeting(c);
    if (err < 0) {
        client_free(c);
        return err == -ECONNRESET ? -EPIPE : err;
    }
    *ret = c;
    return 0;
}

void client_free(struct control_client *c)
{
    if (!c)
        return;
    cleanup_fd(&c->fd);
    buf_done(&c->in);
    free(c);
}

const char *client_id(const struct control_client *c)
{
    return c->id;
}

int client_fd(const struct control_client *c)
{
    return c->fd;
}

int client_send(struct control_client *c, json_t *command, char ret_tag[CLIENT_TAG_BYTES])
{
    json_auto_t *owned = command;
    if (!owned)
        return -ENOMEM;
    if (ret_tag) {
        (void)snprintf(ret_tag, CLIENT_TAG_BYTES, "c%llu", (unsigned long long)++c->n_tags);
        if (json_object_set_new(owned, "tag", json_string(ret_tag)) < 0)
            return -ENOMEM;
    }
    AUTO_FREE char *line = json_dumps(owned, JSON_COMPACT | JSON_REAL_PRECISION(15));
    if (!line)
        return -ENOMEM;
    size_t len = strlen(line);
    line[len] = '\n'; /* in the place of the NUL: the bytes are sent by their length */
    return sock_send(c->fd, line, len + 1, CLIENT_TIMEOUT_MS);
}

/* Cuts the first whole line off the buffer and parses it. Returns 1, 0 if there is none. */
static int take_line(struct control_client *c, json_t **ret_event)
{
    const char *end = buf_find_newline(&c->in, &c->scanned);
    if (!end)
        return 0;
    const char *head = buf_head(&c->in);
    size_t line_len = (size_t)(end - head);
    json_t *event = json_loadb(head, line_len, 0, NULL);
    buf_consume(&c->in, line_len + 1);
    if (!json_is_object(event)) {
        json_decref(event);
        return -EPROTO;
    }
    *ret_event = event;
    return 1;
}

int client_next(struct control_client *c, json_t **ret_event)
{
    int n = take_line(c, ret_event);
    while (n == 0) {
        n = sock_fill(c->fd, &c->in);
        if (n <= 0)
            return n;
        n = take_line(c, ret_event);
    }
    return n;
}

int client_ask(struct control_client *c, json_t *command, json_t **ret_answer)
{
    char tag[CLIENT_TAG_BYTES];
    int err = client_send(c, command, tag);
    if (err < 0)
        return err;
    uint64_t until_ns = deadline();
    for (;;) {
        json_auto_t *event = NULL;
        int n = wait_event(c, until_ns, &event);
        if (n < 0)
            return n;
        if (strcmp(event_text(event, "tag", ""), tag) == 0) {
            *ret_answer = TAKE_PTR(event);
            return 0;
        }
    }
}

const char *event_text(const json_t *event, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(event, key));
    return text ? text : otherwise;
}

double event_number(const json_t *event, const char *key, double otherwise)
{
    const json_t *value = json_object_get(event, key);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

int event_is(const json_t *event, const char *type)
{
    return strcmp(event_text(event, "type", ""), type) == 0;
}
