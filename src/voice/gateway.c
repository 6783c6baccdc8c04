#include "voice/gateway.h"

#include "voice/seal.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OP_IDENTIFY = 0,
    OP_SELECT_PROTOCOL = 1,
    OP_READY = 2,
    OP_HEARTBEAT = 3,
    OP_SESSION_DESCRIPTION = 4,
    OP_SPEAKING = 5,
    OP_HEARTBEAT_ACK = 6,
    OP_RESUME = 7,
    OP_HELLO = 8,
    OP_RESUMED = 9,
};

enum {
    DAVE_VERSION_MAX = 0, /* that we can: calls without end-to-end encryption */
    SPEAKING_MICROPHONE = 1,
    INTERVAL_MIN_MS = 50,
    INTERVAL_MAX_MS = 10 * 60 * 1000,
    SNOWFLAKE_CHARS = 21,
    BINARY_HEAD_BYTES = 3, /* sequence and opcode */
};

static void move(struct gateway *g, enum gateway_state to)
{
    static const bool allowed[GATEWAY_STATES][GATEWAY_STATES] = {
        [GATEWAY_OPENING] = { [GATEWAY_IDENTIFIED] = true, [GATEWAY_RESUMING] = true },
        [GATEWAY_IDENTIFIED] = { [GATEWAY_DISCOVERING] = true },
        [GATEWAY_DISCOVERING] = { [GATEWAY_SELECTED] = true },
        [GATEWAY_SELECTED] = { [GATEWAY_READY] = true },
        [GATEWAY_RESUMING] = { [GATEWAY_READY] = true },
        [GATEWAY_READY] = { [GATEWAY_READY] = true },
    };
    assert(allowed[g->state][to]);
    g->state = to;
}

static void say(struct gateway *g, int op, json_t *data)
{
    json_t *message = json_pack("{s:i, s:o?}", "op", op, "d", data);
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    json_decref(message);
    if (text)
        g->ops.send(text, g->ops.arg);
    else
        g->ops.broken("out of memory", g->ops.arg);
    if (text)
        OPENSSL_cleanse(text, strlen(text)); /* it may bear the token */
    free(text);
}

static const char *snowflake(uint64_t n, char text[SNOWFLAKE_CHARS])
{
    (void)snprintf(text, SNOWFLAKE_CHARS, "%" PRIu64, n);
    return text;
}

void gateway_init(struct gateway *g, const struct gateway_identity *identity,
                  const struct gateway_ops *ops)
{
    *g = (struct gateway){ .identity = *identity, .ops = *ops, .seq_ack = -1 };
}

static void identify(struct gateway *g)
{
    char guild[SNOWFLAKE_CHARS], user[SNOWFLAKE_CHARS];
    g->seq_ack = -1;
    say(g, OP_IDENTIFY,
        json_pack("{s:s, s:s, s:s, s:s, s:i}", "server_id", snowflake(g->identity.guild, guild),
                  "user_id", snowflake(g->identity.user, user), "session_id",
                  g->identity.session_id, "token", g->identity.token, "max_dave_protocol_version",
                  DAVE_VERSION_MAX));
}

static void resume(struct gateway *g)
{
    char guild[SNOWFLAKE_CHARS];
    say(g, OP_RESUME,
        json_pack("{s:s, s:s, s:s, s:i}", "server_id", snowflake(g->identity.guild, guild),
                  "session_id", g->identity.session_id, "token", g->identity.token, "seq_ack",
                  (int)g->seq_ack));
}

void gateway_open(struct gateway *g, bool resumes)
{
    assert(g->identity.session_id && g->identity.token);
    g->state = GATEWAY_OPENING;
    g->beat_ms = 0;
    move(g, resumes ? GATEWAY_RESUMING : GATEWAY_IDENTIFIED);
    if (resumes)
        resume(g);
    else
        identify(g);
}

void gateway_select(struct gateway *g, const char *address, uint16_t port)
{
    if (g->state != GATEWAY_DISCOVERING)
        return;
    move(g, GATEWAY_SELECTED);
    say(g, OP_SELECT_PROTOCOL,
        json_pack("{s:s, s:{s:s, s:i, s:s}}", "protocol", "udp", "data", "address", address, "port",
                  (int)port, "mode", seal_mode_name(g->mode)));
}

bool gateway_beat(struct gateway *g, uint64_t now_ms)
{
    if (g->beat_ms != 0)
        return false;
    g->beat_ms = now_ms;
    say(g, OP_HEARTBEAT,
        json_pack("{s:I, s:i}", "t", (json_int_t)now_ms, "seq_ack", (int)g->seq_ack));
    return true;
}

void gateway_speak(struct gateway *g, uint32_t ssrc, bool speaks)
{
    if (g->state != GATEWAY_READY)
        return;
    say(g, OP_SPEAKING,
        json_pack("{s:i, s:i, s:I}", "speaking", speaks ? SPEAKING_MICROPHONE : 0, "delay", 0,
                  "ssrc", (json_int_t)ssrc));
}

/* ---- what the server says ---- */

/* A whole number in [min, max], or `otherwise` for anything else. */
static int64_t number(const json_t *data, const char *key, int64_t min, int64_t max,
                      int64_t otherwise)
{
    const json_t *n = json_object_get(data, key);
    if (!json_is_integer(n) || json_integer_value(n) < min || json_integer_value(n) > max)
        return otherwise;
    return json_integer_value(n);
}

static bool offers(const json_t *modes, enum vmsg_mode mode)
{
    size_t i;
    const json_t *offered;
    json_array_foreach(modes, i, offered)
    {
        if (json_is_string(offered) &&
            strcmp(json_string_value(offered), seal_mode_name(mode)) == 0)
            return true;
    }
    return false;
}

static void on_ready(struct gateway *g, const json_t *data)
{
    const json_t *modes = json_object_get(data, "modes");
    const char *address = json_string_value(json_object_get(data, "ip"));
    int64_t ssrc = number(data, "ssrc", 0, UINT32_MAX, -1);
    int64_t port = number(data, "port", 1, UINT16_MAX, -1);
    if (g->state != GATEWAY_IDENTIFIED || ssrc < 0 || port < 0 || !address) {
        g->ops.broken("the voice server's answer makes no sense", g->ops.arg);
        return;
    }
    enum vmsg_mode mode = VMSG_AES256_GCM;
    while (mode < VMSG_MODE_COUNT && !offers(modes, mode))
        mode++;
    if (mode == VMSG_MODE_COUNT) {
        g->ops.broken("the voice server offers no encryption that is known here", g->ops.arg);
        return;
    }
    g->mode = mode;
    move(g, GATEWAY_DISCOVERING);
    struct gateway_server server = {
        .address = address, .port = (uint16_t)port, .ssrc = (uint32_t)ssrc, .mode = mode
    };
    g->ops.server(&server, g->ops.arg);
}

static bool read_key(const json_t *numbers, uint8_t key[VMSG_KEY_BYTES])
{
    if (!json_is_array(numbers) || json_array_size(numbers) != VMSG_KEY_BYTES)
        return false;
    for (size_t i = 0; i < VMSG_KEY_BYTES; i++) {
        const json_t *n = json_array_get(numbers, i);
        if (!json_is_integer(n) || json_integer_value(n) < 0 || json_integer_value(n) > UINT8_MAX)
            return false;
        key[i] = (uint8_t)json_integer_value(n);
    }
    return true;
}

static void on_description(struct gateway *g, const json_t *data)
{
    uint8_t key[VMSG_KEY_BYTES];
    const char *mode = json_string_value(json_object_get(data, "mode"));
    if ((g->state != GATEWAY_SELECTED && g->state != GATEWAY_READY) || !mode ||
        strcmp(mode, seal_mode_name(g->mode)) != 0 ||
        !read_key(json_object_get(data, "secret_key"), key)) {
        g->ops.broken("the voice server's description of the session makes no sense", g->ops.arg);
        return;
    }
    if (number(data, "dave_protocol_version", 0, UINT16_MAX, 0) > DAVE_VERSION_MAX) {
        g->ops.broken("this call is end-to-end encrypted, which was not offered", g->ops.arg);
    } else {
        move(g, GATEWAY_READY);
        g->ops.ready(key, g->ops.arg);
    }
    OPENSSL_cleanse(key, sizeof key);
}

static void on_hello(struct gateway *g, const json_t *data)
{
    const json_t *n = json_object_get(data, "heartbeat_interval");
    double interval_ms = json_number_value(n);
    if (!json_is_number(n) || !(interval_ms >= INTERVAL_MIN_MS && interval_ms <= INTERVAL_MAX_MS)) {
        g->ops.broken("the voice server wants heartbeats at no sensible interval", g->ops.arg);
        return;
    }
    g->ops.hello((unsigned)interval_ms, g->ops.arg);
}

static void on_op(struct gateway *g, int64_t op, const json_t *data)
{
    switch (op) {
    case OP_READY:
        on_ready(g, data);
        break;
    case OP_SESSION_DESCRIPTION:
        on_description(g, data);
        break;
    case OP_HEARTBEAT_ACK:
        if (g->beat_ms != 0)
            g->ops.beat(g->ops.arg);
        g->beat_ms = 0;
        break;
    case OP_HELLO:
        on_hello(g, data);
        break;
    case OP_RESUMED:
        if (g->state == GATEWAY_RESUMING) {
            move(g, GATEWAY_READY);
            g->ops.resumed(g->ops.arg);
        }
        break;
    default: /* who else is there and speaks, and what is to come */
        break;
    }
}

void gateway_take(struct gateway *g, const char *text, size_t len)
{
    json_t *message = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    int64_t op = number(message, "op", 0, UINT16_MAX, -1);
    if (op < 0) {
        json_decref(message);
        g->ops.broken("the voice server talks nonsense", g->ops.arg);
        return;
    }
    /* 0 is a sequence like another, and none is no 0. */
    int64_t seq = number(message, "seq", 0, UINT16_MAX, -1);
    if (seq >= 0)
        g->seq_ack = (int32_t)seq;
    on_op(g, op, json_object_get(message, "d"));
    json_decref(message);
}

void gateway_take_binary(struct gateway *g, const uint8_t *bytes, size_t len)
{
    if (len < BINARY_HEAD_BYTES) {
        g->ops.broken("the voice server talks nonsense", g->ops.arg);
        return;
    }
    g->seq_ack = bytes[0] << 8 | bytes[1];
}
