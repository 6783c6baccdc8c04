#include "proto/attach.h"

#include "proto/command.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

static int parse_attach(const json_t *o, struct attach_line *l)
{
    const char *client = json_string_value(json_object_get(o, "client"));
    const char *flow = json_string_value(json_object_get(o, "flow"));
    if (!client || !flow || strlen(client) > ATTACH_CLIENT_MAX)
        return -EBADMSG;
    l->credit_flow = strcmp(flow, "credit") == 0;
    if (!l->credit_flow && strcmp(flow, "paced") != 0)
        return -EBADMSG;
    const json_t *marks = json_object_get(o, "marks");
    if (marks && !json_is_boolean(marks))
        return -EBADMSG;
    l->marks = json_is_true(marks);
    memcpy(l->client, client, strlen(client) + 1);
    return 0;
}

static int parse_credit(const json_t *o, struct attach_line *l)
{
    const char *channel = json_string_value(json_object_get(o, "channel_id"));
    const json_t *frames = json_object_get(o, "frames");
    double n = json_number_value(frames);
    if (!channel || channel_parse(channel, &l->channel) < 0 || !json_is_number(frames) || n < 0 ||
        n != floor(n))
        return -EBADMSG;
    l->is_credit = true;
    l->frames = (uint32_t)fmin(n, ATTACH_CREDIT_MAX);
    return 0;
}

int attach_parse(const char *s, size_t len, struct attach_line *ret)
{
    json_t *o = json_loadb(s, len, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
    const char *type = json_string_value(json_object_get(o, "type"));
    struct attach_line l = { 0 };
    int r = -EBADMSG;
    if (type && strcmp(type, "attach") == 0)
        r = parse_attach(o, &l);
    else if (type && strcmp(type, "credit") == 0)
        r = parse_credit(o, &l);
    json_decref(o);
    if (r == 0)
        *ret = l;
    return r;
}
